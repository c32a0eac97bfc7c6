//! `cargo xtask bench tracing`: what tracing costs, beside cProfile and line_profiler, and what
//! [`watching`] costs.
//!
//! The same work again and again: alone, under ours and under theirs, in an order that dice
//! decide. The program measures its own work, so what counts is not the start. A figure is the
//! median of the ratios to the run alone of the same round, with the interval of the sign test.

use super::child;
use super::options::Options;
use super::progress::Progress;
use super::rig::{self, Program, Rig};
use super::statistics::{Dice, Median, median};
use super::watching;
use crate::peers;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::process::Command;
use std::time::Duration;

/// Programs with how often each repeats its work (about half a second), and the most that each of
/// our [`WAYS`] may cost on 3.15.
const PROGRAMS: [(&str, &str, [f64; 3]); 4] = [
    ("richards", "10x", [2.0, 1.6, 1.35]),
    ("deltablue", "150x", [2.6, 2.0, 1.1]),
    ("raytrace", "8x", [2.0, 1.6, 1.15]),
    ("nbody", "4x", [1.05, 1.05, 2.6]),
];
/// From 3.12 to 3.14 a ratio may be larger by so much; older versions are only reported.
const OLDER: f64 = 1.25;
const DEADLINE: Duration = Duration::from_secs(300);

/// How the work is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Alone,
    Calls,
    PythonCalls,
    Lines,
    CProfile,
    LineProfiler,
}

/// Ours, in the order of the limits above.
const WAYS: [(Way, &str, Way); 3] = [
    (Way::Calls, "calls, C functions too", Way::CProfile),
    (Way::PythonCalls, "calls of Python functions", Way::CProfile),
    (
        Way::Lines,
        "lines of the hottest function",
        Way::LineProfiler,
    ),
];

/// The bench. `--only 15,13` chooses versions.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    if options.help {
        println!(
            "usage: cargo xtask bench tracing [--quick] [--only 15,13] [--pitstop PATH] [--json FILE]"
        );
        return Ok(());
    }
    let minors = minors(&options)?;
    let rig = Rig::prepare(&options)?;
    for missing in peers::prepare(&rig.pythons) {
        println!("missing: {missing}");
    }
    let rounds = if options.quick { 3 } else { 15 };
    let cases = minors.len() * PROGRAMS.len();
    // Alone and five ways of half a second each, twice as long on average.
    let round_s = 6.0;
    let mut progress = Progress::new("tracing", cases as f64 * rounds as f64 * round_s);
    let (mut lines, mut raw) = (Vec::new(), Vec::new());
    for &minor in &minors {
        for (name, amount, limits) in PROGRAMS {
            let measured = measure(&rig, minor, name, amount, rounds)?;
            progress.done(rounds as f64 * round_s, &format!("3.{minor} {name}"));
            for ((way, what, peer), limit) in WAYS.into_iter().zip(limits) {
                lines.push(line(minor, name, what, &measured, (way, peer), limit));
            }
            raw.push(measured.to_json(minor, name));
        }
        let rounds = if options.quick { 3 } else { 9 };
        lines.push(empty(&rig, minor, rounds)?);
        lines.extend(watching::lines(&rig, minor, rounds)?);
    }
    println!(
        "\n{:<52} {:>8} {:>22} {:>9}",
        "", "target", "pitstop", "peer"
    );
    for line in &lines {
        println!("{line}");
    }
    println!("ratios to the run alone, median of {rounds} rounds; in brackets: 95 % interval");
    if let Some(path) = &options.json {
        std::fs::write(path, format!("{:#}\n", Value::Array(raw)))?;
    }
    Ok(())
}

fn minors(options: &Options) -> Result<Vec<u8>> {
    if options.only.is_empty() {
        return Ok(if options.quick {
            vec![15]
        } else {
            vec![11, 12, 13, 14, 15]
        });
    }
    let read = |text: &String| {
        let minor = text.strip_prefix("3.").unwrap_or(text);
        minor
            .parse()
            .with_context(|| format!("`{text}` is no version of Python"))
    };
    options.only.iter().map(read).collect()
}

/// The time of each round, by way.
struct Measured(Vec<(Way, Vec<f64>)>);

impl Measured {
    fn ratio(&self, way: Way) -> Option<Median> {
        let times = |way| {
            self.0
                .iter()
                .find(|(one, _)| *one == way)
                .map(|(_, times)| times)
        };
        let (alone, times) = (times(Way::Alone)?, times(way)?);
        let ratios: Vec<f64> = times
            .iter()
            .zip(alone)
            .map(|(time, alone)| time / alone)
            .collect();
        median(&ratios)
    }

    fn to_json(&self, minor: u8, name: &str) -> Value {
        let times = self.0.iter();
        let times: serde_json::Map<String, Value> = times
            .map(|(way, times)| (format!("{way:?}"), json!(times)))
            .collect();
        json!({ "python": format!("3.{minor}"), "program": name, "ns": times })
    }
}

fn measure(rig: &Rig, minor: u8, name: &str, amount: &str, rounds: usize) -> Result<Measured> {
    let mut all: Vec<(Way, Vec<f64>)> = [
        Way::Alone,
        Way::Calls,
        Way::PythonCalls,
        Way::Lines,
        Way::CProfile,
    ]
    .map(|way| (way, Vec::new()))
    .to_vec();
    if peers::directory().join(format!("3.{minor}")).is_dir() {
        all.push((Way::LineProfiler, Vec::new()));
    }
    let mut dice = Dice::new();
    for _ in 0..rounds {
        dice.shuffle(&mut all);
        for (way, times) in &mut all {
            let program = program(rig, minor, name, amount, *way)?;
            let ended = child::run(command(rig, &program, *way), &rig.scratch, DEADLINE)?;
            let ended = ended.check(&format!("{way:?} of {name} on 3.{minor}"))?;
            let line = ended
                .stdout
                .lines()
                .rev()
                .find_map(|line| line.trim().parse().ok());
            times.push(line.with_context(|| format!("{name} does not say how long it took"))?);
        }
    }
    Ok(Measured(all))
}

/// Lines are timed in a program that decorates its hottest function.
fn program(rig: &Rig, minor: u8, name: &str, amount: &str, way: Way) -> Result<Program> {
    match way {
        Way::Lines | Way::LineProfiler => {
            let mut program = rig.suite_program(minor, "hottest", amount)?;
            program.words.push(name.into());
            Ok(program)
        }
        _ => rig.suite_program(minor, name, amount),
    }
}

fn command(rig: &Rig, program: &Program, way: Way) -> Command {
    let python = &program.python.executable;
    let ours = |words: &[&str]| {
        let mut command = Command::new(&rig.pitstop);
        // A bench does not replace the user's last result.
        command.env("XDG_CACHE_HOME", &rig.scratch);
        command.args(words).arg("--python").arg(python);
        command
    };
    let file = rig.scratch.join("tracing.out");
    let mut command = match way {
        Way::Alone => Command::new(python),
        Way::Calls => ours(&["trace", "-q"]),
        Way::PythonCalls => ours(&["trace", "-q", "--no-c-calls"]),
        Way::Lines => {
            let mut command = ours(&["lines", "--exact", "-q"]);
            command.arg("-o").arg(file.with_extension("lprof"));
            command
        }
        Way::CProfile => {
            let mut command = Command::new(python);
            command.args(["-m", "cProfile", "-o"]).arg(&file);
            command
        }
        Way::LineProfiler => {
            let packages = peers::directory().join(format!("3.{}", program.python.minor));
            let mut command = Command::new(python);
            command.env("PYTHONPATH", packages);
            command
                .args(["-m", "kernprof", "-l", "-q", "-o"])
                .arg(&file);
            command
        }
    };
    command.args(&program.words).env("PYTHONHASHSEED", "0");
    command
}

fn line(
    minor: u8,
    name: &str,
    what: &str,
    measured: &Measured,
    (way, peer): (Way, Way),
    limit: f64,
) -> String {
    let limit = match minor {
        15 => Some(limit),
        12..=14 => Some(limit * OLDER),
        _ => None,
    };
    let ours = measured.ratio(way);
    let shown = ours.map_or("-".into(), |one| {
        format!("{:.2} ({:.2} to {:.2})", one.value, one.low, one.high)
    });
    let theirs = measured
        .ratio(peer)
        .map_or("-".into(), |one| format!("{:.2}", one.value));
    let reached = match ours.zip(limit) {
        Some((ours, limit)) if ours.value <= limit => "yes",
        Some(_) => "NO",
        None => "",
    };
    let target = limit.map_or(String::new(), |limit| format!("<= {limit:.2}"));
    format!(
        "{:<52} {target:>8} {shown:>22} {theirs:>9} {reached}",
        format!("3.{minor} {name}: {what}")
    )
}

/// What an empty function seems to cost, and its caller's loop, against what they do cost: means of
/// whole runs, with and without the tracer in turn, and the median of the differences.
fn empty(rig: &Rig, minor: u8, rounds: usize) -> Result<String> {
    let script = rig::fixtures("bench").join("empty_calls.py");
    let python = rig.python(minor)?;
    let calls = 200_000.0;
    let mut errors = [Vec::new(), Vec::new()];
    let mut truths = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        let mut command = Command::new(&python.executable);
        command.arg(&script).arg("--true");
        let ended = child::run(command, &rig.scratch, DEADLINE)?.check("empty_calls.py")?;
        let words = ended.stdout.split(' ');
        let truth: Vec<f64> = words.filter_map(|word| word.trim().parse().ok()).collect();
        if truth.len() != 2 {
            bail!("empty_calls.py says `{}`", ended.stdout.trim());
        }
        let mut command = Command::new(&rig.pitstop);
        command.env("XDG_CACHE_HOME", &rig.scratch);
        command
            .args(["trace", "-q", "--python"])
            .arg(&python.executable)
            .arg(&script);
        child::run(command, &rig.scratch, DEADLINE)?.check("pitstop trace")?;
        let mut command = Command::new(&rig.pitstop);
        command
            .env("XDG_CACHE_HOME", &rig.scratch)
            .args(["trace", "last", "--json"]);
        let ended = child::run(command, &rig.scratch, DEADLINE)?.check("pitstop trace last")?;
        let shown: Value = serde_json::from_str(&ended.stdout)?;
        for (index, name) in ["empty", "call"].into_iter().enumerate() {
            let functions = shown["functions"].as_array().context("no functions")?;
            let one = functions.iter().find(|one| one["name"] == name);
            let one = one.with_context(|| format!("`{name}` was not called"))?;
            let own_ns = one["own_ns"].as_f64().context("no own time")?;
            errors[index].push(own_ns / calls - truth[index]);
            truths[index].push(truth[index]);
        }
    }
    let middle = |values: &Vec<f64>| Ok(median(values).context("nothing was measured")?.value);
    let [callee, caller]: [Result<f64>; 2] = errors.each_ref().map(middle);
    let [a_call, a_round]: [Result<f64>; 2] = truths.each_ref().map(middle);
    let (callee, caller, a_call, a_round) = (callee?, caller?, a_call?, a_round?);
    Ok(format!(
        "{:<52} {:>8} {:>22}   a call takes {a_call:.1}, a round of the loop {a_round:.1} ns",
        format!("3.{minor} error on an empty function"),
        "<= 5 ns",
        format!("{callee:+.1} and {caller:+.1} ns"),
    ))
}

//! `cargo xtask bench compare`, also called `bench`: how often verdicts are wrong, and how soon right ones come.
//!
//! *A/A*: both sides are the same code; every `faster` or `slower` is false. *Sensitivity*: the
//! second side does 1, 2 or 5 % more; counted is how often that is found, and the wall time until
//! then. Peers answer the same questions on the same machine: pyperf by its own significance test,
//! pytest-benchmark and hyperfine, which have none, by Welch's t on their rounds, which is what
//! people do with them.

use super::compare_peers::{self, Peer};
use super::journal::Journal;
use super::rig;
use crate::workspace;
use anyhow::{Context, Result, bail};
use pitstop_stats::{median, wilson95};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const USAGE: &str = "\
usage: cargo xtask bench compare [options]     (or: cargo xtask bench bench)

    --null N          A/A comparisons in all [400]
    --power N         comparisons for each difference and program [20]
    --peers N         comparisons by each peer, with and without a difference [3]
    --journal FILE    A/A comparisons are written down here, and those that are there count: a long
                      run can be stopped and gone on with
    --for SECONDS     begin no A/A comparison after so long; nothing else is measured then
    --loaded          with one busy program a CPU beside it
    --quick           few of everything: shows that it works, not how well
    --python PATH     the interpreter [target/pythons/3.13]
    --pitstop PATH    measure this one instead of building one
    --json FILE       also write all results to this file";

/// A program: its name, setup, and statement with `N` for its amount of work; that work.
pub(super) struct Work {
    pub(super) name: &'static str,
    pub(super) setup: &'static str,
    pub(super) statement: &'static str,
    pub(super) amount: f64,
}

impl Work {
    /// The statement with so much more of it, as a share.
    pub(super) fn with(&self, more: f64) -> String {
        let amount = self.amount * (1.0 + more);
        let amount = if amount >= 1.0 {
            format!("{amount:.0}")
        } else {
            format!("{amount:.6}")
        };
        self.statement.replace('N', &amount)
    }
}

pub(super) const WORKS: [Work; 4] = [
    Work {
        name: "integers",
        setup: "def w(n):\n    s = 0\n    for i in range(n): s += i * i % 7\n    return s",
        statement: "w(N)",
        amount: 1000.0,
    },
    Work {
        name: "dictionary",
        setup: "keys = ['key_%d' % i for i in range(3000)]\n\
                def w(n):\n    d = {}\n    for k in keys[:n]: d[k] = 1\n    for k in keys[:n]: d[k]",
        statement: "w(N)",
        amount: 1000.0,
    },
    Work {
        name: "json",
        setup: "import json\nx = {'a': list(range(50)), 'b': {'x%d' % i: str(i) for i in range(30)}}\n\
                def w(n):\n    for _ in range(n): json.dumps(x)",
        statement: "w(N)",
        amount: 100.0,
    },
    Work {
        name: "sleep",
        setup: "from time import sleep",
        statement: "sleep(N)",
        amount: 0.002,
    },
];

struct Options {
    null: usize,
    power: usize,
    peers: usize,
    loaded: bool,
    python: PathBuf,
    pitstop: Option<PathBuf>,
    json: Option<PathBuf>,
    journal: Option<PathBuf>,
    limit: Option<Duration>,
}

fn options(arguments: &[String]) -> Result<Option<Options>> {
    let mut options = Options {
        null: 400,
        power: 20,
        peers: 3,
        loaded: false,
        python: workspace::pythons().join("3.13/bin/python3.13"),
        pitstop: None,
        json: None,
        journal: None,
        limit: None,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || {
            rest.next()
                .with_context(|| format!("`{argument}` needs a value"))
        };
        match argument.as_str() {
            "--null" => options.null = value()?.parse()?,
            "--power" => options.power = value()?.parse()?,
            "--peers" => options.peers = value()?.parse()?,
            "--loaded" => options.loaded = true,
            "--journal" => options.journal = Some(value()?.into()),
            "--for" => options.limit = Some(Duration::from_secs(value()?.parse()?)),
            "--quick" => (options.null, options.power, options.peers) = (8, 2, 1),
            "--python" => options.python = value()?.into(),
            "--pitstop" => options.pitstop = Some(PathBuf::from(value()?).canonicalize()?),
            "--json" => options.json = Some(value()?.into()),
            "--help" | "-h" => return Ok(None),
            unknown => bail!("no option `{unknown}`\n\n{USAGE}"),
        }
    }
    if !options.python.is_file() {
        bail!(
            "`{}` is no interpreter: --python PATH",
            options.python.display()
        );
    }
    Ok(Some(options))
}

/// Programs that keep the CPUs busy; they end when this is dropped.
struct Load(Vec<Child>);

impl Load {
    fn start(wanted: bool) -> Result<Self> {
        let count = if wanted {
            std::thread::available_parallelism().map_or(1, usize::from)
        } else {
            0
        };
        let busy = || {
            let mut command = Command::new("sh");
            command
                .args(["-c", "while :; do :; done"])
                .stdin(Stdio::null())
                .spawn()
        };
        let children: std::io::Result<Vec<Child>> = (0..count).map(|_| busy()).collect();
        Ok(Self(children.context("no load can be made")?))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // It is ours and endless.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// One comparison by pitstop: the verdict and the document; how long it took.
fn compare(pitstop: &Path, python: &Path, work: &Work, more: f64) -> Result<(Value, f64)> {
    let start = Instant::now();
    let mut command = Command::new(pitstop);
    command
        .args(["compare", "--json", "--python"])
        .arg(python)
        .args([
            "-s",
            work.setup,
            "--a",
            &work.with(0.0),
            "--b",
            &work.with(more),
        ]);
    let output = command.output().context("pitstop cannot be started")?;
    let wall = start.elapsed().as_secs_f64();
    let document: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let answer = &document["comparisons"][0];
    let short = json!({
        "work": work.name, "more": more, "wall_s": wall, "verdict": answer["verdict"],
        "ratio": answer["ratio"], "interval": answer["interval"], "pairs": answer["pairs"],
        "spread": answer["spread_share"],
    });
    Ok((short, wall))
}

/// The bench.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let Some(options) = options(arguments)? else {
        println!("{USAGE}");
        return Ok(());
    };
    let pitstop = match &options.pitstop {
        Some(path) => path.clone(),
        None => rig::build(&["--package", "pitstop-cli"])?,
    };
    let peers = compare_peers::prepare(&rig::home(), &options.python);
    let _load = Load::start(options.loaded)?;
    let mut raw = Vec::new();
    let state = if options.loaded { "loaded" } else { "as it is" };
    println!("\nmachine {state}; each comparison up to 10 s, minimum effect 1 %, error 5 %\n");
    null(&pitstop, &options, &mut raw)?;
    if options.limit.is_some() {
        return Ok(());
    }
    for more in [0.01, 0.02, 0.05] {
        power(&pitstop, &options, more, &mut raw)?;
    }
    for peer in &peers {
        for more in [0.0, 0.01] {
            ask_peer(peer, &options, more, &mut raw)?;
        }
    }
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_string_pretty(&raw)?)?;
        println!("wrote {}", path.display());
    }
    Ok(())
}

fn null(pitstop: &Path, options: &Options, raw: &mut Vec<Value>) -> Result<()> {
    let mut journal = Journal::open(options.journal.as_deref(), options.limit)?;
    let state = json!(options.loaded);
    while journal.with("loaded", &state).len() < options.null && !journal.is_over() {
        let round = journal.with("loaded", &state).len();
        let work = &WORKS[round % WORKS.len()];
        let (mut answer, _) = compare(pitstop, &options.python, work, 0.0)?;
        answer["loaded"] = state.clone();
        journal.keep(answer)?;
    }
    let answers = journal.with("loaded", &state);
    let (mut wrong, mut missed, mut walls) = (0u32, 0u32, Vec::new());
    for answer in &answers {
        let verdict = answer["verdict"].as_str().unwrap_or_default();
        wrong += u32::from(matches!(verdict, "faster" | "slower"));
        missed += u32::from(!holds(answer, 1.0));
        walls.extend(answer["wall_s"].as_f64());
    }
    let count = answers.len().max(1);
    raw.extend(answers);
    let share = |n: u32| f64::from(n) / count as f64;
    let upper = |n: u32| 100.0 * wilson95(share(n), count as u64).high;
    let lower = 100.0 * wilson95(share(wrong), count as u64).low;
    println!(
        "A/A         {wrong} of {count} called different ({:.1} %, {lower:.1} to {:.1} % at 95 %; \
         to reach 5, at most 8)",
        100.0 * share(wrong),
        upper(wrong)
    );
    println!(
        "            {missed} ranges without the truth ({:.1} %, at most {:.1} %); median {:.2} s",
        100.0 * share(missed),
        upper(missed),
        median(&walls)
    );
    Ok(())
}

/// Whether the range holds the truth; an open one holds everything.
fn holds(answer: &Value, truth: f64) -> bool {
    let end = |name: &str| answer["interval"][name].as_f64();
    match (end("low"), end("high")) {
        (Some(low), Some(high)) => low <= truth && truth <= high,
        _ => true,
    }
}

fn power(pitstop: &Path, options: &Options, more: f64, raw: &mut Vec<Value>) -> Result<()> {
    let (mut found, mut false_ones, mut walls) = (0u32, 0u32, Vec::new());
    let works = &WORKS[..3];
    for round in 0..options.power * works.len() {
        let work = &works[round % works.len()];
        let (answer, wall) = compare(pitstop, &options.python, work, more)?;
        match answer["verdict"].as_str() {
            Some("slower") => {
                found += 1;
                walls.push(wall);
            }
            Some("faster") => false_ones += 1,
            _ => {}
        }
        raw.push(answer);
    }
    println!(
        "+{:.0} %        {found} of {} found, {false_ones} the wrong way; median {:.2} s to the verdict",
        100.0 * more,
        options.power * works.len(),
        median(&walls)
    );
    Ok(())
}

fn ask_peer(peer: &Peer, options: &Options, more: f64, raw: &mut Vec<Value>) -> Result<()> {
    let (mut different, mut walls) = (0u32, Vec::new());
    for round in 0..options.peers {
        let work = &WORKS[round % 3];
        let start = Instant::now();
        let is_different = (peer.ask)(peer, work, more)?;
        let wall = start.elapsed().as_secs_f64();
        walls.push(wall);
        different += u32::from(is_different);
        raw.push(json!({
            "peer": peer.name, "work": work.name, "more": more, "wall_s": wall,
            "different": is_different,
        }));
    }
    if !walls.is_empty() {
        let question = if more > 0.0 { "+1 %" } else { "A/A " };
        println!(
            "{question}        {different} of {} called different by {}; median {:.1} s",
            walls.len(),
            peer.name,
            median(&walls)
        );
    }
    Ok(())
}

//! `[tool.pitstop.gate]` and `[tool.pitstop.budgets]` of pyproject.toml.

use super::quantity::{example, limit};
use super::reader::{Document, Item, Section};
use super::waivers::{self, Promise};
use crate::contender::{is_function, is_script, work};
use crate::exit::{Failure, Status};
use pitstop_analysis::gate::{Kind, Limit, OnInconclusive};
use pitstop_bench::{Counting, Work};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::DeValue;

/// The file.
pub(crate) const FILE: &str = "pyproject.toml";

/// The keys of the command that shows a program at work, and of the one that tests it: read by
/// `workload`.
pub(crate) const WORKLOAD: &str = "workload";
pub(crate) const TEST_COMMAND: &str = "test-command";

/// How long one check may take, unless it says otherwise.
const TIME_BUDGET: Duration = Duration::from_secs(10);

/// How often a gate may be wrong about anything at all.
const ERROR: f64 = 0.05;

/// Sizes that a growth is looked for in: doublings.
const SIZES: [u64; 8] = [500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000];

/// All of it.
#[derive(Debug)]
pub(crate) struct Config {
    /// The file as it is shown.
    pub(crate) file: String,
    /// What to compare with, where it says so.
    pub(crate) against: Option<String>,
    /// How often the gate may be wrong.
    pub(crate) error: f64,
    /// How long one check may take.
    pub(crate) time: Duration,
    /// What to make of checks that stay open.
    pub(crate) on_inconclusive: OnInconclusive,
    /// The budgets, in the order of the file.
    pub(crate) budgets: Vec<Budget>,
    /// The waivers.
    pub(crate) waivers: Vec<Promise>,
}

/// Something that can be run, and its limits.
#[derive(Debug)]
pub(crate) struct Budget {
    /// What it is called.
    pub(crate) name: String,
    /// What is run.
    pub(crate) work: Work,
    /// Its limits.
    pub(crate) limits: Vec<Wanted>,
    /// How inputs of a size are made, and the sizes.
    pub(crate) input: Option<(String, Vec<u64>)>,
}

/// One limit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) kind: Kind,
    pub(crate) limit: Limit,
    pub(crate) line: u32,
}

/// The configuration from here upwards, and the directory that it lies in.
pub(crate) fn find() -> Result<(PathBuf, PathBuf), Failure> {
    let here = std::env::current_dir().map_err(|error| {
        Failure::new(Status::CannotMeasure, "the current directory is gone").because(error)
    })?;
    let found = here
        .ancestors()
        .find(|directory| directory.join(FILE).is_file());
    match found {
        Some(directory) => Ok((directory.to_owned(), directory.join(FILE))),
        None => Err(
            Failure::new(Status::Usage, format!("there is no `{FILE}` here"))
                .because(format!("looked in `{}` and above", here.display()))
                .cure("write budgets with: pitstop gate --init module:function"),
        ),
    }
}

/// Reads a file. `shown` is its name in messages.
pub(crate) fn read(path: &Path, shown: &str) -> Result<Config, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(Status::Usage, format!("`{shown}` cannot be read")).because(error)
    })?;
    parse(&text, shown, path.parent().unwrap_or(Path::new("")))
}

/// Reads a text; `directory` is where other files are looked for.
fn parse(text: &str, file: &str, directory: &Path) -> Result<Config, Failure> {
    let document = Document { file, text };
    let table = document.parse()?;
    let root = Section::root(document, table.get_ref());
    let ours = root.down(&["tool", "pitstop"])?;
    let Some(ours) = ours else {
        return Err(none(file));
    };
    ours.only(&["gate", "budgets", WORKLOAD, TEST_COMMAND])?;
    let mut config = Config {
        file: file.to_owned(),
        against: None,
        error: ERROR,
        time: TIME_BUDGET,
        on_inconclusive: OnInconclusive::Report,
        budgets: Vec::new(),
        waivers: Vec::new(),
    };
    let gate = ours.down(&["gate"])?;
    let mut defaults = Vec::new();
    if let Some(gate) = &gate {
        settings(gate, &mut config)?;
        if let Some(item) = gate.get("default") {
            let section = item.section("default = { time = \"+3%\" }")?;
            section.only(&KINDS)?;
            defaults = limits(&section)?.0;
        }
    }
    let budgets = ours.down(&["budgets"])?;
    for (name, item) in budgets.iter().flat_map(Section::all) {
        let section = item.section("[tool.pitstop.budgets.NAME]")?;
        config.budgets.push(budget(name, &section, &defaults)?);
    }
    if config.budgets.is_empty() {
        return Err(none(file));
    }
    if let Some(item) = gate.as_ref().and_then(|gate| gate.get("waivers")) {
        config.waivers = waivers::read(&item, &config.budgets, directory)?;
    }
    Ok(config)
}

fn none(file: &str) -> Failure {
    Failure::new(Status::Usage, format!("`{file}` has no budgets"))
        .because("there is no table [tool.pitstop.budgets.NAME] in it")
        .cure("write some with: pitstop gate --init module:function")
}

fn settings(gate: &Section<'_>, config: &mut Config) -> Result<(), Failure> {
    gate.only(&[
        "against",
        "default",
        "error",
        "on-inconclusive",
        "time-budget",
        "waivers",
    ])?;
    if let Some(item) = gate.get("against") {
        config.against = Some(item.string("\"main\"")?.to_owned());
    }
    if let Some(item) = gate.get("error") {
        let text = item.string("\"5%\"")?;
        config.error = crate::args::error_rate(text)
            .map_err(|why| item.wrong(format_args!("is `{text}`")).cure(why))?;
    }
    if let Some(item) = gate.get("time-budget") {
        let text = item.string("\"10s\"")?;
        config.time = crate::args::duration(text)
            .map_err(|why| item.wrong(format_args!("is `{text}`")).cure(why))?;
    }
    if let Some(item) = gate.get("on-inconclusive") {
        config.on_inconclusive = match item.string("\"warn\"")? {
            "report" => OnInconclusive::Report,
            "warn" => OnInconclusive::Warn,
            "fail" => OnInconclusive::Fail,
            other => {
                return Err(item
                    .wrong(format_args!("is `{other}`"))
                    .cure("write \"report\" (exit status 4), \"warn\" (0) or \"fail\" (1)"));
            }
        };
    }
    Ok(())
}

/// The keys that are limits.
const KINDS: [&str; 9] = [
    "time",
    "latency",
    "peak-rss",
    "peak-allocated",
    "bytecodes",
    "imports",
    "import-time",
    "complexity",
    "allocations",
];

fn budget(name: String, section: &Section<'_>, defaults: &[Wanted]) -> Result<Budget, Failure> {
    let mut known = vec!["run", "statement", "setup"];
    known.extend(KINDS);
    section.only(&known)?;
    let work = work_of(&name, section)?;
    let (mut wanted, off) = limits(section)?;
    for one in &wanted {
        if let Some(why) = impossible(one.kind, &work) {
            let item = section.get(&key_of(one.kind));
            let failure = item.map_or_else(|| section.wrong(why), |item| item.wrong(why));
            return Err(failure.cure("leave it out, or run a module:function"));
        }
    }
    for one in defaults {
        let key = key_of(one.kind);
        let is_set = section.get(&key).is_some() || off.contains(&key);
        if !is_set && impossible(one.kind, &work).is_none() {
            wanted.push(one.clone());
        }
    }
    if wanted.is_empty() {
        return Err(section
            .wrong("has no limit")
            .cure("add one: time = \"+3%\", or [tool.pitstop.gate] default = { time = \"+3%\" }"));
    }
    let input = match section.get("complexity") {
        Some(item) => Some(input(&item)?),
        None => None,
    };
    Ok(Budget {
        name,
        work,
        limits: wanted,
        input,
    })
}

/// The key that a kind is written under.
fn key_of(kind: Kind) -> String {
    let key = kind.key();
    key.split('.').next().unwrap_or_default().to_owned()
}

/// Why a kind cannot be had of some work.
fn impossible(kind: Kind, work: &Work) -> Option<&'static str> {
    match (kind, work) {
        (Kind::Latency(_), Work::Script { .. } | Work::Command { .. }) => {
            Some("is about single calls, and a process is run only once")
        }
        (Kind::ImportTime | Kind::Complexity, Work::Function { .. }) => None,
        (Kind::ImportTime, _) => Some("is that of a function's module, and this is no function"),
        (Kind::Complexity, _) => Some("is that of a function, and this is none"),
        (kind, Work::Command { .. }) if kind.is_counted() => {
            Some("is counted inside of Python, and this is a command")
        }
        _ => None,
    }
}

fn work_of(name: &str, section: &Section<'_>) -> Result<Work, Failure> {
    let setup = match section.get("setup") {
        Some(item) => vec![item.string("\"import json\"")?.to_owned()],
        None => Vec::new(),
    };
    match (section.get("run"), section.get("statement")) {
        (Some(item), Some(_)) => Err(item
            .wrong("stands beside `statement`")
            .cure("leave one of them out")),
        (None, Some(item)) => {
            let text = item.string("\"sorted(x)\"")?;
            let setup = setup.join("\n");
            Ok(Work::Statement {
                setup,
                text: text.to_owned(),
            })
        }
        (Some(item), None) => match item.value() {
            DeValue::Array(_) => {
                let words = item.strings("[\"git\", \"status\"]")?;
                if words.first().is_some_and(|first| is_script(first)) {
                    return Ok(work(&words, &[], &setup));
                }
                let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
                if words.is_empty() {
                    return Err(item.wrong("is empty").cure("name a command"));
                }
                Ok(Work::Command { words })
            }
            _ => {
                let text = item.string("\"package.module:function\"")?;
                as_target(text, &setup).ok_or_else(|| {
                    item.wrong(format_args!(
                        "is `{text}`, no module:function and no script"
                    ))
                    .cure("a command is a list: run = [\"mytool\", \"--help\"]")
                })
            }
        },
        (None, None) => as_target(name, &setup).ok_or_else(|| {
            section
                .wrong("does not say what to run")
                .cure("add: run = \"package.module:function\"")
        }),
    }
}

/// A function, or a script with arguments that have no spaces.
fn as_target(text: &str, setup: &[String]) -> Option<Work> {
    let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    let is_one = matches!(words.as_slice(), [only] if is_function(only));
    let is_run = words.first().is_some_and(|first| is_script(first));
    (is_one || is_run).then(|| work(&words, &[], setup))
}

/// All limits in a table, and the keys that are switched off.
fn limits(section: &Section<'_>) -> Result<(Vec<Wanted>, Vec<String>), Failure> {
    let (mut wanted, mut off) = (Vec::new(), Vec::new());
    for (name, item) in section.all() {
        if !KINDS.contains(&name.as_str()) {
            continue;
        }
        if item.value().as_bool() == Some(false) {
            off.push(name);
            continue;
        }
        let kind = match name.as_str() {
            "time" => Kind::Time,
            "peak-rss" => Kind::PeakRss,
            "peak-allocated" => Kind::PeakAllocated,
            "bytecodes" => Kind::Bytecodes,
            "import-time" => Kind::ImportTime,
            "imports" => {
                imports(&item, &mut wanted)?;
                continue;
            }
            "latency" => {
                latency(&item, &mut wanted)?;
                continue;
            }
            "complexity" => {
                let section = item.section(COMPLEXITY)?;
                section.only(&["max", "input", "sizes"])?;
                let most = section.required("max", "\"O(n log n)\"")?;
                simple(&most, Kind::Complexity, item.line, &mut wanted)?;
                continue;
            }
            // The one kind of the others.
            _ if !Counting::Allocations.is_possible() => {
                return Err(item
                    .wrong("cannot be counted on this machine: it takes x86_64")
                    .cure("use peak-allocated (bytes out at once) or bytecodes"));
            }
            _ => Kind::Allocations,
        };
        both(&item, kind, &mut wanted)?;
    }
    Ok((wanted, off))
}

const COMPLEXITY: &str = "{ max = \"O(n log n)\", input = \"list(range(n))\" }";

/// A limit, or a table of `max` and `regress`.
fn both(item: &Item<'_>, kind: Kind, wanted: &mut Vec<Wanted>) -> Result<(), Failure> {
    if item.value().as_table().is_none() {
        return simple(item, kind, item.line, wanted);
    }
    let section = item.section("{ max = …, regress = \"+3%\" }")?;
    section.only(&["max", "regress"])?;
    max_and_regress(&section, kind, wanted)
}

fn max_and_regress(
    section: &Section<'_>,
    kind: Kind,
    wanted: &mut Vec<Wanted>,
) -> Result<(), Failure> {
    let before = wanted.len();
    for key in ["max", "regress"] {
        let Some(item) = section.get(key) else {
            continue;
        };
        simple(&item, kind, item.line, wanted)?;
        let is_growth = matches!(
            wanted.last(),
            Some(Wanted {
                limit: Limit::Growth(_),
                ..
            })
        );
        if is_growth != (key == "regress") {
            let failure = item.wrong("is of the other sort");
            return Err(failure.cure("max is a number with its unit, regress a growth: \"+3%\""));
        }
    }
    if wanted.len() == before && kind != Kind::Imports {
        return Err(section
            .wrong("is empty")
            .cure("write { max = …, regress = \"+3%\" }"));
    }
    Ok(())
}

/// A single limit.
fn simple(item: &Item<'_>, kind: Kind, line: u32, wanted: &mut Vec<Wanted>) -> Result<(), Failure> {
    let text = match item.value() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        other => {
            let what = format!("is of type {}", other.type_str());
            return Err(item.wrong(what).cure(format!("write {}", example(kind))));
        }
    };
    let limit =
        limit(&text, kind).map_err(|cure| item.wrong(format_args!("is `{text}`")).cure(cure))?;
    wanted.push(Wanted { kind, limit, line });
    Ok(())
}

fn imports(item: &Item<'_>, wanted: &mut Vec<Wanted>) -> Result<(), Failure> {
    if item.value().as_table().is_none() {
        return simple(item, Kind::Imports, item.line, wanted);
    }
    let section = item.section("{ max = 150, forbid = [\"pandas\"] }")?;
    section.only(&["max", "regress", "forbid"])?;
    let before = wanted.len();
    max_and_regress(&section, Kind::Imports, wanted)?;
    if let Some(item) = section.get("forbid") {
        wanted.push(Wanted {
            kind: Kind::Forbidden,
            limit: Limit::Modules(item.strings("[\"pandas\"]")?),
            line: item.line,
        });
    }
    if wanted.len() == before {
        return Err(item
            .wrong("is empty")
            .cure("write { max = 150, forbid = [\"pandas\"] }"));
    }
    Ok(())
}

fn latency(item: &Item<'_>, wanted: &mut Vec<Wanted>) -> Result<(), Failure> {
    let section = item.section("{ p99 = \"25ms\" }")?;
    let before = wanted.len();
    for (name, item) in section.all() {
        if name == "rate" {
            return Err(item
                .wrong("is not known: calls are made one after the other")
                .cure("leave it out"));
        }
        let share = name
            .strip_prefix('p')
            .and_then(|number| number.parse::<f64>().ok());
        let share = share.filter(|percent| (1.0..=99.9).contains(percent));
        let Some(percent) = share else {
            return Err(item
                .wrong("is no percentile")
                .cure("write p50, p95, p99 or \"p99.9\""));
        };
        both(&item, Kind::Latency(percent / 100.0), wanted)?;
    }
    if wanted.len() == before {
        return Err(item.wrong("is empty").cure("write { p99 = \"25ms\" }"));
    }
    Ok(())
}

/// How inputs of `n` are made, and the sizes.
fn input(item: &Item<'_>) -> Result<(String, Vec<u64>), Failure> {
    let section = item.section(COMPLEXITY)?;
    let input = section.required("input", "\"list(range(n))\"")?;
    let input = input.string("\"list(range(n))\"")?.to_owned();
    let Some(item) = section.get("sizes") else {
        return Ok((input, SIZES.to_vec()));
    };
    let example = "[500, 1000, 2000, 4000, 8000, 16000]";
    let mut sizes = Vec::new();
    for size in item.items(example)? {
        let number = size.value().as_integer();
        let number = number.and_then(|number| number.as_str().replace('_', "").parse().ok());
        let number = number.filter(|number: &u64| *number > 0);
        sizes.push(number.ok_or_else(|| size.wrong("is no size").cure(example))?);
    }
    let ascend = sizes.windows(2).all(|pair| pair[0] < pair[1]);
    if sizes.len() < 6 || !ascend {
        return Err(item
            .wrong("are not six ascending sizes or more")
            .cure(format!("write {example}")));
    }
    Ok((input, sizes))
}

#[cfg(test)]
mod tests;

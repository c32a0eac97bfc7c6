//! `pitstop gate --init`: budgets from what is measured now, and a workflow that keeps them.
//!
//! Nothing that is there is changed: budgets are added at the end of pyproject.toml, and a file of
//! a workflow is written only where there is none.

use super::config::FILE;
use super::sides::Sides;
use crate::args::GateArgs;
use crate::contender::{is_function, is_script, work};
use crate::exit::{Failure, Outcome, Status};
use crate::print::answer;
use crate::trial::{Follower, explain};
use pitstop_analysis::gate::{Kind, words};
use pitstop_analysis::trials::measured;
use pitstop_bench::{Contender, Counting, Options, bench, count};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A workflow of GitHub.
const WORKFLOW: &str = ".github/workflows/pitstop.yml";

/// What it says. The history is needed for the merge base.
const WORKFLOW_TEXT: &str = "\
name: performance
on: pull_request
permissions:
  contents: read
jobs:
  gate:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      - uses: actions/setup-python@v5
        with:
          python-version: \"3.13\"
      # Install here what the budgets run with, and put `pitstop` on the PATH.
      - run: pip install .
      - run: pitstop gate -f github --report md=\"$GITHUB_STEP_SUMMARY\" --report sarif=pitstop.sarif
";

/// What goes into GitLab's file, which is one for everything.
const GITLAB_TEXT: &str = "\
performance:
  rules:
    - if: $CI_PIPELINE_SOURCE == \"merge_request_event\"
  variables:
    GIT_DEPTH: 0
  script:
    - pitstop gate --report junit=pitstop.xml
  artifacts:
    when: always
    reports:
      junit: pitstop.xml
";

/// Runs it.
pub(crate) fn init(args: &GateArgs) -> Outcome {
    let file = args.config.as_deref().unwrap_or(Path::new(FILE));
    let shown = file.display().to_string();
    let before = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            let what = format!("`{shown}` cannot be read");
            return Err(Failure::new(Status::Usage, what).because(error));
        }
    };
    let known = Known::of(&before, &shown)?;
    for name in &args.names {
        let is_run = is_function(name) || name.split_whitespace().next().is_some_and(is_script);
        if !is_run {
            let what = format!("`{name}` is no module:function and no script");
            return Err(Failure::new(Status::Usage, what)
                .cure("name a function as module:function, or a script.py"));
        }
    }
    let sides = Sides::new(args.python.as_deref(), None, String::new())?;
    let mut follower = Follower::new()?;
    let mut added = String::new();
    let mut said = String::new();
    if !known.gate {
        added.push_str(
            "\n[tool.pitstop.gate]\n# What cannot be told for noise is shown and lets pass; \
             \"fail\" does not.\non-inconclusive = \"warn\"\n",
        );
    }
    let mut count = 0;
    for name in &args.names {
        if known.budgets.contains(name) {
            said.push_str(&format!(" kept      the budget {name:?} that is there\n"));
            continue;
        }
        let words: Vec<String> = name.split_whitespace().map(str::to_owned).collect();
        let head = sides.head(name, work(&words, &[], &[]))?;
        added.push_str(&budget(&head, args, &mut follower)?);
        said.push_str(&format!(" added     the budget {name:?} to {shown}\n"));
        count += 1;
    }
    drop(follower);
    if count > 0 {
        let all = format!("{before}{}{added}", newline(&before));
        if DeTable::parse(&all).is_err() {
            let what = format!("the budgets cannot be added to `{shown}`");
            return Err(Failure::new(Status::Usage, what)
                .because("it writes tables of [tool.pitstop] in another way already")
                .cure(format!("add them by hand:\n{added}")));
        }
        append(file, &format!("{}{added}", newline(&before)))?;
    }
    said.push_str(&workflow()?);
    said.push_str("\n next      pitstop gate   after a change, or on a branch\n");
    answer(&said)
}

/// What a configuration has already.
struct Known {
    gate: bool,
    budgets: Vec<String>,
}

impl Known {
    fn of(text: &str, shown: &str) -> Result<Self, Failure> {
        let table = DeTable::parse(text).map_err(|error| {
            Failure::new(Status::Usage, format!("`{shown}` is no TOML"))
                .because(error.to_string().trim())
                .cure("mend it first")
        })?;
        let tool = table.get_ref().get("tool").map(Spanned::get_ref);
        let ours = tool
            .and_then(|tool| tool.get("pitstop"))
            .map(Spanned::get_ref);
        let below = |key: &str| ours.and_then(|ours| ours.get(key)).map(Spanned::get_ref);
        let names = below("budgets").and_then(DeValue::as_table);
        Ok(Self {
            gate: below("gate").is_some(),
            budgets: names
                .map(|names| {
                    names
                        .keys()
                        .map(|name| name.get_ref().to_string())
                        .collect()
                })
                .unwrap_or_default(),
        })
    }
}

fn newline(text: &str) -> &'static str {
    if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    }
}

/// A table for something, from what it takes now.
fn budget(head: &Contender, args: &GateArgs, follower: &mut Follower) -> Result<String, Failure> {
    let mut counted = |counting| count(head, counting, follower).map_err(|error| explain(&error));
    let bytecodes = counted(Counting::Bytecodes)?;
    let imports = counted(Counting::Imports)?;
    let options = Options {
        seed: args.seed.unwrap_or(0),
        budget: args.time.unwrap_or(Options::default().budget),
        processes: Some(6),
        ..Options::default()
    };
    let outcome = bench(std::slice::from_ref(head), &options, follower);
    let outcome = outcome.map_err(|error| explain(&error))?;
    if let Some(error) = &outcome.failure {
        return Err(explain(error));
    }
    let Some(known) = measured(&outcome.trials, 0).filter(|_| !outcome.stopped) else {
        return Err(Failure::new(
            Status::CannotMeasure,
            "stopped, nothing was written",
        ));
    };
    let now = |value: f64, kind| words::number(value, kind);
    let steps = bytecodes.values.first().copied().unwrap_or(0);
    let modules = imports.values.first().copied().unwrap_or(0);
    let memory = known.peak_rss_bytes.unwrap_or(0) as f64;
    let lines = [
        (
            "time = \"+5%\"".to_owned(),
            now(known.time.median, Kind::Time),
        ),
        ("peak-rss = \"+10%\"".to_owned(), now(memory, Kind::PeakRss)),
        (
            "bytecodes = \"+2%\"".to_owned(),
            now(steps as f64, Kind::Bytecodes),
        ),
        (
            format!("imports = {}", room_above(modules)),
            now(modules as f64, Kind::Imports),
        ),
    ];
    let mut text = format!("\n[tool.pitstop.budgets.{}]\n", quoted(&head.name));
    for (line, now) in lines {
        text.push_str(&format!("{line:<20}  # {now} when this was written\n"));
    }
    Ok(text)
}

/// A round number a tenth above, so that one module more is no news.
fn room_above(count: u64) -> u64 {
    (count + count / 10 + 5).div_ceil(5) * 5
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Adds to the end of a file: whatever happens meanwhile, what was there stays.
fn append(file: &Path, text: &str) -> Result<(), Failure> {
    let opened = OpenOptions::new().create(true).append(true).open(file);
    let written = opened.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let what = format!("`{}` cannot be written", file.display());
        Failure::new(Status::Failed, what).because(error)
    })
}

/// Writes the workflow where there is none, and says what it did.
fn workflow() -> Result<String, Failure> {
    if Path::new(".gitlab-ci.yml").exists() {
        let text = GITLAB_TEXT.replace('\n', "\n    ");
        return Ok(format!(
            " add       this to .gitlab-ci.yml:\n\n    {}\n",
            text.trim_end()
        ));
    }
    let file = Path::new(WORKFLOW);
    if file.exists() {
        return Ok(format!(" kept      {WORKFLOW} as it is\n"));
    }
    let parent = file.parent().unwrap_or(Path::new("."));
    let opened = std::fs::create_dir_all(parent)
        .and_then(|()| OpenOptions::new().create_new(true).write(true).open(file));
    let written = opened.and_then(|mut file| file.write_all(WORKFLOW_TEXT.as_bytes()));
    written.map_err(|error| {
        Failure::new(Status::Failed, format!("`{WORKFLOW}` cannot be written")).because(error)
    })?;
    Ok(format!(
        " wrote     {WORKFLOW}: say there how pitstop is installed\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_seen() {
        let text = "[tool.pitstop.gate]\n[tool.pitstop.budgets.\"a:b\"]\ntime = '+3%'\n";
        let known = Known::of(text, "p").expect("it is TOML");
        assert!(known.gate);
        assert_eq!(known.budgets, ["a:b"]);
        let known = Known::of("[project]\n", "p").expect("it is TOML");
        assert!(!known.gate && known.budgets.is_empty());
        assert!(Known::of("x = [", "p").is_err());
    }

    #[test]
    fn names_survive_being_written() {
        let name = "a \"b\" \\ \u{7} ü";
        let text = format!("[{}]\n", quoted(name));
        let table = DeTable::parse(&text).expect("it is TOML");
        assert!(table.get_ref().contains_key(name));
        assert_eq!(
            [room_above(0), room_above(52), room_above(200)],
            [5, 65, 225]
        );
    }
}

//! Repeating recorded calls with one version, and reading what came of them.

use crate::error::{Error, io_error};
use crate::ground::Ground;
use pitstop_analysis::proof::{Answer, Event, Pass, Played, Row, Seen};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a version is inside of Python: the job of `guest/loading.py` and `guest/replay.py`.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Job {
    /// Other texts for files.
    pub(crate) texts: BTreeMap<PathBuf, PathBuf>,
    /// Functions to be recorded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) watch: Vec<Value>,
    /// Functions to be taken for others.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) swap: Vec<Value>,
    /// The function to call instead of the recorded one.
    pub(crate) target: Option<crate::Target>,
    /// Directories that lie elsewhere in this version.
    pub(crate) moved: Vec<(PathBuf, PathBuf)>,
    /// What else the part needs.
    #[serde(flatten)]
    pub(crate) more: BTreeMap<String, Value>,
}

/// How calls are repeated.
#[derive(Clone, Debug)]
pub(crate) struct Manner<'a> {
    pub(crate) python: &'a Path,
    /// How many `-O` the interpreter was started with.
    pub(crate) optimize: u32,
    pub(crate) hash_seed: u32,
    pub(crate) records: &'a [PathBuf],
    pub(crate) ids: &'a [String],
    pub(crate) effects: bool,
    pub(crate) limit: Duration,
    pub(crate) budget: Duration,
    /// Only find out what calls use that gives something else each time.
    pub(crate) uses: bool,
}

/// What became of each call, by id, and what each of them uses, if that was asked for.
pub(crate) type Answers = BTreeMap<String, (Answer, Vec<String>)>;

/// The options that make an interpreter optimize as another one did.
pub(crate) fn optimizing(times: u32) -> Vec<OsString> {
    (0..times.min(2)).map(|_| "-O".into()).collect()
}

/// Repeats calls.
pub(crate) fn replay(
    ground: &Ground<'_>,
    name: &str,
    job: &Job,
    (directory, variables): (&Path, &[(OsString, OsString)]),
    manner: &Manner<'_>,
) -> Result<Answers, Error> {
    let out = ground.path(&format!("{name}.out"));
    let mut job = job.clone();
    let more = [
        ("records", Value::from(texts(manner.records))),
        ("ids", Value::from(manner.ids)),
        ("out", Value::from(out.to_string_lossy())),
        ("effects", Value::from(manner.effects)),
        ("limit_s", Value::from(manner.limit.as_secs_f64())),
        ("budget_s", Value::from(manner.budget.as_secs_f64())),
        ("uses", Value::from(manner.uses)),
    ];
    job.more
        .extend(more.map(|(name, value)| (name.to_owned(), value)));
    let text = serde_json::to_vec(&job).unwrap_or_default();
    let path = ground.write(&format!("{name}.json"), &text)?;
    let code = format!(
        "{}; sys.argv[:] = ['-c', {:?}]; _part.main()",
        ground.import("replay"),
        path.to_string_lossy()
    );
    let mut words: Vec<OsString> = vec![manner.python.into()];
    words.extend(optimizing(manner.optimize));
    words.extend(["-c".into(), code.into()]);
    let mut variables = variables.to_vec();
    variables.retain(|(name, _)| name != "PYTHONHASHSEED");
    variables.push(("PYTHONHASHSEED".into(), manner.hash_seed.to_string().into()));
    // Every call may take its limit, and there is a time after which none is begun.
    let limit = manner.budget * 2 + manner.limit * 3 + Duration::from_secs(60);
    let ran = ground.run(&words, directory, &variables, (b"", false), limit)?;
    let text = std::fs::read(&out).map_err(io_error("read what was repeated"));
    let (answers, is_whole) = text.map(|text| read(&text)).unwrap_or_default();
    // The answers may be gigabytes.
    let _ = std::fs::remove_file(&out);
    if !is_whole {
        return Err(Error::Guest {
            doing: "repeats calls",
            stderr: ran.stderr,
        });
    }
    Ok(answers)
}

fn texts(paths: &[PathBuf]) -> Vec<String> {
    let each = paths.iter();
    each.map(|path| path.to_string_lossy().into_owned())
        .collect()
}

/// The answers, and whether their end was reached.
fn read(text: &[u8]) -> (Answers, bool) {
    let mut answers = Answers::new();
    let mut is_whole = false;
    for line in text.split(|byte| *byte == b'\n') {
        let Ok(value) = serde_json::from_slice::<Value>(line) else {
            continue;
        };
        is_whole |= value["end"].as_bool().unwrap_or(false);
        let Some(id) = value["id"].as_str() else {
            continue;
        };
        if let Some(together) = value.get("together") {
            if let Some((Answer::Played(played), _)) = answers.get_mut(id) {
                played.passes.insert(Pass::Together, seen(together));
            }
            continue;
        }
        let why = |name: &str| value[name].as_str().map(str::to_owned);
        let answer = if let Some(why) = why("skipped") {
            Answer::Skipped(why)
        } else if let Some(why) = why("missing") {
            Answer::Missing(why)
        } else if let Some(why) = why("broken") {
            Answer::Broken(why)
        } else {
            Answer::Played(Box::new(played(&value)))
        };
        let uses = value["uses"].as_array().into_iter().flatten();
        let uses = uses.filter_map(|text| text.as_str().map(str::to_owned));
        answers.insert(id.to_owned(), (answer, uses.collect()));
    }
    (answers, is_whole)
}

fn played(value: &Value) -> Played {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let shown = value["shown"].as_array().into_iter().flatten();
    Played {
        shown: shown.map(|pair| (text(&pair[0]), text(&pair[1]))).collect(),
        outcome: text(&value["outcome"]),
        mutates: value["mutates"].as_bool().unwrap_or(false),
        took_ns: value["took_ns"].as_u64().unwrap_or(0),
        passes: Pass::ALL
            .into_iter()
            .filter_map(|pass| Some((pass, seen(value["passes"].get(pass.key())?))))
            .collect(),
    }
}

fn seen(value: &Value) -> Seen {
    let list = |name: &str| value[name].as_array().into_iter().flatten();
    let event = |event: &Value| {
        Some(Event {
            kind: event.get(0)?.as_str()?.to_owned(),
            text: event.get(1)?.as_str()?.to_owned(),
            is_effect: event.get(2)?.as_bool()?,
        })
    };
    let numbers = |step: &Value| -> Vec<u64> {
        let step = step.as_array().into_iter().flatten();
        step.filter_map(Value::as_u64).collect()
    };
    Seen {
        raised: value["end"] == "raised",
        beyond: value["beyond"].as_bool().unwrap_or(false),
        events: list("events").filter_map(event).collect(),
        drained: value["yielded"].as_str().map(|word| word == "all"),
        taken: list("taken").map(numbers).collect(),
        arguments: rows(&value["arguments"]),
        value: rows(&value["value"]),
        items: rows(&value["items"]),
        last: rows(&value["last"]),
        opaque: list("opaque")
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect(),
    }
}

/// The rows of a value.
pub(crate) fn rows(value: &Value) -> Vec<Row> {
    let all = value.as_array().into_iter().flatten();
    all.filter_map(row).collect()
}

/// `[depth, label, type, value]`
pub(crate) fn row(value: &Value) -> Option<Row> {
    let text = |at: usize| value.get(at)?.as_str().map(str::to_owned);
    Some(Row {
        depth: u32::try_from(value.get(0)?.as_u64()?).ok()?,
        label: text(1)?,
        kind: text(2)?,
        value: text(3)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_read_line_by_line() {
        let text = br#"{"version": "3.9.1"}
{"id": "0:1", "skipped": "no time"}
{"id": "0:2", "shown": [["argument 1", "3"]], "outcome": "returns 4", "mutates": true, "took_ns": 5, "passes": {"first": {"end": "returned", "value": [[0, "result", "int", "4"]], "events": [["reads", "x", false]], "taken": [[1]]}}}
{"id": "0:2", "together": {"end": "raised", "value": []}}
{"end": true}
"#;
        let (answers, is_whole) = read(text);
        assert!(is_whole);
        assert_eq!(answers["0:1"].0, Answer::Skipped("no time".into()));
        let Answer::Played(played) = &answers["0:2"].0 else {
            panic!("it was played");
        };
        assert_eq!((played.mutates, played.took_ns), (true, 5));
        let first = &played.passes[&Pass::First];
        assert_eq!(
            (first.value[0].value.as_str(), first.taken.as_slice()),
            ("4", &[vec![1]][..])
        );
        assert!(played.passes[&Pass::Together].raised);
        assert!(!read(b"{\"id\"").1);
    }
}

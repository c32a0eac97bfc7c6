//! Running the workload with the old version, and what was recorded of it.

use crate::error::{Error, io_error};
use crate::ground::Ground;
use crate::replay::{row, rows};
use crate::subject::{Version, Workload};
use pitstop_analysis::proof::Recorded;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest line that is read of a recording.
const MOST_LINE_BYTES: usize = 256 << 20;

/// A recorded call, without its arguments: only Python can read those.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// As the replay names it.
    pub(crate) id: String,
    /// The function's module and qualified name.
    pub(crate) key: (String, String),
    /// Its file.
    pub(crate) file: Option<PathBuf>,
    /// Which call of the function it was.
    pub(crate) number: u64,
    /// What was seen.
    pub(crate) seen: Recorded,
    /// The first thing that it did and somebody else could notice.
    pub(crate) effect: Option<String>,
    /// Why an iterator argument cannot be repeated.
    pub(crate) broken_tape: Option<String>,
}

/// What was recorded.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    /// The files, in the order that the ids of calls count them.
    pub(crate) files: Vec<PathBuf>,
    /// The calls.
    pub(crate) calls: Vec<Call>,
    /// Calls by module and qualified name.
    pub(crate) counts: BTreeMap<(String, String), u64>,
    /// Calls with arguments that a recorded call had already, by the same.
    pub(crate) alike: BTreeMap<(String, String), u64>,
    /// The files that functions are in, by the same.
    pub(crate) homes: BTreeMap<(String, String), PathBuf>,
    /// Calls that could not be recorded, by module and name and reason.
    pub(crate) refused: BTreeMap<(String, String), BTreeMap<String, u64>>,
    /// The interpreter that ran, its options, and its version.
    pub(crate) python: Option<(PathBuf, u32, String)>,
    /// How the workload ended.
    pub(crate) status: i32,
    /// The end of what it wrote to standard error.
    pub(crate) stderr: String,
}

/// Runs the workload with a job that records into `directory`.
pub(crate) fn record(
    ground: &Ground<'_>,
    workload: &Workload,
    version: &Version,
    (job, directory): (&Path, &Path),
    limit: Duration,
) -> Result<Recording, Error> {
    let words = workload.with_runner(&ground.runner());
    let variables = ground.with_job(version, job);
    let ran = ground.run(&words, &version.directory, &variables, (b"", false), limit)?;
    let mut recording = Recording {
        status: ran.status,
        stderr: ran.stderr,
        ..Recording::default()
    };
    let entries = std::fs::read_dir(directory).map_err(io_error("read a directory"))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    for (number, file) in files.iter().enumerate() {
        read(number, file, &mut recording)?;
    }
    recording.files = files;
    Ok(recording)
}

/// Reads a file as far as it is whole: its process may have been killed.
fn read(number: usize, path: &Path, recording: &mut Recording) -> Result<(), Error> {
    let file = File::open(path).map_err(io_error("read a recording"))?;
    let size = file.metadata().map_or(0, |meta| meta.len());
    let mut file = BufReader::new(file);
    let mut calls: BTreeMap<u64, Call> = BTreeMap::new();
    let mut counts = BTreeMap::new();
    let mut alike = BTreeMap::new();
    let mut refused = BTreeMap::new();
    let mut at = 0u64;
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = file.read_until(b'\n', &mut line);
        let length = length.map_err(io_error("read a recording"))?;
        if length == 0 || line.len() > MOST_LINE_BYTES {
            break;
        }
        let Some((entry, data)) = entry(&line) else {
            break;
        };
        at += length as u64 + data;
        if at > size || file.seek(SeekFrom::Start(at)).is_err() {
            break;
        }
        if let Some(header) = entry.get("header") {
            let python = header["executable"].as_str().unwrap_or_default();
            let optimize = header["optimize"].as_u64().unwrap_or(0) as u32;
            let version = header["version"].as_str().unwrap_or_default();
            let known = (python.into(), optimize, version.to_owned());
            recording.python.get_or_insert(known);
        } else if let Some(slot) = entry.get("slot").and_then(Value::as_u64) {
            calls.insert(slot, call(number, slot, &entry));
        } else if let Some(slot) = entry.get("tape").and_then(Value::as_u64) {
            if let Some(call) = calls.get_mut(&slot) {
                call.broken_tape = entry["failed"].as_str().map(str::to_owned);
            }
        } else if let Some(known) = entry.get("count").and_then(Value::as_object) {
            counts = numbers(known);
            alike = entry["alike"].as_object().map(numbers).unwrap_or_default();
            let homes = entry["files"].as_object().into_iter().flatten();
            let homes = homes.filter_map(|(name, file)| Some((key(name), file.as_str()?.into())));
            recording.homes.extend(homes);
            let known = entry["refused"].as_object();
            refused = known
                .into_iter()
                .flatten()
                .filter_map(|(name, reasons)| Some((key(name), reasons.as_object()?)))
                .map(|(name, reasons)| {
                    let reasons = reasons.iter();
                    let reasons = reasons.map(|(why, n)| (why.clone(), n.as_u64().unwrap_or(0)));
                    (name, reasons.collect::<BTreeMap<_, _>>())
                })
                .collect();
        }
    }
    recording.calls.extend(calls.into_values());
    for (all, of_file) in [
        (&mut recording.counts, counts),
        (&mut recording.alike, alike),
    ] {
        for (name, count) in of_file {
            *all.entry(name).or_default() += count;
        }
    }
    for (name, reasons) in refused {
        let known = recording.refused.entry(name).or_default();
        for (why, count) in reasons {
            *known.entry(why).or_default() += count;
        }
    }
    Ok(())
}

/// `JSON LENGTH`
fn entry(line: &[u8]) -> Option<(Value, u64)> {
    let line = line.strip_suffix(b"\n")?;
    let space = line.iter().rposition(|byte| *byte == b' ')?;
    let length = std::str::from_utf8(&line[space + 1..]).ok()?.parse().ok()?;
    Some((serde_json::from_slice(&line[..space]).ok()?, length))
}

fn key(text: &str) -> (String, String) {
    let (module, name) = text.split_once(':').unwrap_or(("", text));
    (module.to_owned(), name.to_owned())
}

fn numbers(known: &serde_json::Map<String, Value>) -> BTreeMap<(String, String), u64> {
    let each = known.iter();
    each.map(|(name, count)| (key(name), count.as_u64().unwrap_or(0)))
        .collect()
}

fn call(number: usize, slot: u64, entry: &Value) -> Call {
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let seen = &entry["seen"];
    let effect = entry["effects"].get(0).and_then(Value::as_array);
    Call {
        id: format!("{number}:{slot}"),
        key: (text("module"), text("name")),
        file: entry["file"].as_str().map(PathBuf::from),
        number: entry["number"].as_u64().unwrap_or(0),
        seen: Recorded {
            raised: seen["end"] == "raised",
            arguments: rows(&seen["arguments"]),
            value: seen["value"]
                .as_array()
                .map(|all| all.iter().filter_map(row).collect()),
        },
        effect: effect.map(|words| {
            let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
            words.join(" ").chars().take(120).collect()
        }),
        broken_tape: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_end_in_the_length_of_what_follows() {
        let (value, length) = entry(b"{\"slot\": 3} 17\n").expect("an entry");
        assert_eq!((value["slot"].as_u64(), length), (Some(3), 17));
        assert!(entry(b"{\"slot\": 3} 17").is_none(), "cut off");
        assert!(entry(b"{\"slot\": 3}\n").is_none());
    }

    #[test]
    fn a_recording_is_read_as_far_as_it_is_whole() {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        let text = "{\"header\": {\"executable\": \"p\", \"version\": \"3.9.1\"}} 0\n\
            {\"slot\": 0, \"module\": \"m\", \"name\": \"f\", \"number\": 4, \"seen\": {\"end\": \"raised\"}} 3\nabc\
            {\"count\": {\"m:f\": 9}, \"refused\": {\"m:f\": {\"why\": 2}}} 0\n\
            {\"slot\": 1, \"module\": \"m\", \"name\": \"f\"} 50\nabc";
        std::io::Write::write_all(&mut file, text.as_bytes()).expect("written");
        let mut recording = Recording::default();
        read(2, file.path(), &mut recording).expect("it can be read");
        assert_eq!(recording.calls.len(), 1, "the last one is cut off");
        let call = &recording.calls[0];
        assert_eq!(
            (call.id.as_str(), call.number, call.seen.raised),
            ("2:0", 4, true)
        );
        let name = ("m".to_owned(), "f".to_owned());
        assert_eq!(recording.counts[&name], 9);
        assert_eq!(recording.refused[&name]["why"], 2);
    }
}

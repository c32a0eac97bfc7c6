//! A long bench in pieces: what was measured is written down line by line, and gone on with later.

use anyhow::{Context, Result};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Answers that are there, and a place for more.
pub(super) struct Journal {
    file: Option<File>,
    answers: Vec<Value>,
    start: Instant,
    limit: Option<Duration>,
}

impl Journal {
    /// Opens the journal, or keeps one in memory. No more work is begun after `limit`.
    pub(super) fn open(path: Option<&Path>, limit: Option<Duration>) -> Result<Self> {
        let mut answers = Vec::new();
        let mut file = None;
        if let Some(path) = path {
            let known = match path.exists() {
                true => std::fs::read_to_string(path)?,
                false => String::new(),
            };
            // A last line that was cut off by the end of the process is measured again.
            answers.extend(
                known
                    .lines()
                    .filter_map(|line| serde_json::from_str(line).ok()),
            );
            let mut opened = OpenOptions::new().create(true).append(true).open(path);
            if let (Ok(opened), false) = (&mut opened, known.is_empty() || known.ends_with('\n')) {
                opened.write_all(b"\n")?;
            }
            file = Some(opened.with_context(|| format!("`{}`", path.display()))?);
        }
        Ok(Self {
            file,
            answers,
            start: Instant::now(),
            limit,
        })
    }

    /// The answers that carry this value under this name.
    pub(super) fn with(&self, name: &str, value: &Value) -> Vec<Value> {
        let is_one = |answer: &&Value| answer[name] == *value;
        self.answers.iter().filter(is_one).cloned().collect()
    }

    /// Keeps an answer.
    pub(super) fn keep(&mut self, answer: Value) -> Result<()> {
        if let Some(file) = &mut self.file {
            file.write_all(format!("{answer}\n").as_bytes())?;
        }
        self.answers.push(answer);
        Ok(())
    }

    /// Whether the time of this piece is over.
    pub(super) fn is_over(&self) -> bool {
        self.limit
            .is_some_and(|limit| self.start.elapsed() >= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_piece_goes_on_where_the_last_one_was_cut_off() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("journal");
        let mut journal = Journal::open(Some(&path), None).expect("it is new");
        journal
            .keep(json!({"loaded": true, "at": 1}))
            .expect("kept");
        journal
            .keep(json!({"loaded": false, "at": 2}))
            .expect("kept");
        let mut file = OpenOptions::new().append(true).open(&path).expect("there");
        file.write_all(b"{\"loaded\": tr").expect("written");
        let mut journal = Journal::open(Some(&path), Some(Duration::ZERO)).expect("it is there");
        assert!(journal.is_over());
        journal
            .keep(json!({"loaded": true, "at": 3}))
            .expect("kept");
        let journal = Journal::open(Some(&path), None).expect("it is there");
        let ats: Vec<_> = journal.with("loaded", &json!(true));
        let ats: Vec<_> = ats.iter().map(|answer| answer["at"].as_u64()).collect();
        assert_eq!(ats, [Some(1), Some(3)]);
        assert!(!journal.is_over());
    }
}

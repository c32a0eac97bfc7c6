//! The stacks of a result, whoever wrote it.

use super::sampler::Taken;
use anyhow::{Context, Result, bail};
use serde_json::Value;

/// A stack and how often it was seen.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stack {
    /// Outermost first.
    pub(super) frames: Vec<Frame>,
    pub(super) samples: u64,
    /// Elapsed time where the sampler weighs its samples, else their number.
    pub(super) weight: f64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Frame {
    /// The name of the file, without its directory.
    pub(super) file: String,
    /// The name of the code object: what is after the last dot of a qualified name.
    pub(super) name: String,
    /// Where the function begins; for `profiling.sampling` where it was, as it tells nothing else.
    pub(super) line: u64,
}

impl Frame {
    fn new(file: &str, name: &str, line: u64) -> Self {
        let file = file.rsplit('/').next().unwrap_or(file);
        let name = name.rsplit('.').next().unwrap_or(name);
        Self {
            file: file.to_owned(),
            name: name.to_owned(),
            line,
        }
    }
}

/// Our own JSON: accepted is what is exact or validated.
pub(super) fn pitstop(text: &str) -> Result<Taken> {
    let profile: Value = serde_json::from_str(text)?;
    if profile["schema"] != "pitstop/profile@1" {
        bail!("not `pitstop/profile@1` but {}", profile["schema"]);
    }
    let list = |name: &str| {
        let list = profile[name].as_array();
        list.with_context(|| format!("no list `{name}`"))
    };
    let count = |value: &Value| value.as_u64().unwrap_or(0);
    let functions = list("functions")?;
    let mut frames = Vec::new();
    for frame in list("frames")? {
        let function = &functions[count(&frame["function"]) as usize];
        let text = |name: &str| function[name].as_str().unwrap_or_default();
        frames.push(Frame::new(
            text("path"),
            text("name"),
            count(&function["line"]),
        ));
    }
    let mut stacks = Vec::new();
    for row in list("rows")? {
        let trusted = matches!(row["verdict"].as_str(), Some("exact" | "validated"));
        if let (true, Some(stack)) = (trusted, row["stack"].as_array()) {
            stacks.push(Stack {
                frames: stack
                    .iter()
                    .map(|id| frames[count(id) as usize].clone())
                    .collect(),
                samples: count(&row["samples"]),
                weight: row["wall_ns"].as_f64().unwrap_or(0.0),
            });
        }
    }
    let quality = &profile["quality"];
    let accepted = count(&quality["exact"]) + count(&quality["validated"]);
    Ok(Taken {
        accepted,
        lost: count(&quality["samples"]) - accepted,
        reasons: reasons(quality),
        seconds: count(&profile["meta"]["duration_ns"]) as f64 / 1e9,
        stacks,
    })
}

/// Why samples are partial or failed: `partial moved 7, failed gone 1`.
fn reasons(quality: &Value) -> String {
    let mut known = Vec::new();
    for verdict in ["partial", "failed"] {
        for (reason, count) in quality[verdict].as_object().into_iter().flatten() {
            if count.as_u64() > Some(0) {
                known.push(format!("{verdict} {reason} {count}"));
            }
        }
    }
    known.join(", ")
}

/// `name (file:line);name (file:line) count`.
pub(super) fn py_spy(text: &str) -> Vec<Stack> {
    collapsed(text, |frame| {
        let (name, place) = frame.rsplit_once(" (")?;
        let (file, line) = place.strip_suffix(')')?.rsplit_once(':')?;
        Some(Frame::new(file, name, line.parse().ok()?))
    })
}

/// `tid:number;file:name:line;file:name:line count`.
pub(super) fn cpython(text: &str) -> Vec<Stack> {
    collapsed(text, |frame| {
        let (rest, line) = frame.rsplit_once(':')?;
        let (file, name) = rest.rsplit_once(':')?;
        Some(Frame::new(file, name, line.parse().ok()?))
    })
}

fn collapsed(text: &str, frame: impl Fn(&str) -> Option<Frame>) -> Vec<Stack> {
    let stack = |line: &str| {
        let (frames, samples) = line.rsplit_once(' ')?;
        let samples: u64 = samples.parse().ok()?;
        Some(Stack {
            frames: frames.split(';').filter_map(&frame).collect(),
            samples,
            weight: samples as f64,
        })
    };
    text.lines().filter_map(stack).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(frames: &[(&str, &str, u64)], samples: u64) -> Stack {
        let frame = |(file, name, line): &(&str, &str, u64)| Frame::new(file, name, *line);
        Stack {
            frames: frames.iter().map(frame).collect(),
            samples,
            weight: samples as f64,
        }
    }

    #[test]
    fn stacks_of_py_spy_are_read() {
        let text = "<module> (a/b.py:1);Box.value (b.py:42) 34\n";
        let expected = stack(&[("b.py", "<module>", 1), ("b.py", "value", 42)], 34);
        assert_eq!(py_spy(text), [expected]);
    }

    #[test]
    fn stacks_of_cpython_are_read_without_the_thread() {
        let text = "tid:13064;<frozen runpy>:_run_code:87;a/b.py:hot_a:26 422\n";
        let expected = stack(
            &[("<frozen runpy>", "_run_code", 87), ("b.py", "hot_a", 26)],
            422,
        );
        assert_eq!(cpython(text), [expected]);
    }

    #[test]
    fn only_true_stacks_of_our_own_are_read() {
        let text = r#"{"schema": "pitstop/profile@1",
            "functions": [{"name": "f", "path": "x/a.py", "line": 3}],
            "frames": [{"function": 0, "line": 4}],
            "rows": [
                {"verdict": "exact", "samples": 2, "wall_ns": 5, "stack": [0]},
                {"verdict": "partial", "samples": 1, "wall_ns": 5, "stack": [0]},
                {"verdict": "failed", "samples": 1, "wall_ns": 5, "stack": null}],
            "quality": {"samples": 4, "exact": 2, "validated": 0,
                "partial": {"moved": 1, "gone": 0}, "failed": {"gone": 1}},
            "meta": {"duration_ns": 2000000000}}"#;
        let taken = pitstop(text).expect("it is well-formed");
        assert_eq!((taken.accepted, taken.lost), (2, 2));
        assert_eq!(taken.reasons, "partial moved 1, failed gone 1");
        assert!((taken.seconds - 2.0).abs() < 1e-9);
        assert_eq!(taken.stacks.len(), 1);
        assert_eq!(taken.stacks[0].frames, [Frame::new("a.py", "f", 3)]);
    }
}

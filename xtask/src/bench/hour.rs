//! Memory and disk that an hour at 1 kHz takes, on a simulated clock.
//!
//! The archive's own test makes that hour and prints its figures; here they are read.

use super::figure::Report;
use super::progress::Progress;
use super::rig::Rig;
use super::table::Row;
use crate::ci;
use anyhow::{Result, bail};
use serde_json::json;

const RSS_MB_MAX: f64 = 40.0;
const FILE_MB_MAX: f64 = 30.0;

pub(super) fn measure(_rig: &Rig) -> Result<Report> {
    let mut progress = Progress::new("hour", 60.0);
    let mut test = ci::cargo("test");
    test.args([
        "--release",
        "--package",
        "pitstop-archive",
        "--test",
        "hour",
    ]);
    test.args(ci::locked()).args(["--", "--nocapture"]);
    // Its figures go to stderr, where cargo's own messages go too. A missed figure makes the test
    // fail, and is still a figure: the status does not matter.
    let output = test.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let hours: Vec<Hour> = said.lines().filter_map(Hour::read).collect();
    if hours.is_empty() {
        bail!("the test of an hour prints no figures: {}", said.trim());
    }
    let mut rows = Vec::new();
    for hour in &hours {
        let threads = hour.samples / 3_600_000;
        let mut file = Row::new(
            format!("1 h at 1 kHz, {threads} thread(s): file"),
            "<= 30 MB",
        );
        file.pitstop = format!("{:.1} MB", hour.file_mb);
        file.reached = Some(hour.file_mb <= FILE_MB_MAX);
        let mut rss = Row::new(
            format!("1 h at 1 kHz, {threads} thread(s): RSS"),
            "<= 40 MB",
        );
        rss.pitstop = format!("{:.1} MB", hour.rss_mb);
        rss.reached = Some(hour.rss_mb <= RSS_MB_MAX);
        let (file_mb, rss_mb) = (&file.pitstop, &rss.pitstop);
        progress.done(
            30.0,
            &format!("{threads} thread(s): file {file_mb}, RSS {rss_mb}"),
        );
        rows.extend([rss, file]);
    }
    let raw = hours.iter().map(
        |hour| json!({ "samples": hour.samples, "file_mb": hour.file_mb, "rss_mb": hour.rss_mb }),
    );
    Ok(Report {
        rows,
        raw: raw.collect(),
    })
}

/// One line of the test: `3600000 samples: 6.5 MiB, ... peak RSS 10.3 MiB, after reading ...`.
#[derive(Debug, PartialEq)]
struct Hour {
    samples: u64,
    file_mb: f64,
    rss_mb: f64,
}

impl Hour {
    fn read(line: &str) -> Option<Self> {
        let (samples, rest) = line.split_once(" samples: ")?;
        let (_, peak) = rest.split_once("peak RSS ")?;
        Some(Self {
            samples: samples.trim().parse().ok()?,
            file_mb: megabytes(rest)?,
            rss_mb: megabytes(peak)?,
        })
    }
}

/// `6.5 MiB ...` in millions of bytes.
fn megabytes(text: &str) -> Option<f64> {
    let (number, unit) = text.split_once(' ')?;
    let number: f64 = number.parse().ok()?;
    unit.starts_with("MiB").then_some(number * 1.048_576)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_the_test_is_read() {
        let line = "3600000 samples: 10.0 MiB, 1.89 bytes a sample; made in 4.1s, read in 1.0s; \
                    peak RSS 20.0 MiB, after reading 30.0 MiB";
        let hour = Hour::read(line).expect("it is whole");
        assert_eq!(hour.samples, 3_600_000);
        assert!((hour.file_mb - 10.486).abs() < 0.001, "{hour:?}");
        assert!((hour.rss_mb - 20.972).abs() < 0.001, "{hour:?}");
        assert_eq!(Hour::read("running 1 test"), None);
    }
}

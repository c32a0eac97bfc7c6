//! The picture of latency under load.

use super::{noise, percent, time, title};
use crate::paint::{Column, Page, Style, Table, Tint, number};
use pitstop_analysis::trials::{Latency, Noise};

/// The column that facts begin in.
const FACTS: usize = 11;

/// Renders how calls fared, and what disturbed them.
pub fn render(latency: &Latency<'_>, room: &Noise, style: &Style) -> String {
    let mut page = Page::new(*style);
    let name = title(&latency.benchmark.name);
    let line = page.line().gap(1).tinted(Tint::Strong, &name);
    page.push(line);
    fact(&mut page, "python", &latency.benchmark.python);
    let dot = if style.unicode { " · " } else { ", " };
    let processes = if latency.processes == 1 {
        "process"
    } else {
        "processes"
    };
    let served = [
        format!(
            "{} in {} {processes}",
            number::counted(latency.calls, "call"),
            latency.processes
        ),
        format!(
            "{} of {} a second",
            rate(latency.served_rate),
            rate(latency.rate)
        ),
        format!("{} of a CPU", percent(latency.cpu_share)),
        format!("peak memory {}", number::bytes(latency.peak_rss_bytes)),
    ];
    fact(&mut page, "served", &served.join(dot));
    let mut table = Table::new([Column::word(), Column::number(), Column::number()]);
    table.titles(["", "from when due", "from when begun"]);
    for point in &latency.percentiles {
        let service = point.service_ns.map_or(String::new(), |ns| time(ns as f64));
        table.row([
            (Tint::Quiet, label(point.percent)),
            (Tint::Strong, time(point.latency_ns as f64)),
            (Tint::None, service),
        ]);
    }
    table.write(&mut page, 1);
    if latency.is_saturated() {
        let mut text =
            "it cannot keep up with this rate: the longer it is called, the longer calls \
                        wait"
                .to_owned();
        if latency.late > 0 {
            text = format!(
                "{text}; {} not over when time was up count as long as was seen of them",
                number::counted(latency.late, "call")
            );
        }
        let line = page
            .line()
            .gap(1)
            .tinted(Tint::Worse, "saturated")
            .to(FACTS);
        page.wrapped(line, Tint::None, &text);
    } else if latency.late > 0 {
        let text = format!(
            "{} not over when time was up; counted as long as was seen of them",
            number::counted(latency.late, "call")
        );
        fact(&mut page, "late", &text);
    }
    for (at, sentence) in noise::sentences(room).iter().enumerate() {
        fact(&mut page, if at == 0 { "noise" } else { "" }, sentence);
    }
    page.finish()
}

fn label(percent: f64) -> String {
    if percent >= 100.0 {
        return "max".to_owned();
    }
    format!("p{percent}")
}

fn rate(rate: f64) -> String {
    if rate >= 1000.0 {
        return number::count(rate.round() as u64);
    }
    let text = format!("{rate:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn fact(page: &mut Page, name: &str, text: &str) {
    let line = page.line().gap(1).tinted(Tint::Quiet, name).to(FACTS);
    page.wrapped(line, Tint::None, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_analysis::trials::{Load, latency, noise};
    use pitstop_model::{Batch, Benchmark, Run, Trials};

    #[test]
    fn both_times_stand_beside_each_other_and_saturation_is_said() {
        let batches = |count: usize| {
            let batch = Batch {
                loops: 1,
                wall_ns: 2e6,
                ..Batch::default()
            };
            vec![batch; count]
        };
        let mut trials = Trials {
            benchmarks: vec![Benchmark::default(), Benchmark::default()],
            ..Trials::default()
        };
        trials.benchmarks[0].name = "app:work at 200/s".into();
        for (benchmark, count) in [(0, 400), (1, 100)] {
            trials.runs.push(Run {
                benchmark,
                batches: batches(count),
                ..Run::default()
            });
        }
        let load = Load {
            rate: 200.0,
            late: 300,
            elapsed_ns: 2e9,
            cpu_ns: 1e9,
            servers: 1,
        };
        let known = latency(&trials, &load).expect("there are calls");
        let quiet = noise(&trials);
        let text = render(&known, &quiet, &Style::plain(80));
        for words in [
            "app:work at 200/s",
            "400 calls in 1 process · 50 of 200 a second · 50 % of a CPU",
            "p99.9",
            "max",
            "saturated",
            "300 calls not over",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        for width in [30, 60] {
            let ascii = render(&known, &quiet, &Style::ascii(width));
            assert!(ascii.lines().all(|line| line.len() <= width), "{ascii}");
        }
    }
}

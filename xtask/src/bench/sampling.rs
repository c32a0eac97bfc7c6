//! `cargo xtask bench sampling`: the figures of the sampler, each beside its peers.

use super::figure::{Figure, Report};
use super::options::{Options, USAGE};
use super::rig::{self, Rig};
use super::table::{self, Row};
use super::{hour, impossible, shares, slowdown, startup, threads, throughput, trusted};
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

const FIGURES: &[Figure] = &[
    Figure {
        name: "impossible",
        purpose: "stacks that never existed, where two chains of calls take turns",
        measure: impossible::measure,
    },
    Figure {
        name: "trusted",
        purpose: "samples with a verdict exact or validated",
        measure: trusted::measure,
    },
    Figure {
        name: "shares",
        purpose: "self-time shares against a stop-the-world reference",
        measure: shares::measure,
    },
    Figure {
        name: "slowdown",
        purpose: "how much longer the same work takes",
        measure: slowdown::measure,
    },
    Figure {
        name: "throughput",
        purpose: "accepted samples a second, as fast as it goes",
        measure: throughput::measure,
    },
    Figure {
        name: "threads",
        purpose: "CPU time of watching 271 threads",
        measure: threads::measure,
    },
    Figure {
        name: "hour",
        purpose: "memory and disk of an hour at 1 kHz",
        measure: hour::measure,
    },
    Figure {
        name: "startup",
        purpose: "what `run` adds to a program of one second",
        measure: startup::measure,
    },
];

/// The bench.
pub(super) fn run(arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    if options.help {
        println!("{USAGE}\n\nfigures:\n");
        for figure in FIGURES {
            println!("    {:<12}{}", figure.name, figure.purpose);
        }
        return Ok(());
    }
    let figures = chosen(&options.only)?;
    let rig = Rig::prepare(&options)?;
    let machine = machine(&rig)?;
    introduce(&rig, &machine);
    let start = Instant::now();
    // One for each figure, so that a wide cell of one does not spread the others.
    let mut tables = Vec::new();
    let (mut rows, mut raw, mut failed) = (Vec::new(), serde_json::Map::new(), Vec::new());
    for figure in figures {
        match (figure.measure)(&rig) {
            Ok(report) => {
                keep(&rig, figure.name, &machine, &report)?;
                raw.insert(figure.name.to_owned(), report.raw);
                tables.push(table::format(&report.rows));
                rows.extend(report.rows);
            }
            Err(error) => {
                println!("  failed: {error:#}");
                failed.push(figure.name);
            }
        }
    }
    let minutes = start.elapsed().as_secs().div_ceil(60);
    println!("\n{}", tables.join("\n"));
    println!("nb: --nonblocking; in brackets: 95 % interval; ?: the interval holds the target");
    println!("load {}; {minutes} min", load());
    if let Some(path) = &options.json {
        let rows: Vec<Value> = rows.iter().map(Row::to_json).collect();
        write(
            path,
            &json!({ "machine": machine, "table": rows, "raw": raw }),
        )?;
    }
    if failed.is_empty() {
        Ok(())
    } else {
        bail!("not measured: {}", failed.join(", "))
    }
}

fn chosen(names: &[String]) -> Result<Vec<&'static Figure>> {
    let known = |name: &str| FIGURES.iter().any(|figure| figure.name == name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        let known: Vec<&str> = FIGURES.iter().map(|figure| figure.name).collect();
        bail!("no figure `{unknown}`, available: {}", known.join(", "));
    }
    let wanted = |figure: &&Figure| names.is_empty() || names.iter().any(|n| n == figure.name);
    Ok(FIGURES.iter().filter(wanted).collect())
}

/// Where and with what these figures were made.
fn machine(rig: &Rig) -> Result<Value> {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name"));
    let versions: Vec<&str> = rig.pythons.iter().map(|p| p.version.as_str()).collect();
    Ok(json!({
        "cpus": std::thread::available_parallelism()?.get(),
        "cpu": cpu.map(|name| name.trim_start_matches([' ', '\t', ':'])),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load": load(),
        "pythons": versions,
        "py_spy": rig.peers.py_spy_version,
        "quick": rig.quick,
        "unix_s": SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs(),
    }))
}

fn introduce(rig: &Rig, machine: &Value) {
    let text = |name: &str| machine[name].as_str().unwrap_or("-").to_owned();
    println!(
        "{} CPUs ({}), Linux {}, load {}",
        machine["cpus"],
        text("cpu"),
        text("kernel"),
        load()
    );
    println!("pitstop: {}", rig.pitstop.display());
    println!("py-spy: {}", text("py_spy"));
    let busy = load().split(' ').next().and_then(|load| load.parse().ok());
    if busy.is_some_and(|load: f64| load > 0.5) {
        println!("others use this machine: times are noisy, counts are not");
    }
    if rig.quick {
        println!("quick: this shows that it works, not how well");
    }
}

/// Load averages over 1, 5 and 15 minutes.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// Keeps what was measured beside the interpreters, for who wants to compute something else.
fn keep(rig: &Rig, name: &str, machine: &Value, report: &Report) -> Result<()> {
    let suffix = if rig.quick { "-quick" } else { "" };
    let path = rig::home().join(format!("results-{name}{suffix}.json"));
    let rows: Vec<Value> = report.rows.iter().map(Row::to_json).collect();
    write(
        &path,
        &json!({ "machine": machine, "table": rows, "raw": report.raw }),
    )
}

fn write(path: &Path, value: &Value) -> Result<()> {
    Ok(std::fs::write(path, format!("{value:#}\n"))?)
}

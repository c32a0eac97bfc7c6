//! `cargo xtask bench <name>`: measures the product against its peers.
//!
//! Every bench runs ours and theirs in the same run, taking turns, so that whatever else this
//! machine does meets both. `docs/bench-sampling.md` says how each figure is made.

mod child;
mod compare;
mod compare_peers;
mod figure;
mod hour;
mod impossible;
mod journal;
mod options;
mod pairs;
mod peers;
mod plugin;
mod progress;
mod rig;
mod sampler;
mod sampling;
mod scale;
mod shares;
mod slowdown;
mod stacks;
mod startup;
mod statistics;
mod table;
mod threads;
mod throughput;
mod tracing;
mod trusted;
mod truth;
mod watching;

use anyhow::{Result, bail};

/// A bench's name and what it does with its arguments.
type Bench = (&'static str, fn(&[String]) -> Result<()>);

const BENCHES: &[Bench] = &[
    ("sampling", sampling::run),
    ("tracing", tracing::run),
    ("compare", compare::run),
    // The name that goes with the command `pitstop bench`.
    ("bench", compare::run),
    ("plugin", plugin::run),
    ("scale", scale::run),
];

/// The command.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let (name, rest) = match arguments.split_first() {
        Some((name, rest)) => (name.as_str(), rest),
        None => ("", arguments),
    };
    match BENCHES.iter().find(|(known, _)| *known == name) {
        Some((_, bench)) => bench(rest),
        None => {
            let known: Vec<&str> = BENCHES.iter().map(|(known, _)| *known).collect();
            bail!("not a bench: `{name}`, available: {}", known.join(", "))
        }
    }
}

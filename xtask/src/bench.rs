//! `cargo xtask bench <name>`: measures the product against its peers.

use anyhow::{Result, bail};

/// A bench's name and what it does with its arguments.
type Bench = (&'static str, fn(&[String]) -> Result<()>);

const BENCHES: &[Bench] = &[("sampling", sampling)];

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

fn sampling(_arguments: &[String]) -> Result<()> {
    bail!("`sampling` has nothing to measure yet")
}

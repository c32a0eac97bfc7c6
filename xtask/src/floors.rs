//! `cargo xtask floors`: the house plan, held against what the crates depend on.
//!
//! ```text
//! floor 5                                  cli
//! floor 4                        fix                     server
//! floor 3      view      export      bench      store      collect
//! floor 2  analysis      rules      archive      target      probe
//! floor 1  stats      source          model          cpython      wire
//! ```
//!
//! Arrows go downward only. Tests and build scripts count: what a room's tests need from a higher
//! floor belongs to the tests of that floor.

mod graph;
mod laws;

use anyhow::{Result, bail};

/// The command.
pub(crate) fn run(_arguments: &[String]) -> Result<()> {
    let packages = graph::read()?;
    let broken = laws::broken(&packages);
    for sentence in &broken {
        println!("{sentence}");
    }
    if broken.is_empty() {
        println!("floors: {} packages keep the house plan", packages.len());
        return Ok(());
    }
    bail!("{} laws of the house are broken", broken.len())
}

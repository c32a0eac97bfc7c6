//! `cargo xtask ci`: everything a change must pass. What passes here passes there.

use crate::{floors, layouts, process, test, tidy, workspace};
use anyhow::Result;
use std::process::Command;

/// The command: the checks, then the tests.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    checks()?;
    test::tests(arguments)
}

/// Everything but the tests, the quick ones first.
pub(crate) fn checks() -> Result<()> {
    step("format");
    process::run(cargo("fmt").args(["--all", "--check"]))?;
    step("floors");
    floors::run(&[])?;
    step("tidy");
    tidy::run(&[])?;
    step("clippy");
    let mut clippy = cargo("clippy");
    clippy.args(["--quiet", "--workspace", "--all-targets"]);
    process::run(clippy.args(locked()).args(["--", "-D", "warnings"]))?;
    step("layouts");
    layouts::run(&[])
}

/// A cargo command in the workspace.
pub(crate) fn cargo(subcommand: &str) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.arg(subcommand).current_dir(workspace::root());
    command
}

/// In CI a lock file that does not fit the manifests is a failure, not something to mend.
pub(crate) fn locked() -> &'static [&'static str] {
    if workspace::in_ci() {
        &["--locked"]
    } else {
        &[]
    }
}

fn step(name: &str) {
    println!("== {name}");
}

//! `cargo xtask test`: sets up what tests need, then runs every test.
//!
//! Tests find what they need in the environment:
//!
//! - `PITSTOP_PYTHONS`: the interpreters 3.8 to 3.15, separated by colons, oldest first;
//! - `PITSTOP_BIN`: the built `pitstop`;
//! - `PITSTOP_VIEWERS`: gprof2dot and snakeviz, and the interpreter that they are for.
//! - `PITSTOP_PEERS`: line_profiler for each version, and pyperformance's programs.
//!
//! With `CI` set it runs the checks of `cargo xtask ci` first, and whatever cannot be set up is a
//! failure; elsewhere it is named and its tests skip. Arguments go to the test runner, except
//! `--release`, which builds everything that way.

use crate::pythons::{self, Inventory};
use crate::{ci, peers, plugin, process, viewers, workspace};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A program that tests run, the Debian package that has it, and what it is for.
struct Tool {
    program: &'static str,
    package: &'static str,
    purpose: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool {
        program: "gcc",
        package: "gcc",
        purpose: "compiles native test programs",
    },
    Tool {
        program: "hg",
        package: "mercurial",
        purpose: "`pitstop gate` finds the base in its repositories",
    },
    Tool {
        program: "go",
        package: "golang-go",
        purpose: "`go tool pprof` reads our exports",
    },
    Tool {
        program: "callgrind_annotate",
        package: "valgrind",
        purpose: "reads our exports",
    },
];

/// The command.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    if workspace::in_ci() {
        ci::checks()?;
        println!("== test");
    }
    tests(arguments)
}

/// The tests alone.
pub(crate) fn tests(arguments: &[String]) -> Result<()> {
    let Inventory { found, missing } = pythons::prepare();
    let mut lacking: Vec<String> = missing
        .iter()
        .map(|(minor, reason)| format!("Python 3.{minor} ({reason})"))
        .collect();
    for tool in TOOLS {
        if let Err(error) = provide(tool) {
            lacking.push(format!("{} ({}: {error:#})", tool.program, tool.purpose));
        }
    }
    if let Err(error) = viewers::prepare(&found) {
        lacking.push(format!(
            "gprof2dot and snakeviz (show our exports: {error:#})"
        ));
    }
    lacking.extend(peers::prepare(&found));
    let plugin = plugin::Environment::prepare(&found)
        .and_then(|environment| environment.archive().map(|_| environment));
    if let Err(error) = &plugin {
        lacking.push(format!(
            "pytest and pytest-benchmark (try our plugin: {error:#})"
        ));
    }
    for piece in &lacking {
        println!("skipped where needed: {piece}");
    }
    if workspace::in_ci() && !lacking.is_empty() {
        bail!(
            "in CI nothing may be skipped, and {} pieces are missing",
            lacking.len()
        );
    }

    let (release, rest) = split_release(arguments);
    let executables: Vec<_> = found
        .iter()
        .map(|python| python.executable.as_os_str())
        .collect();
    let pythons = std::env::join_paths(executables).context("a path with a colon in it")?;
    let binary = build(release)?;
    let with_environment = |mut command: Command| {
        command.args(release).args(ci::locked());
        command
            .env("PITSTOP_PYTHONS", &pythons)
            .env("PITSTOP_BIN", &binary)
            .env("PITSTOP_VIEWERS", viewers::directory())
            .env("PITSTOP_PEERS", peers::directory());
        command
    };
    if process::find("cargo-nextest").is_some() {
        let mut nextest = ci::cargo("nextest");
        nextest.args(["run", "--workspace", "--no-fail-fast"]);
        process::run(with_environment(nextest).args(rest))?;
        // nextest leaves examples in documentation to cargo.
        let mut documentation = ci::cargo("test");
        documentation.args(["--quiet", "--workspace", "--doc"]);
        process::run(&mut with_environment(documentation))?;
    } else {
        let mut test = ci::cargo("test");
        test.args(["--workspace", "--no-fail-fast"]);
        process::run(with_environment(test).args(rest))?;
    }
    if let Ok(environment) = &plugin {
        println!("== plugin");
        plugin::tests(environment, &found, &[])?;
    }
    println!(
        "test: passed with {} interpreters, {} pieces missing",
        found.len(),
        lacking.len()
    );
    Ok(())
}

/// Installs a tool's package if the tool is missing and we may.
fn provide(tool: &Tool) -> Result<()> {
    if process::find(tool.program).is_some() {
        return Ok(());
    }
    println!("installing {}: {}", tool.package, tool.purpose);
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command
            .arg("-qq")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        process::output(&mut command)
    };
    let install = ["-y", "--no-install-recommends", "install", tool.package];
    if apt(&install).is_err() {
        // A fresh machine has no package lists yet, or old ones.
        apt(&["update"])?;
        apt(&install)?;
    }
    Ok(())
}

/// Builds the product once; every end-to-end test runs the same file.
fn build(release: &[String]) -> Result<PathBuf> {
    let mut command = ci::cargo("build");
    command
        .args(["--package", "pitstop-cli", "--bin", "pitstop"])
        .args(release)
        .args(ci::locked());
    command
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit());
    let output = command.output().context("cannot start cargo")?;
    if !output.status.success() {
        bail!("`pitstop` does not build");
    }
    String::from_utf8(output.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| message.get("executable")?.as_str().map(PathBuf::from))
        .context("cargo names no executable of `pitstop`")
}

fn split_release(arguments: &[String]) -> (&[String], &[String]) {
    match arguments.split_first() {
        Some((first, rest)) if first == "--release" => (&arguments[..1], rest),
        _ => (&[], arguments),
    }
}

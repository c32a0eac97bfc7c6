//! `cargo xtask layouts`: what is generated from CPython's own headers and opcode modules.
//!
//! Generates everything in memory and compares it with what is checked in; `--write` renews the
//! files instead. A difference means that a header changed or that somebody edited by hand.

mod debug_offsets;
mod headers;
mod opcodes;
mod tables;

use crate::pythons::{self, Python};
use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// The line of a generated file that names patch releases. It is not compared: the next patch
/// release has the same layout (CPython keeps it within a minor version) and must not be drift.
const SOURCES: &str = "//! Read from: ";

/// The command.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let write = match arguments {
        [] => false,
        [flag] if flag == "--write" => true,
        _ => bail!("usage: cargo xtask layouts [--write]"),
    };
    let pythons = every_python()?;
    let offsets = headers::read_all(&pythons)?;
    let sources = sources(&pythons);
    let directory = workspace::root().join("crates").join("cpython").join("src");
    let mut drifted = Vec::new();
    for (name, text) in [
        ("tables.rs", tables::generate(&offsets, &sources)?),
        ("opcode_sets.rs", opcodes::generate(&pythons, &sources)?),
        (
            "debug_offsets.rs",
            debug_offsets::generate(&pythons, &offsets, &sources)?,
        ),
    ] {
        let path = directory.join(name);
        let fresh = format(&text)?;
        let present = std::fs::read_to_string(&path).unwrap_or_default();
        if comparable(&present) == comparable(&fresh) {
            continue;
        }
        if write {
            std::fs::write(&path, &fresh).with_context(|| format!("cannot write `{name}`"))?;
            println!("wrote crates/cpython/src/{name}");
        } else {
            println!(
                "crates/cpython/src/{name}\n{}",
                differences(&present, &fresh)
            );
            drifted.push(name);
        }
    }
    if drifted.is_empty() {
        println!(
            "layouts: {} versions agree with their headers",
            pythons.len()
        );
        return Ok(());
    }
    bail!(
        "{} drifted; renew with `cargo xtask layouts --write`",
        drifted.join(", ")
    )
}

fn every_python() -> Result<Vec<Python>> {
    let inventory = pythons::prepare();
    match inventory.missing.first() {
        None => Ok(inventory.found),
        Some((minor, reason)) => {
            bail!("needs every interpreter, and 3.{minor} is missing: {reason}")
        }
    }
}

fn sources(pythons: &[Python]) -> String {
    let versions: Vec<&str> = pythons
        .iter()
        .map(|python| python.version.as_str())
        .collect();
    format!("{SOURCES}CPython {}.", versions.join(", "))
}

/// Formats generated code as `cargo fmt` would.
fn format(text: &str) -> Result<String> {
    let root = workspace::root();
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(&root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start `rustfmt`")?;
    child
        .stdin
        .take()
        .expect("stdin is piped")
        .write_all(text.as_bytes())?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("rustfmt does not accept the generated code");
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn comparable(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| !line.starts_with(SOURCES))
        .collect()
}

/// The first lines that differ, old and new. Good enough to see what moved.
fn differences(present: &str, fresh: &str) -> String {
    const SHOWN: usize = 20;
    let (present, fresh) = (comparable(present), comparable(fresh));
    let mut lines = Vec::new();
    for index in 0..present.len().max(fresh.len()) {
        let (old, new) = (present.get(index), fresh.get(index));
        if old != new {
            lines.extend(old.map(|line| format!("  -{line}")));
            lines.extend(new.map(|line| format!("  +{line}")));
        }
    }
    let hidden = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    if hidden > 0 {
        lines.push(format!("  ... {hidden} more lines"));
    }
    lines.join("\n")
}

/// True when musl's compiler wrapper is there to check that its layouts are the same.
fn has_musl() -> bool {
    process::find("musl-gcc").is_some()
}

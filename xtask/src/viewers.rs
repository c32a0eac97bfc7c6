//! The viewers that exports are tried with: gprof2dot and snakeviz, from PyPI into `target/viewers`.
//!
//! One directory for the PYTHONPATH of one interpreter, the newest here that has pip: both are
//! Python, and what they read is the same for every version. A second run costs milliseconds.

use crate::pythons::Python;
use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::Command;

const PACKAGES: [&str; 2] = ["gprof2dot==2025.4.14", "snakeviz==2.2.2"];

/// Where they are. The file `python` in it names the interpreter they are for.
pub(crate) fn directory() -> PathBuf {
    workspace::root().join("target/viewers")
}

/// Installs them unless they are there.
pub(crate) fn prepare(pythons: &[Python]) -> Result<()> {
    let directory = directory();
    let mark = directory.join("python");
    if mark.is_file() {
        return Ok(());
    }
    println!(
        "installing gprof2dot and snakeviz into {}",
        directory.display()
    );
    let has_pip = |python: &&Python| {
        let mut ask = Command::new(&python.executable);
        process::output(ask.args(["-m", "pip", "--version"])).is_ok()
    };
    let Some(python) = pythons.iter().rev().find(has_pip) else {
        bail!("no interpreter here has pip");
    };
    let mut pip = Command::new(&python.executable);
    pip.args(["-m", "pip", "install", "--quiet", "--upgrade"])
        .args([
            "--disable-pip-version-check",
            "--root-user-action",
            "ignore",
        ])
        .args(["--only-binary", ":all:", "--target"])
        .arg(&directory)
        .args(PACKAGES);
    process::output(&mut pip).context("pip cannot install them")?;
    std::fs::write(mark, python.executable.as_os_str().as_encoded_bytes())?;
    Ok(())
}

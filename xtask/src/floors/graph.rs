//! Which package of the workspace depends on which, as cargo sees it.

use crate::{ci, process};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;

/// One package of the workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Package {
    /// Its name, like `pitstop-model`.
    pub(super) name: String,
    /// True if it lies in `crates/`: a room of the house.
    pub(super) is_room: bool,
    /// The packages it depends on in any way, foreign ones too.
    pub(super) dependencies: Vec<String>,
    /// True if its root file says `#![forbid(unsafe_code)]`.
    pub(super) forbids_unsafe: bool,
}

/// Asks cargo, offline.
pub(super) fn read() -> Result<Vec<Package>> {
    let mut command = ci::cargo("metadata");
    let metadata =
        process::output(command.args(["--no-deps", "--offline", "--format-version", "1"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"]
        .as_array()
        .context("cargo lists packages")?;
    packages.iter().map(package).collect()
}

fn package(value: &Value) -> Result<Package> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let manifest = text(&value["manifest_path"]).context("a package has a manifest")?;
    let room = Path::new(&manifest).parent().and_then(Path::parent);
    let dependencies = value["dependencies"]
        .as_array()
        .context("a package has dependencies")?;
    Ok(Package {
        name: text(&value["name"]).context("a package has a name")?,
        is_room: room.is_some_and(|directory| directory.ends_with("crates")),
        dependencies: dependencies
            .iter()
            .filter_map(|value| text(&value["name"]))
            .collect(),
        forbids_unsafe: forbids_unsafe(&value["targets"])?,
    })
}

/// True if every library and binary of the package forbids it.
fn forbids_unsafe(targets: &Value) -> Result<bool> {
    for target in targets.as_array().context("a package has targets")? {
        let kinds = target["kind"].as_array().context("a target has a kind")?;
        let is_product = kinds
            .iter()
            .filter_map(Value::as_str)
            .any(|kind| matches!(kind, "bin" | "lib" | "rlib" | "cdylib" | "proc-macro"));
        let source = target["src_path"]
            .as_str()
            .context("a target has a source")?;
        let text =
            std::fs::read_to_string(source).with_context(|| format!("cannot read `{source}`"))?;
        if is_product
            && !text
                .lines()
                .any(|line| line.trim() == "#![forbid(unsafe_code)]")
        {
            return Ok(false);
        }
    }
    Ok(true)
}

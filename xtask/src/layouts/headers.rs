//! Offsets out of CPython's headers, by compiling [`PROGRAM`] and running it.

use crate::pythons::Python;
use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROGRAM: &str = include_str!("offsets.c");

/// What one version's headers say: `group.field` to number.
pub(super) struct Offsets {
    /// The minor version of Python 3.
    pub(super) minor: u8,
    /// The patch release the headers belong to.
    pub(super) version: String,
    fields: BTreeMap<String, u64>,
}

impl Offsets {
    /// A field that this version has.
    pub(super) fn get(&self, field: &str) -> Option<u64> {
        self.fields.get(field).copied()
    }

    /// A field that every version must have.
    pub(super) fn require(&self, field: &str) -> Result<u64> {
        self.get(field)
            .with_context(|| format!("headers of {} know no `{field}`", self.version))
    }
}

/// Reads every version's headers; with musl's compiler at hand, checks that musl agrees.
pub(super) fn read_all(pythons: &[Python]) -> Result<Vec<Offsets>> {
    let directory = workspace::root().join("target").join("layouts");
    std::fs::create_dir_all(&directory)?;
    std::fs::write(directory.join("offsets.c"), PROGRAM)?;
    pythons
        .iter()
        .map(|python| read(python, &directory))
        .collect()
}

fn read(python: &Python, directory: &Path) -> Result<Offsets> {
    let includes = python.include_directories()?;
    let glibc = compile_and_run(python, directory, "gcc", &includes, &[])?;
    if super::has_musl() {
        let shims = musl_shims(directory, python.minor, &includes)?;
        let mut includes = includes[..1].to_vec();
        includes.push(shims);
        let musl = compile_and_run(python, directory, "musl-gcc", &includes, &["-static"])?;
        agree(&glibc, &musl)?;
    }
    Ok(glibc)
}

/// Headers that glibc offers beside Python's, for musl: an empty `crypt.h` (3.8 includes it and
/// uses nothing of it), and Debian's architecture directory without the glibc around it.
fn musl_shims(directory: &Path, minor: u8, includes: &[PathBuf]) -> Result<PathBuf> {
    let shims = directory.join(format!("musl-3.{minor}"));
    std::fs::create_dir_all(&shims)?;
    std::fs::write(shims.join("crypt.h"), "")?;
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    let (theirs, ours) = (includes[1].join(&triplet), shims.join(&triplet));
    if theirs.join(format!("python3.{minor}")).is_dir() {
        let _ = std::fs::remove_file(&ours);
        std::os::unix::fs::symlink(theirs, ours)?;
    }
    Ok(shims)
}

fn compile_and_run(
    python: &Python,
    directory: &Path,
    compiler: &str,
    includes: &[PathBuf],
    flags: &[&str],
) -> Result<Offsets> {
    let binary = directory.join(format!("offsets-3.{}-{compiler}", python.minor));
    let mut command = Command::new(compiler);
    command.args(["-std=gnu11", "-w"]).args(flags);
    command
        .arg("-I")
        .arg(&includes[0])
        .arg("-I")
        .arg(includes[0].join("internal"));
    // Behind the compiler's own directories: Debian's root has a glibc of its own.
    for include in &includes[1..] {
        command.arg("-idirafter").arg(include);
    }
    process::output(
        command
            .arg(directory.join("offsets.c"))
            .arg("-o")
            .arg(&binary),
    )
    .with_context(|| format!("cannot compile against the headers of {}", python.version))?;
    parse(python.minor, &process::output(&mut Command::new(&binary))?)
}

fn parse(minor: u8, text: &str) -> Result<Offsets> {
    let mut offsets = Offsets {
        minor,
        version: String::new(),
        fields: BTreeMap::new(),
    };
    for line in text.lines() {
        let (name, value) = line
            .split_once(' ')
            .context("the program prints `name value`")?;
        if name == "version" {
            offsets.version = value.to_owned();
        } else {
            offsets.fields.insert(name.to_owned(), value.parse()?);
        }
    }
    if !offsets.version.starts_with(&format!("3.{minor}.")) {
        bail!("headers of 3.{minor} say that they are {}", offsets.version);
    }
    Ok(offsets)
}

fn agree(glibc: &Offsets, musl: &Offsets) -> Result<()> {
    for (field, value) in &glibc.fields {
        let other = musl.get(field);
        if other != Some(*value) {
            bail!(
                "{}: `{field}` is {value} with glibc and {other:?} with musl; the tables must part",
                glibc.version
            );
        }
    }
    Ok(())
}

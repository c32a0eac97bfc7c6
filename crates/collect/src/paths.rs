//! Whose code a file is, and the short name to show for it.

use pitstop_model::FileKind;
use std::path::Path;

/// Knows the directory the program runs in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    directory: String,
}

impl Paths {
    /// Short names are relative to `directory`.
    pub(crate) fn new(directory: &Path) -> Self {
        let mut directory = directory.to_string_lossy().into_owned();
        if !directory.ends_with('/') {
            directory.push('/');
        }
        Self { directory }
    }

    /// The short name and the kind of a file that code objects name `path`.
    pub(crate) fn classify(&self, path: &str) -> (String, FileKind) {
        if path.starts_with('<') {
            let frozen = path.starts_with("<frozen ");
            let kind = if frozen {
                FileKind::StandardLibrary
            } else {
                FileKind::Generated
            };
            return (path.to_owned(), kind);
        }
        for marker in ["/site-packages/", "/dist-packages/"] {
            if let Some(at) = path.rfind(marker) {
                return (path[at + marker.len()..].to_owned(), FileKind::Package);
            }
        }
        if let Some(rest) = standard_library(path) {
            return (rest.to_owned(), FileKind::StandardLibrary);
        }
        if let Some(rest) = path.strip_prefix(&self.directory) {
            return (rest.to_owned(), FileKind::Project);
        }
        let short = path.strip_prefix("./").unwrap_or(path);
        (short.to_owned(), FileKind::Project)
    }
}

/// The part of `.../lib/python3.11/json/decoder.py` behind the version, also for `python311.zip`
/// and for `lib64`.
fn standard_library(path: &str) -> Option<&str> {
    for marker in ["/lib/python3", "/lib64/python3"] {
        let Some(at) = path.rfind(marker) else {
            continue;
        };
        let rest = &path[at + marker.len()..];
        let (version, rest) = rest.split_once('/')?;
        let version = version.trim_end_matches(".zip").trim_end_matches('t');
        if version.chars().all(|c| c.is_ascii_digit() || c == '.') {
            return Some(rest);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_where_they_lie() {
        let paths = Paths::new(Path::new("/home/ada/shop"));
        let check = |path: &str| paths.classify(path);
        assert_eq!(
            check("/home/ada/shop/app.py"),
            ("app.py".into(), FileKind::Project)
        );
        assert_eq!(
            check("/srv/other.py"),
            ("/srv/other.py".into(), FileKind::Project)
        );
        assert_eq!(
            check("/usr/lib/python3.11/json/decoder.py"),
            ("json/decoder.py".into(), FileKind::StandardLibrary)
        );
        assert_eq!(
            check("/home/ada/shop/.venv/lib/python3.13/site-packages/django/http.py"),
            ("django/http.py".into(), FileKind::Package)
        );
        assert_eq!(
            check("<frozen importlib._bootstrap>").1,
            FileKind::StandardLibrary
        );
        assert_eq!(check("<string>"), ("<string>".into(), FileKind::Generated));
    }
}

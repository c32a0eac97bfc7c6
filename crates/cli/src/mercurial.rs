//! Mercurial: which commit to compare with, and that commit in a directory of its own.

use crate::exit::{Failure, Status};
use crate::gate::base::Base;
use crate::worktree::{LOCKS, Worktree};
use std::path::PathBuf;
use std::process::{Command, Output};

/// Runs hg in the current directory, as scripts should: no aliases, no colours, no questions.
fn hg(arguments: &[&str]) -> std::io::Result<Output> {
    let mut command = Command::new("hg");
    command.env("HGPLAIN", "1").arg("--noninteractive");
    command.args(arguments).output()
}

/// What hg prints, if it succeeds.
fn line(arguments: &[&str]) -> Option<String> {
    let output = hg(arguments)
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim_end_matches('\n').to_owned())
}

/// The root of the repository that we are in; `None` if it is none of Mercurial's.
pub(crate) fn root() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    // Nobody without such a repository waits for hg to start.
    let above = here.ancestors().find(|path| path.join(".hg").is_dir())?;
    Some(above.to_owned())
}

/// From the root of the repository to here, as git says it: `sub/`, or nothing.
pub(crate) fn prefix() -> Option<String> {
    let here = std::env::current_dir().ok()?;
    let inside = here
        .strip_prefix(root()?)
        .ok()?
        .to_string_lossy()
        .into_owned();
    Some(if inside.is_empty() {
        inside
    } else {
        inside + "/"
    })
}

/// Finds the base: where this line of work left the one that it goes back to. `asked` is a branch,
/// bookmark, tag or commit.
pub(crate) fn find(asked: Option<&str>) -> Result<Base, Failure> {
    if let Err(error) = hg(&["version", "--quiet"]) {
        return Err(nothing("hg cannot be run")
            .because(error)
            .cure("install Mercurial, or check only limits that need no base: --against none"));
    }
    let Some(here) = node("first(parents())") else {
        return Err(nothing("this repository has no commit yet")
            .cure("commit first, or check only limits that need no base: --against none"));
    };
    let name = asked.unwrap_or("default");
    // A name is quoted: what is in it is no expression.
    let quoted = format!("'{}'", name.replace('\\', "\\\\").replace('\'', "\\'"));
    if node(&quoted).is_none() {
        let what = format!("`{name}` is no commit here");
        return Err(match asked {
            Some(_) => Failure::new(Status::Usage, what)
                .cure(format!("check its name, or fetch it: hg pull --rev {name}")),
            None => nothing(what).cure("name one: pitstop gate --against BRANCH"),
        });
    }
    let Some(base) = node(&format!("ancestor({quoted}, .)")) else {
        return Err(
            nothing(format!("`{name}` and this have no commit in common"))
                .cure("name a branch that this one comes from: pitstop gate --against BRANCH"),
        );
    };
    let is_clean = line(&["status", "--modified", "--added", "--removed", "--deleted"])
        .is_some_and(|text| text.is_empty());
    if base != here || !is_clean {
        return Ok(Base {
            name: format!("common ancestor with {name}"),
            commit: base,
        });
    }
    match node("first(parents(.))") {
        Some(parent) => Ok(Base {
            name: "the commit before this".into(),
            commit: parent,
        }),
        None => Err(
            nothing("this is the first commit, so there is nothing to compare with")
                .cure("check only limits that need no base: pitstop gate --against none"),
        ),
    }
}

/// The commit that an expression gives.
fn node(revset: &str) -> Option<String> {
    let text = line(&["log", "--rev", revset, "--template", "{node}"])?;
    (text.len() == 40).then_some(text)
}

/// Files with versions of dependencies that differ from the base.
pub(crate) fn changed_locks(base: &Base) -> Vec<String> {
    let globs = LOCKS.map(|name| format!("relglob:{name}"));
    let mut arguments = vec!["status", "--no-status", "--rev", base.commit.as_str()];
    arguments.extend(globs.iter().map(String::as_str));
    let text = line(&arguments).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The files of a commit, in a directory of their own.
pub(crate) fn check_out(word: &str, commit: &str) -> Result<Worktree, Failure> {
    let cannot = |why: String| {
        let what = format!("`{word}` cannot be checked out");
        Failure::new(Status::CannotMeasure, what)
            .because(why)
            .cure("look at it with hg: hg archive --rev COMMIT /some/where")
    };
    let repository = root().ok_or_else(|| cannot("the repository is gone".into()))?;
    let here = std::env::current_dir().map_err(|error| cannot(error.to_string()))?;
    let prefix = here.strip_prefix(&repository).unwrap_or(&here).to_owned();
    let parent = tempfile::Builder::new().prefix("pitstop-").tempdir();
    let parent = parent.map_err(|error| cannot(error.to_string()))?;
    let tree = parent.path().join("tree");
    let path = tree.to_string_lossy().into_owned();
    // From the root: hg archives what is below the current directory only if asked to.
    let source = repository.to_string_lossy().into_owned();
    let words = [
        "archive", "--cwd", &source, "--rev", commit, "--type", "files", &path,
    ];
    let output = hg(&words).map_err(|error| cannot(error.to_string()))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(cannot(text));
    }
    Worktree::of_files(parent, tree.join(&prefix), commit)
        .ok_or_else(|| cannot(format!("it has no directory `{}`", prefix.display())))
}

fn nothing(what: impl std::fmt::Display) -> Failure {
    Failure::new(Status::CannotMeasure, what)
}

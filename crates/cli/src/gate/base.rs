//! Which commit to compare with: where this branch left the one that it goes back to.

use crate::exit::{Failure, Status};
use crate::mercurial;
use crate::worktree::{LOCKS, commit, git, line};

/// A commit to compare with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Base {
    /// How it was found, for people: `merge base with origin/main`.
    pub(crate) name: String,
    /// The commit.
    pub(crate) commit: String,
}

/// Finds it. `asked` is a branch, tag or commit.
pub(crate) fn find(asked: Option<&str>) -> Result<Base, Failure> {
    if mercurial::root().is_some() {
        return mercurial::find(asked);
    }
    match git(&["rev-parse", "--is-inside-work-tree"]) {
        Err(error) => {
            return Err(nothing("git cannot be run").because(error).cure(
                "install git, or check only limits that need no base: pitstop gate --against none",
            ));
        }
        Ok(output) if !output.status.success() => {
            let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(
                nothing("this is no repository of git or Mercurial, so there is no base")
                    .because(text)
                    .cure("check only limits that need no base: pitstop gate --against none"),
            );
        }
        Ok(_) => {}
    }
    let Some(head) = commit("HEAD") else {
        return Err(nothing("this repository has no commit yet")
            .cure("commit first, or check only limits that need no base: --against none"));
    };
    let name = target(asked)?;
    let Some(base) = line(&["merge-base", "--", &name, "HEAD"]).filter(|text| !text.is_empty())
    else {
        let failure = nothing(format!("`{name}` and HEAD have no commit in common"));
        return Err(if is_shallow() {
            deepen(failure)
        } else {
            failure.cure("name a branch that this one comes from: pitstop gate --against BRANCH")
        });
    };
    if base != head || !is_clean() {
        return Ok(Base {
            name: format!("merge base with {name}"),
            commit: base,
        });
    }
    // On the branch itself: what the last commit changed.
    match commit("HEAD^") {
        Some(parent) => Ok(Base {
            name: "the commit before HEAD".into(),
            commit: parent,
        }),
        None if is_shallow() => Err(deepen(nothing(format!(
            "HEAD is the merge base with `{name}`"
        )))),
        None => Err(
            nothing("HEAD is the first commit, so there is nothing to compare with")
                .cure("check only limits that need no base: pitstop gate --against none"),
        ),
    }
}

/// What a change of dependencies would blur.
pub(crate) fn changed_locks(base: &Base) -> Vec<String> {
    if mercurial::root().is_some() {
        return mercurial::changed_locks(base);
    }
    let mut arguments = vec!["diff", "--name-only", base.commit.as_str(), "--"];
    arguments.extend(LOCKS);
    let text = line(&arguments).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn nothing(what: impl std::fmt::Display) -> Failure {
    Failure::new(Status::CannotMeasure, what)
}

fn deepen(failure: Failure) -> Failure {
    failure
        .because("this is a shallow clone: its history was left out")
        .cure("fetch it: git fetch --unshallow origin; with actions/checkout: fetch-depth: 0")
}

fn is_shallow() -> bool {
    line(&["rev-parse", "--is-shallow-repository"]).as_deref() == Some("true")
}

fn is_clean() -> bool {
    line(&["status", "--porcelain"]).is_some_and(|text| text.is_empty())
}

/// The branch that this one goes back to.
fn target(asked: Option<&str>) -> Result<String, Failure> {
    if let Some(asked) = asked {
        for name in [asked.to_owned(), format!("origin/{asked}")] {
            if commit(&name).is_some() {
                return Ok(name);
            }
        }
        let failure = Failure::new(Status::Usage, format!("`{asked}` is no commit here"));
        return Err(if is_shallow() {
            deepen(failure)
        } else {
            failure.cure(format!(
                "check its name, or fetch it: git fetch origin {asked}"
            ))
        });
    }
    let mut names = Vec::new();
    // GitHub, GitLab: the branch that a request goes to.
    for variable in ["GITHUB_BASE_REF", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME"] {
        let branch = std::env::var(variable).unwrap_or_default();
        if !branch.is_empty() {
            names.push(format!("origin/{branch}"));
            names.push(branch);
        }
    }
    let usual = [
        "origin/HEAD",
        "origin/main",
        "origin/master",
        "main",
        "master",
    ];
    names.extend(usual.map(str::to_owned));
    if let Some(name) = names.iter().find(|name| commit(name).is_some()) {
        return Ok(name.clone());
    }
    let failure = nothing("there is no branch to compare with")
        .because(format!("none of these is here: {}", names.join(", ")));
    Err(if is_shallow() {
        deepen(failure)
    } else {
        failure.cure("name one: pitstop gate --against BRANCH")
    })
}

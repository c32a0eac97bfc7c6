//! Both sides of a gate: the working tree and a checkout of the base.

use super::base::Base;
use crate::contender::{own_packages, python_for};
use crate::exit::{Failure, Status};
use crate::mercurial;
use crate::worktree::{Worktree, check_out};
use pitstop_bench::{Contender, Side, Work};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The places that programs are run in.
pub(crate) struct Sides {
    python: Option<OsString>,
    here: PathBuf,
    base: Option<(Worktree, String)>,
    /// From the root of the repository to here: `sub/`, or nothing.
    pub(super) prefix: String,
    /// Where compiled modules go, of both sides: one that has them already would be imported
    /// faster than one that has not.
    compiled: TempDir,
}

impl Sides {
    /// Checks the base out, if there is one.
    pub(crate) fn new(
        python: Option<&OsStr>,
        base: Option<&Base>,
        prefix: String,
    ) -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| {
            Failure::new(Status::Failed, "a temporary directory cannot be made").because(error)
        };
        let base = match base {
            Some(base) => {
                let tree = if mercurial::root().is_some() {
                    mercurial::check_out(&base.name, &base.commit)?
                } else {
                    check_out(&base.name, &base.commit)?
                };
                Some((tree, base.name.clone()))
            }
            None => None,
        };
        Ok(Self {
            python: python.map(OsStr::to_owned),
            here: std::env::current_dir().map_err(cannot)?,
            base,
            prefix,
            compiled: tempfile::Builder::new()
                .prefix("pitstop-")
                .tempdir()
                .map_err(cannot)?,
        })
    }

    /// What runs some work now.
    pub(crate) fn head(&self, name: &str, work: Work) -> Result<Contender, Failure> {
        self.contender(name.to_owned(), work, &self.here, "working tree")
    }

    /// What runs it in the base.
    pub(crate) fn base(&self, name: &str, work: Work) -> Result<Option<Contender>, Failure> {
        let Some((tree, variant)) = &self.base else {
            return Ok(None);
        };
        let name = format!("{name}, in the base {}", tree.commit);
        self.contender(name, work, &tree.directory, variant)
            .map(Some)
    }

    /// The directories of the base and of now.
    pub(crate) fn directories(&self) -> (Option<&Path>, &Path) {
        let base = self.base.as_ref().map(|(tree, _)| tree.directory.as_path());
        (base, &self.here)
    }

    fn contender(
        &self,
        name: String,
        work: Work,
        directory: &Path,
        variant: &str,
    ) -> Result<Contender, Failure> {
        let mut variables: Vec<(OsString, OsString)> = vec![
            // Empty counts as not set.
            ("PYTHONDONTWRITEBYTECODE".into(), "".into()),
            ("PYTHONPYCACHEPREFIX".into(), self.compiled.path().into()),
        ];
        variables.extend(own_packages(directory));
        Ok(Contender {
            name,
            side: Side {
                python: python_for(&work, self.python.as_deref())?,
                directory: directory.to_owned(),
                variables,
                variant: variant.to_owned(),
                ..Side::default()
            },
            work,
        })
    }
}

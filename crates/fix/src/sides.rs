//! What each of the two versions needs to be run and repeated, and which functions are looked at.

use crate::changes::{Change, Versions, changes};
use crate::error::{Error, io_error};
use crate::ground::Ground;
use crate::replay::Job;
use crate::subject::{Subject, Target, Tree, Version};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Both versions.
pub(crate) struct Sides {
    /// Where they run.
    pub(crate) versions: [Version; 2],
    /// What they are inside of Python.
    pub(crate) jobs: [Job; 2],
    /// What the new one is while the whole workload runs.
    pub(crate) whole: Job,
    /// The functions to look at.
    pub(crate) functions: Vec<Watched>,
    /// Processes need our part even if they record nothing.
    pub(crate) needs_job: bool,
}

/// A function to look at.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    /// What is known of its change.
    pub(crate) change: Change,
    /// The files that it may be loaded from; none if it is known by its module.
    pub(crate) files: Vec<PathBuf>,
    /// Its module, if it is known by that.
    pub(crate) module: Option<String>,
}

impl Watched {
    /// As people write it.
    pub(crate) fn text(&self) -> String {
        match &self.module {
            Some(module) => format!("{module}:{}", self.change.name),
            None => format!("{}::{}", self.change.file, self.change.name),
        }
    }

    /// Whether it is the function of this module, name, and file.
    pub(crate) fn is(&self, (module, name): (&str, &str), file: Option<&Path>) -> bool {
        let is_there = match &self.module {
            Some(known) => known == module,
            None => file.is_some_and(|file| self.files.iter().any(|known| known == file)),
        };
        is_there && self.change.name == name
    }
}

/// Prepares both versions of a subject.
pub(crate) fn sides(
    ground: &Ground<'_>,
    subject: &Subject,
    python: &OsString,
    (directory, variables): (&Path, &[(OsString, OsString)]),
) -> Result<Sides, Error> {
    let here = |name: String| Version {
        name,
        directory: directory.to_owned(),
        variables: variables.to_vec(),
    };
    match subject {
        Subject::Functions { old, new } => {
            Ok(functions(old, new, [here(old.text()), here(new.text())]))
        }
        Subject::Files { old, new } => {
            let names = [old, new].map(|file| here(file.to_string_lossy().into_owned()));
            files(ground, python, [old, new], names)
        }
        Subject::Trees { old, new, files } => trees(ground, python, [old, new], files, variables),
    }
}

fn functions(old: &Target, new: &Target, versions: [Version; 2]) -> Sides {
    let watch = json!({"file": old.file, "module": old.module, "names": [old.name]});
    let swap = json!({
        "file": old.file, "module": old.module, "name": old.name, "target": new,
    });
    let change = Change {
        file: old.file.as_deref().map_or(String::new(), shown),
        name: old.name.clone(),
        why: "named".into(),
        line: 0,
    };
    Sides {
        versions,
        jobs: [
            Job {
                watch: vec![watch],
                ..Job::default()
            },
            Job {
                target: Some(new.clone()),
                ..Job::default()
            },
        ],
        whole: Job {
            swap: vec![swap],
            ..Job::default()
        },
        functions: vec![Watched {
            change,
            files: old.file.iter().cloned().collect(),
            module: old.module.clone(),
        }],
        needs_job: true,
    }
}

fn shown(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn real(path: &Path) -> Result<PathBuf, Error> {
    path.canonicalize().map_err(io_error("find a file"))
}

/// Each version takes its own text for both files, whichever of them the workload loads.
fn files(
    ground: &Ground<'_>,
    python: &OsString,
    [old, new]: [&Path; 2],
    versions: [Version; 2],
) -> Result<Sides, Error> {
    let paths = [real(old)?, real(new)?];
    let texts = [old, new].map(|path| std::fs::read(path).map_err(io_error("read a file")));
    let [before, after] = texts;
    if before? == after? {
        return Err(Error::NoChange);
    }
    let name = shown(old);
    let pair: Versions = (name, paths[0].clone(), paths[1].clone());
    let changes = changes(ground, python, &[pair], &versions[0].directory)?;
    let names: Vec<&str> = changes.iter().map(|change| change.name.as_str()).collect();
    let watch = paths
        .iter()
        .map(|file| json!({"file": file, "names": names}));
    let watch: Vec<Value> = watch.collect();
    let job = |text: &PathBuf| Job {
        texts: paths
            .iter()
            .map(|path| (path.clone(), text.clone()))
            .collect(),
        ..Job::default()
    };
    let whole = job(&paths[1]);
    Ok(Sides {
        jobs: [
            Job {
                watch,
                ..job(&paths[0])
            },
            job(&paths[1]),
        ],
        whole,
        functions: watched(changes, |_| paths.to_vec())?,
        versions,
        needs_job: true,
    })
}

fn watched(
    changes: Vec<Change>,
    files: impl Fn(&Change) -> Vec<PathBuf>,
) -> Result<Vec<Watched>, Error> {
    if changes.is_empty() {
        return Err(Error::NoFunction);
    }
    let each = changes.into_iter().map(|change| Watched {
        files: files(&change),
        module: None,
        change,
    });
    Ok(each.collect())
}

fn trees(
    ground: &Ground<'_>,
    python: &OsString,
    trees: [&Tree; 2],
    files: &[PathBuf],
    variables: &[(OsString, OsString)],
) -> Result<Sides, Error> {
    if files.is_empty() {
        return Err(Error::NoChange);
    }
    let roots = [real(&trees[0].root)?, real(&trees[1].root)?];
    let compiled = ground.path("compiled");
    let versions = [0, 1].map(|at| {
        let tree = trees[at];
        let mut all = variables.to_vec();
        // Neither side finds its modules compiled already.
        all.push(("PYTHONDONTWRITEBYTECODE".into(), "".into()));
        all.push(("PYTHONPYCACHEPREFIX".into(), compiled.clone().into()));
        all.extend(tree.variables.iter().cloned());
        Version {
            name: String::new(),
            directory: tree.directory.clone(),
            variables: all,
        }
    });
    let pairs: Vec<Versions> = files
        .iter()
        .map(|file| {
            let name = file.to_string_lossy().into_owned();
            (name, roots[0].join(file), roots[1].join(file))
        })
        .collect();
    let changes = changes(ground, python, &pairs, &versions[0].directory)?;
    let functions = watched(changes, |change| vec![roots[0].join(&change.file)])?;
    let mut watch: Vec<Value> = Vec::new();
    for file in files {
        let names: Vec<&str> = functions
            .iter()
            .filter(|known| Path::new(&known.change.file) == file)
            .map(|known| known.change.name.as_str())
            .collect();
        if !names.is_empty() {
            watch.push(json!({"file": roots[0].join(file), "names": names}));
        }
    }
    let moved = vec![
        (roots[0].clone(), roots[1].clone()),
        (trees[0].root.clone(), trees[1].root.clone()),
    ];
    Ok(Sides {
        versions,
        jobs: [
            Job {
                watch,
                ..Job::default()
            },
            Job {
                moved,
                ..Job::default()
            },
        ],
        whole: Job::default(),
        functions,
        needs_job: false,
    })
}

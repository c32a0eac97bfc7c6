//! Which line of the user's own code a stack belongs to, and which frames are mere machinery.

use pitstop_model::{FileKind, FrameId, FunctionId, Id, Profile, StackId};

/// For each stack the frame its time is charged to.
///
/// Folded, that is the innermost frame outside libraries: `json.loads(line)` costs what the JSON
/// decoder costs. A stack of library frames only is charged to its innermost frame that is no
/// machinery: an import to the line that imports.
pub(crate) struct Charged {
    by_stack: Vec<FrameId>,
}

impl Charged {
    /// Charges every stack of a profile.
    pub(crate) fn of(profile: &Profile, fold_library: bool) -> Self {
        let places = &profile.places;
        let mut own: Vec<Option<FrameId>> = Vec::with_capacity(places.stacks().len());
        let mut telling: Vec<Option<FrameId>> = Vec::with_capacity(places.stacks().len());
        for stack in places.stacks() {
            let function = places.frame(stack.frame).function;
            telling.push(if fold_library && is_machinery(profile, function) {
                stack.parent.and_then(|parent| telling[parent.index()])
            } else {
                Some(stack.frame)
            });
            own.push(if !fold_library || !is_library(profile, function) {
                Some(stack.frame)
            } else {
                // A parent always comes before its children.
                stack.parent.and_then(|parent| own[parent.index()])
            });
        }
        let charged = own.into_iter().zip(telling).zip(places.stacks());
        Self {
            by_stack: charged
                .map(|((own, telling), stack)| own.or(telling).unwrap_or(stack.frame))
                .collect(),
        }
    }

    /// The frame that a stack's time is charged to.
    pub(crate) fn frame(&self, stack: StackId) -> FrameId {
        self.by_stack[stack.index()]
    }
}

/// True for code that the user did not write.
pub(crate) fn is_library(profile: &Profile, function: FunctionId) -> bool {
    let file = profile.places.function(function).file;
    profile.places.file(file).kind.is_library()
}

/// True for the frames by which Python starts programs, threads and worker processes and imports
/// modules: they are on many stacks and say nothing.
pub(crate) fn is_machinery(profile: &Profile, function: FunctionId) -> bool {
    let function = profile.places.function(function);
    let file = profile.places.file(function.file);
    if file.kind != FileKind::StandardLibrary {
        return false;
    }
    let path = profile.text(file.path);
    let name = profile.text(function.name);
    if path.starts_with("<frozen importlib") || path.starts_with("<frozen runpy") {
        return true;
    }
    let in_file = |suffix: &str| path == suffix || path.ends_with(&format!("/{suffix}"));
    in_file("runpy.py")
        || in_file("importlib/__init__.py")
        || in_file("multiprocessing/spawn.py")
        || in_file("multiprocessing/popen_fork.py")
        || (in_file("threading.py") && matches!(name, "_bootstrap" | "_bootstrap_inner" | "run"))
        || (in_file("multiprocessing/process.py") && matches!(name, "_bootstrap" | "run" | "start"))
}

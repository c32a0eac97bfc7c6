//! The change of a rule: made on a copy, proved, and kept only if it stands.

use crate::error::{Error, io_error};
use crate::subject::{Subject, Workload};
use crate::verify::{Options, verify};
use pitstop_analysis::proof::Proof;
use pitstop_bench::Control;
use pitstop_model::{Finding, Remedy};
use pitstop_rules::{Selection, check};
use pitstop_source::{Edit, SourceFile, Span, Target, apply};
use similar::TextDiff;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Lines around a change.
const CONTEXT: usize = 3;

/// A finding, and the file as it would be with its change.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// What was found.
    pub finding: Finding,
    /// The file.
    pub path: PathBuf,
    /// The file's bytes as they were read.
    pub old: Vec<u8>,
    /// With the change; `None` if the rule makes none.
    pub new: Option<Vec<u8>>,
    /// The change as a unified diff.
    pub diff: String,
}

/// Everything that was found in a file.
#[derive(Clone, Debug, Default)]
pub struct Proposals {
    /// Findings, in the order of the text.
    pub all: Vec<Proposal>,
    /// How many findings a comment ignores.
    pub ignored: usize,
}

impl Proposal {
    /// What stays of a finding when the lines above it move: its rule, function, and text.
    pub fn identity(&self) -> (String, String, String) {
        let text = String::from_utf8_lossy(&self.old);
        let (start, end) = self.finding.place.bytes;
        let text = text.get(start..end).unwrap_or_default().to_owned();
        let finding = &self.finding;
        (finding.rule.clone(), finding.function.clone(), text)
    }
}

/// Checks a file with rules. `name` is how people know it.
///
/// # Errors
/// It cannot be read.
pub fn proposals(
    path: &Path,
    name: &str,
    target: Target,
    selection: &Selection,
) -> Result<Proposals, Error> {
    let old = std::fs::read(path).map_err(io_error("read a file"))?;
    let file = SourceFile::from_bytes(&old, target).map_err(|source| Error::Encoding {
        file: path.to_owned(),
        source,
    })?;
    if let Some(problem) = file.problems().into_iter().next() {
        return Err(Error::Syntax {
            file: format!("{name}:{}", problem.position.line),
            why: problem.message,
        });
    }
    let checked = check(&file, name, selection);
    let all = checked.findings.into_iter().map(|finding| {
        let text = changed(&file, &finding);
        let new = text.as_ref().and_then(|text| file.encoding().encode(text));
        let diff = text.map_or(String::new(), |text| diff(file.text(), &text, name));
        Proposal {
            finding,
            path: path.to_owned(),
            old: old.clone(),
            new,
            diff,
        }
    });
    Ok(Proposals {
        all: all.collect(),
        ignored: checked.ignored.len(),
    })
}

/// The text with the change of a finding.
fn changed(file: &SourceFile, finding: &Finding) -> Option<String> {
    let Remedy::Edit { edits, .. } = &finding.remedy else {
        return None;
    };
    let edits: Vec<Edit> = edits
        .iter()
        .map(|edit| Edit::replace(Span::new(edit.bytes.0, edit.bytes.1), edit.text.clone()))
        .collect();
    apply(file.text(), &edits).ok()
}

fn diff(old: &str, new: &str, name: &str) -> String {
    let diff = TextDiff::from_lines(old, new);
    let mut text = diff.unified_diff();
    text.context_radius(CONTEXT).header(name, name).to_string()
}

/// Proves the change of a proposal: a copy of its file against the file.
///
/// # Errors
/// See [`verify`]; also if there is no change.
pub fn prove(
    proposal: &Proposal,
    workload: &Workload,
    options: &Options,
    control: &mut dyn Control,
) -> Result<Proof, Error> {
    let Some(new) = &proposal.new else {
        return Err(Error::NoChange);
    };
    let directory = tempfile::Builder::new().prefix("pitstop-").tempdir();
    let directory = directory.map_err(io_error("make a temporary directory"))?;
    let name = proposal.path.file_name().unwrap_or_default();
    let copy = directory.path().join(name);
    std::fs::write(&copy, new).map_err(io_error("write into a temporary directory"))?;
    let subject = Subject::Files {
        old: proposal.path.clone(),
        new: copy,
    };
    let name = proposal.finding.place.file.clone();
    let title = match &proposal.finding.remedy {
        Remedy::Edit { title, .. } => title.clone(),
        Remedy::ByHand { .. } => String::new(),
    };
    verify(&subject, [name, title], workload, options, control)
}

/// Writes the change into its file, in one piece: whoever reads it sees the old text or the new
/// one.
///
/// # Errors
/// The file is not as it was when it was checked, or cannot be written.
pub fn keep(proposal: &Proposal) -> Result<(), Error> {
    let Some(new) = &proposal.new else {
        return Err(Error::NoChange);
    };
    // What a link points to is changed, not the link.
    let path = proposal
        .path
        .canonicalize()
        .map_err(io_error("find a file"))?;
    let now = std::fs::read(&path).map_err(io_error("read a file"))?;
    if now != proposal.old {
        return Err(Error::Changed { file: path });
    }
    let parent = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(parent).map_err(io_error("write a file"))?;
    file.write_all(new).map_err(io_error("write a file"))?;
    let meta = std::fs::metadata(&path).map_err(io_error("read a file"))?;
    let allowed = std::fs::set_permissions(file.path(), meta.permissions());
    allowed.map_err(io_error("write a file"))?;
    file.as_file()
        .sync_all()
        .map_err(io_error("write a file"))?;
    let kept = file.persist(&path).map_err(|error| error.error);
    kept.map_err(io_error("write a file"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "def common(left, right):\n    known = list(right)\n    \
                        return [item for item in left if item in known]\n";

    fn found(path: &Path) -> Proposals {
        let selection = Selection::new(&["PS101".into()], &[]).expect("it is there");
        proposals(path, "app.py", Target::NEWEST, &selection).expect("it can be read")
    }

    #[test]
    fn a_change_is_kept_whole_and_only_where_nobody_else_wrote() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("app.py");
        std::fs::write(&path, TEXT).expect("written");
        let found = found(&path);
        let [proposal] = found.all.as_slice() else {
            panic!("one finding: {found:?}");
        };
        assert!(
            proposal.diff.contains("-    known = list(right)"),
            "{}",
            proposal.diff
        );
        assert!(proposal.diff.starts_with("--- app.py"), "{}", proposal.diff);
        assert_eq!(proposal.identity().2, "item in known");
        std::fs::write(&path, format!("{TEXT}# more\n")).expect("written");
        assert!(matches!(keep(proposal), Err(Error::Changed { .. })));
        std::fs::write(&path, TEXT).expect("written");
        keep(proposal).expect("it is as it was");
        let now = std::fs::read_to_string(&path).expect("it can be read");
        assert!(now.contains("set(right)"), "{now}");
    }
}

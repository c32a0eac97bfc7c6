//! Workflow commands of GitHub Actions: annotations beside the lines of a pull request.
//!
//! Format: <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>.

use super::{is_confirmed, sentences};
use pitstop_model::Findings;
use std::fmt::Write as _;

/// Writes them, one a line.
pub fn write(all: &Findings) -> String {
    let mut out = String::new();
    for finding in &all.findings {
        let level = if is_confirmed(finding) {
            "error"
        } else {
            "warning"
        };
        let place = &finding.place;
        let _ = writeln!(
            out,
            "::{level} file={},line={},endLine={},col={},title={}::{}",
            property(&place.file),
            place.start.0,
            place.end.0,
            place.start.1,
            property(&format!("{} {}", finding.rule, finding.slug)),
            data(&sentences(finding)),
        );
    }
    for (place, message) in &all.problems {
        let (file, line) = (property(&place.file), place.start.0.max(1));
        let _ = writeln!(
            out,
            "::notice file={file},line={line},title=pitstop check::not read: {}",
            data(message)
        );
    }
    for (place, message) in &all.remarks {
        let (file, line) = (property(&place.file), place.start.0);
        let _ = writeln!(
            out,
            "::warning file={file},line={line},title=pitstop check::{}",
            data(message)
        );
    }
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_annotation_is_one_line() {
        let text = super::write(&crate::findings::cases::all());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert_eq!(
            lines[0],
            "::warning file=src/ü%2C x%3Ay.py,line=4,endLine=4,col=5,title=PS101 list-membership::\
             a | b <c> & \"d\" 100%25 (plausible, not measured)%0Ause a set"
        );
        assert!(
            lines[1].starts_with("::error ") && lines[2].starts_with("::notice "),
            "{text}"
        );
    }
}

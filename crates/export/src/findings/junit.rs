//! JUnit's XML, which every CI shows: a suite a file, a case a finding.
//!
//! There is no one schema; this is what Jenkins, GitLab and GitHub's reporters read. What a
//! comment ignores is skipped, and what could not be read is an error.

use super::sentences;
use crate::xml::escape;
use pitstop_model::{Finding, Findings};
use std::fmt::Write as _;

/// Writes it.
pub fn write(all: &Findings) -> String {
    let (failed, skipped, errors) = (all.findings.len(), all.ignored.len(), all.problems.len());
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // A report without a case is an error to many readers.
    let passed = usize::from(failed + skipped + errors == 0);
    let tests = failed + skipped + errors + passed;
    let _ = writeln!(
        out,
        "<testsuites><testsuite name=\"pitstop check\" tests=\"{tests}\" failures=\"{failed}\" \
         errors=\"{errors}\" skipped=\"{skipped}\">"
    );
    for finding in &all.findings {
        let text = attribute(&sentences(finding));
        let _ = writeln!(
            out,
            "  {}<failure type=\"{}\" message=\"{text}\">{}</failure></testcase>",
            case(finding),
            finding.judgement.key(),
            escape(&format!("{}:{}", finding.place.file, finding.place.start.0)),
        );
    }
    for (finding, reason) in &all.ignored {
        let reason = attribute(reason);
        let _ = writeln!(
            out,
            "  {}<skipped message=\"{reason}\"/></testcase>",
            case(finding)
        );
    }
    for (place, message) in &all.problems {
        let _ = writeln!(
            out,
            "  <testcase classname=\"{}\" name=\"is read\"><error message=\"line {}: {}\"/></testcase>",
            attribute(&place.file),
            place.start.0,
            attribute(message)
        );
    }
    if passed > 0 {
        out.push_str("  <testcase classname=\"pitstop check\" name=\"no findings\"/>\n");
    }
    out.push_str("</testsuite></testsuites>\n");
    out
}

fn case(finding: &Finding) -> String {
    let file = attribute(&finding.place.file);
    let line = finding.place.start.0;
    let name = attribute(&format!("{} {} in line {line}", finding.rule, finding.slug));
    format!("<testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{line}\">")
}

/// Text as the value of an attribute, where a reader would turn bare line ends into spaces.
fn attribute(text: &str) -> String {
    escape(text).replace('\n', "&#10;").replace('\t', "&#9;")
}

#[cfg(test)]
mod tests {
    use pitstop_model::Findings;

    #[test]
    fn every_finding_is_a_case() {
        let text = super::write(&crate::findings::cases::all());
        assert!(
            text.contains("tests=\"4\" failures=\"2\" errors=\"1\" skipped=\"1\""),
            "{text}"
        );
        assert_eq!(text.matches("<testcase ").count(), 4);
        assert!(
            text.contains("a | b &lt;c&gt; &amp; &quot;d&quot; 100%"),
            "{text}"
        );
        assert!(super::write(&Findings::default()).contains("tests=\"1\" failures=\"0\""));
    }
}

//! Markdown for comments on pull requests and summaries of jobs: one table.

use pitstop_model::{Findings, Remedy};
use std::fmt::Write as _;

/// Writes it.
pub fn write(all: &Findings) -> String {
    let mut out = String::from("## Pitstop check\n\n");
    if all.findings.is_empty() {
        let _ = writeln!(out, "Nothing found in {} files.", all.files);
    } else {
        out.push_str("| | where | what | to do |\n|---|---|---|---|\n");
    }
    for finding in &all.findings {
        let (remedy, kind) = match &finding.remedy {
            Remedy::Edit { title, .. } => (title, "edit ready"),
            Remedy::ByHand { advice, .. } => (advice, "by hand"),
        };
        let _ = writeln!(
            out,
            "| **{}** `{}` {} | {}:{} | {} {} | {} ({kind}) |",
            finding.rule,
            finding.slug,
            finding.judgement.key(),
            cell(&finding.place.file),
            finding.place.start.0,
            cell(&finding.message),
            finding.growth,
            cell(remedy),
        );
    }
    if !all.ignored.is_empty() {
        let _ = writeln!(out, "\n{} ignored by comments.", all.ignored.len());
    }
    for (place, message) in all.problems.iter().chain(&all.remarks) {
        let (file, line) = (cell(&place.file), place.start.0);
        let _ = writeln!(out, "\n- {file}:{line}: {}", cell(message));
    }
    out
}

/// Text that stays in its cell and is no markup; code in backticks stays code.
fn cell(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' => out.push_str("\\|"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '*' | '_' | '[' | ']' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_finding_is_a_row() {
        let text = super::write(&crate::findings::cases::all());
        let rows: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("| **"))
            .collect();
        assert_eq!(rows.len(), 2, "{text}");
        assert!(rows[0].contains("a \\| b &lt;c&gt; &amp;"), "{text}");
        assert!(text.contains("1 ignored by comments") && text.contains("broken.py:3"));
    }
}

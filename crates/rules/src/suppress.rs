//! Comments that ignore findings: `# pitstop: ignore[list-membership] reason`.
//!
//! It holds for findings that touch its line, or, alone in a line, for the next line. With
//! `ignore-file` it holds for the whole file. The reason is required, and one that ignores nothing
//! is reported, so that none outlives its cause.

use crate::check::Remark;
use crate::registry::{Selection, find};
use crate::rule::Rule;
use pitstop_model::Place;
use pitstop_source::SourceFile;

/// One of them, for one rule.
struct Suppression {
    line: u32,
    /// The lines that it holds for.
    lines: (u32, u32),
    code: &'static str,
    reason: String,
    is_used: bool,
}

/// Those of a file.
pub(crate) struct Suppressions {
    all: Vec<Suppression>,
    remarks: Vec<Remark>,
}

impl Suppressions {
    pub(crate) fn of(file: &SourceFile) -> Self {
        let mut found = Self {
            all: Vec::new(),
            remarks: Vec::new(),
        };
        for comment in file.syntax().comments() {
            let text = file.slice(*comment).trim_start_matches('#').trim_start();
            let Some(rest) = text.strip_prefix("pitstop:") else {
                continue;
            };
            let line = file.lines().line(comment.start);
            let start = file.lines().span(line).start;
            let is_alone = file.text()[start..comment.start].trim().is_empty();
            let lines = if is_alone {
                (line, line + 1)
            } else {
                (line, line)
            };
            if let Err(message) = found.read(rest.trim(), line, lines) {
                found.remarks.push(Remark { line, message });
            }
        }
        found
    }

    fn read(&mut self, text: &str, line: u32, lines: (u32, u32)) -> Result<(), String> {
        let (rest, lines) = if let Some(rest) = text.strip_prefix("ignore-file[") {
            (rest, (1, u32::MAX))
        } else if let Some(rest) = text.strip_prefix("ignore[") {
            (rest, lines)
        } else {
            return Err("write `# pitstop: ignore[RULE] reason`".into());
        };
        let (names, reason) = rest
            .split_once(']')
            .ok_or("the list of rules has no end: write `ignore[RULE] reason`")?;
        let reason = reason.trim();
        if reason.is_empty() {
            return Err("it ignores nothing without a reason: write why behind the `]`".into());
        }
        for name in names.split(',') {
            let name = name.trim();
            let rule = find(name).ok_or_else(|| format!("there is no rule `{name}`"))?;
            self.all.push(Suppression {
                line,
                lines,
                code: rule.meta().code,
                reason: reason.into(),
                is_used: false,
            });
        }
        Ok(())
    }

    /// The reason to ignore a finding, if there is one.
    pub(crate) fn reason(&mut self, rule: &dyn Rule, place: &Place) -> Option<String> {
        let code = rule.meta().code;
        let (first, last) = (place.start.0, place.end.0);
        let touches =
            |it: &&mut Suppression| it.code == code && it.lines.0 <= last && first <= it.lines.1;
        let it = self.all.iter_mut().find(touches)?;
        it.is_used = true;
        Some(it.reason.clone())
    }

    /// What is wrong with them. One of a rule that was not asked for may be needed all the same.
    pub(crate) fn remarks(self, selection: &Selection) -> Vec<Remark> {
        let mut remarks = self.remarks;
        let is_chosen = |code| {
            selection
                .rules()
                .iter()
                .any(|rule| rule.meta().code == code)
        };
        for it in &self.all {
            if !it.is_used && is_chosen(it.code) {
                remarks.push(Remark {
                    line: it.line,
                    message: format!("nothing of {} is here to ignore: take it away", it.code),
                });
            }
        }
        remarks.sort_by_key(|remark| remark.line);
        remarks
    }
}

#[cfg(test)]
mod tests {
    use crate::{Selection, check};
    use pitstop_source::{SourceFile, Target};

    #[test]
    fn a_comment_ignores_with_a_reason_and_only_what_is_there() {
        let text = "\
def f(xs):
    seen = []
    for x in xs:
        if x in seen: pass  # pitstop: ignore[list-membership] five at most
        # pitstop: ignore[PS101] small too
        if x in seen: pass
        if x in seen: pass  # pitstop: ignore[PS101]
        seen.append(x)  # pitstop: ignore[PS101, PS102] why not
        x()  # pitstop: ignore[nonsense] x
        x()  # pitstop: noqa
";
        let file = SourceFile::from_text(text.into(), Target::NEWEST);
        let all = check(&file, "f.py", &Selection::default());
        let lines: Vec<_> = all.findings.iter().map(|f| f.place.start.0).collect();
        assert_eq!(lines, [7]);
        let reasons: Vec<_> = all.ignored.iter().map(|(_, why)| why.as_str()).collect();
        assert_eq!(reasons, ["five at most", "small too"]);
        let remarks = all
            .remarks
            .iter()
            .map(|r| (r.line, r.message.split(':').next()));
        assert_eq!(
            remarks.collect::<Vec<_>>(),
            [
                (7, Some("it ignores nothing without a reason")),
                (8, Some("nothing of PS101 is here to ignore")),
                (8, Some("nothing of PS102 is here to ignore")),
                (9, Some("there is no rule `nonsense`")),
                (10, Some("write `# pitstop")),
            ]
        );
    }
}

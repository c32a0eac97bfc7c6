//! All rules over one file, in one walk.

use crate::registry::Selection;
use crate::rule::{Candidate, Found, Rule};
use crate::suppress::Suppressions;
use pitstop_model::{Finding, FixClass, Judgement, Place, Remedy, Replacement};
use pitstop_source::syntax::NodeKind;
use pitstop_source::{Module, SourceFile, Span, checked};
use rustc_hash::FxHashMap;

/// Something to say about a file that is no finding: a comment that ignores nothing, or not so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// From 1.
    pub line: u32,
    /// What, in lower case and without a full stop.
    pub message: String,
}

/// What a file was found to have.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// Findings, in the order of the text.
    pub findings: Vec<Finding>,
    /// Findings that a comment ignores, each with its reason.
    pub ignored: Vec<(Finding, String)>,
    /// What is wrong with such comments.
    pub remarks: Vec<Remark>,
}

/// Goes over a module. Each candidate comes with its rule, in the order of the text.
pub fn candidates(
    module: &Module<'_>,
    selection: &Selection,
) -> Vec<(&'static dyn Rule, Candidate)> {
    let minor = module.file().target().minor;
    let rules = selection.rules().iter().copied();
    let rules: Vec<_> = rules
        .filter(|rule| rule.meta().since.is_none_or(|since| minor >= since))
        .collect();
    let mut by_kind: FxHashMap<NodeKind, Vec<&'static dyn Rule>> = FxHashMap::default();
    for rule in &rules {
        for kind in rule.kinds() {
            by_kind.entry(*kind).or_default().push(*rule);
        }
    }
    // Most nodes are of a kind that nobody asks for: one look at an array tells.
    let mut wanted = [false; 256];
    for kind in by_kind.keys() {
        wanted[*kind as usize & 255] = true;
    }
    let mut all = Vec::new();
    let mut found = Found::default();
    for (id, node) in module.ids().zip(module.nodes()) {
        let kind = node.syntax.kind();
        if !wanted[kind as usize & 255] {
            continue;
        }
        for rule in by_kind.get(&kind).into_iter().flatten() {
            rule.candidates(module, id, &mut found);
            all.extend(
                found
                    .candidates
                    .drain(..)
                    .map(|candidate| (*rule, candidate)),
            );
        }
    }
    all.sort_by_key(|(rule, candidate)| (candidate.span, rule.meta().code));
    all
}

/// Checks a file without having seen it run. `path` is how findings name it.
pub fn check(file: &SourceFile, path: &str, selection: &Selection) -> Checked {
    let module = Module::new(file);
    let mut checked = Checked::default();
    let mut suppressions = Suppressions::of(file);
    for (rule, candidate) in candidates(&module, selection) {
        let finding = finding(&module, path, rule, &candidate);
        match suppressions.reason(rule, &finding.place) {
            Some(reason) => checked.ignored.push((finding, reason)),
            None => checked.findings.push(finding),
        }
    }
    checked.remarks = suppressions.remarks(selection);
    checked
}

/// A candidate as a finding: plausible, because nobody has seen it run.
pub(crate) fn finding(
    module: &Module<'_>,
    path: &str,
    rule: &'static dyn Rule,
    candidate: &Candidate,
) -> Finding {
    let meta = rule.meta();
    let file = module.file();
    let notes = candidate.notes.iter();
    Finding {
        rule: meta.code.into(),
        slug: meta.slug.into(),
        message: in_one_line(&candidate.message),
        growth: meta.growth.into(),
        place: place(file, path, candidate.span),
        function: module
            .function_around(candidate.node)
            .qualified_name
            .clone(),
        notes: notes
            .map(|(span, text)| (place(file, path, *span), in_one_line(text)))
            .collect(),
        judgement: Judgement::Plausible {
            missing: meta.needs.to_vec(),
        },
        measured_ns: None,
        evidence: Vec::new(),
        remedy: remedy(module, rule, candidate),
    }
}

/// The fix, if it stands the test of the source room; else why not.
fn remedy(module: &Module<'_>, rule: &'static dyn Rule, candidate: &Candidate) -> Remedy {
    let fix = match rule.fix(module, candidate) {
        Ok(fix) => fix,
        Err(refusal) => {
            return Remedy::ByHand {
                advice: refusal.advice,
                why: refusal.why,
            };
        }
    };
    if let Err(error) = checked(module.file(), &fix.edits) {
        return Remedy::ByHand {
            advice: fix.title,
            why: error.to_string(),
        };
    }
    debug_assert!(fix.class >= rule.meta().class || fix.class == FixClass::Safe);
    let mut edits: Vec<_> = fix.edits.into_iter().collect();
    edits.sort_by_key(|edit| edit.span);
    let edits = edits.into_iter().map(|edit| Replacement {
        bytes: (edit.span.start, edit.span.end),
        text: edit.text,
    });
    Remedy::Edit {
        title: fix.title,
        class: fix.class,
        conditions: fix.conditions,
        edits: edits.collect(),
    }
}

/// Names in a message come from the source, and may be long and of several lines there.
fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn place(file: &SourceFile, path: &str, span: Span) -> Place {
    let (start, end) = (file.position(span.start), file.position(span.end));
    Place {
        file: path.to_owned(),
        bytes: (span.start, span.end),
        start: (start.line, start.column),
        end: (end.line, end.column),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RULES;
    use pitstop_source::{Edit, Target, apply};

    /// Every line of a rule's proof that expects it, and only those.
    #[test]
    fn every_rule_finds_what_its_proof_expects_and_nothing_else() {
        for rule in RULES {
            let meta = rule.meta();
            let file = SourceFile::from_text(meta.proof.into(), Target::NEWEST);
            assert_eq!(file.problems(), [], "{}", meta.slug);
            let selection = Selection::new(&[meta.code.into()], &[]).expect("it is there");
            let all = check(&file, "proof.py", &selection);
            let found: Vec<u32> = all.findings.iter().map(|f| f.place.start.0).collect();
            let expected: Vec<u32> = (1..)
                .zip(meta.proof.lines())
                .filter(|(_, line)| line.contains(&format!("# expect: {}", meta.code)))
                .map(|(line, _)| line)
                .collect();
            assert_eq!(found, expected, "{}", meta.slug);
            assert!(expected.len() >= 2, "{} has too small a proof", meta.slug);
            assert!(
                meta.proof.matches("# ok").count() >= 2,
                "{} has no negative cases",
                meta.slug
            );
        }
    }

    /// What the fixes of a file leave to find shrinks with each, and the text stays Python.
    #[test]
    fn every_fix_is_python_and_removes_its_finding() {
        for rule in RULES {
            let meta = rule.meta();
            let selection = Selection::new(&[meta.code.into()], &[]).expect("it is there");
            // The comments that expect something would be in the way of edits.
            let comment = format!("# expect: {}", meta.code);
            let text: Vec<&str> = meta.proof.lines().collect();
            let text = text
                .iter()
                .map(|line| line.split(&comment).next().unwrap_or(line).trim_end());
            let mut text = text.collect::<Vec<_>>().join("\n") + "\n";
            let mut fixed = 0;
            let mut before = usize::MAX;
            loop {
                let file = SourceFile::from_text(text.clone(), Target::NEWEST);
                let all = check(&file, "proof.py", &selection);
                assert!(
                    all.findings.len() < before,
                    "{}: a fix of\n{text}",
                    meta.slug
                );
                before = all.findings.len();
                let edits = all
                    .findings
                    .iter()
                    .find_map(|finding| match &finding.remedy {
                        Remedy::Edit { edits, .. } => Some(edits.clone()),
                        Remedy::ByHand { .. } => None,
                    });
                let Some(edits) = edits else { break };
                let edits = edits
                    .into_iter()
                    .map(|edit| Edit::replace(Span::new(edit.bytes.0, edit.bytes.1), edit.text));
                let edits: Vec<Edit> = edits.collect();
                text = apply(&text, &edits).expect("they were checked");
                fixed += 1;
            }
            let wants = meta.class != FixClass::Advice;
            assert_eq!(fixed > 0, wants, "{} fixes {fixed} of its proof", meta.slug);
        }
    }

    #[test]
    fn every_page_is_complete() {
        for rule in RULES {
            let meta = rule.meta();
            let manual = meta.manual;
            let parts = [
                manual.what,
                manual.pays,
                manual.not,
                manual.preconditions,
                manual.example,
            ];
            for part in parts {
                assert!(part.len() > 20, "{} has a thin manual: {part:?}", meta.slug);
            }
            assert!(manual.example.contains("# better:"), "{}", meta.slug);
            assert!(
                !rule.kinds().is_empty() && !meta.needs.is_empty(),
                "{}",
                meta.slug
            );
            for part in ["def setup(n):", "def slow(data):", "def fast(data):"] {
                assert!(meta.pair.text.contains(part), "{}: no {part}", meta.slug);
            }
            assert!(meta.pair.sizes.len() >= 2, "{}", meta.slug);
            let pair = SourceFile::from_text(meta.pair.text.into(), Target::OLDEST);
            assert_eq!(pair.problems(), [], "{}", meta.slug);
            let slow = Selection::new(&[meta.code.into()], &[]).expect("it is there");
            let own = SourceFile::from_text(meta.pair.text.into(), Target::NEWEST);
            let found = check(&own, "pair.py", &slow);
            assert!(
                !found.findings.is_empty(),
                "{} does not know its own pair",
                meta.slug
            );
        }
    }
}

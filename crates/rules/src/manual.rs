//! The manual page of a rule, as Markdown for `docs/rules` and for `pitstop explain`.

use crate::rule::Rule;
use std::fmt::Write as _;

/// The page.
pub fn markdown(rule: &dyn Rule) -> String {
    let meta = rule.meta();
    let manual = meta.manual;
    let mut out = String::new();
    let _ = writeln!(out, "# {} `{}`: {}\n", meta.code, meta.slug, meta.title);
    let mut facts = vec![format!("category `{}`", meta.category.key())];
    if !meta.growth.is_empty() {
        facts.push(format!("grows as {}", meta.growth));
    }
    facts.push(format!("fix: {}", meta.class.key()));
    if let Some(since) = meta.since {
        facts.push(format!("Python 3.{since} and later"));
    }
    if !meta.overlaps.is_empty() {
        facts.push(format!("elsewhere: {}", meta.overlaps.join(", ")));
    }
    let _ = writeln!(out, "{}\n", facts.join(" · "));
    let _ = writeln!(out, "{}\n", manual.what);
    let (slow, better) = manual
        .example
        .split_once("# better:\n")
        .unwrap_or((manual.example, ""));
    let _ = writeln!(out, "```python\n{}\n```\n", slow.trim());
    let _ = writeln!(out, "Better:\n\n```python\n{}\n```\n", better.trim());
    for (title, text) in [
        ("When it pays", manual.pays),
        ("When it does not", manual.not),
        ("What must hold", manual.preconditions),
    ] {
        let _ = writeln!(out, "## {title}\n\n{text}\n");
    }
    let needs: Vec<_> = meta.needs.iter().map(|kind| kind.words()).collect();
    let _ = writeln!(
        out,
        "## What a run must tell\n\n{}. Without that a finding is *plausible*.\n",
        needs.join("; ")
    );
    let _ = writeln!(
        out,
        "## The measured pair\n\n`pitstop explain {}` measures this on your interpreter; n counts {}.\n\n\
         ```python\n{}\n```",
        meta.code,
        meta.pair.unit,
        meta.pair.text.trim()
    );
    out
}

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

/// The list of all pages.
pub fn index() -> String {
    let mut out = String::from(
        "# Rules\n\nWhat `pitstop check` knows. `pitstop explain RULE` shows a page and measures its pair on your \
         interpreter.\n\n| code | name | what | category | fix |\n|---|---|---|---|---|\n",
    );
    for rule in crate::RULES {
        let meta = rule.meta();
        let _ = writeln!(
            out,
            "| {} | [{slug}]({slug}.md) | {} | {} | {} |",
            meta.code,
            meta.title,
            meta.category.key(),
            meta.class.key(),
            slug = meta.slug,
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// `UPDATE_DOCS=1` writes the pages; without it they must be as the rules say.
    #[test]
    fn docs_are_what_the_rules_say() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules");
        let pages = crate::RULES.iter().map(|rule| {
            let name = format!("{}.md", rule.meta().slug);
            (name, markdown(*rule))
        });
        let all: Vec<_> = pages.chain([("README.md".to_owned(), index())]).collect();
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::create_dir_all(&directory).expect("a directory can be made");
            for (name, text) in &all {
                std::fs::write(directory.join(name), text).expect("a page can be written");
            }
        }
        for (name, text) in &all {
            let found = std::fs::read_to_string(directory.join(name)).unwrap_or_default();
            assert!(
                &found == text,
                "docs/rules/{name} is old: UPDATE_DOCS=1 renews it"
            );
        }
    }
}

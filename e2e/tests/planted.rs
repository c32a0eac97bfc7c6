//! The planted set itself: whether its programs are what the judging of findings takes them for.
//!
//! `cargo xtask bench findings` judges findings by them; nothing here measures time.

use pitstop_e2e::{
    Finished, Python, Size, Template, Twin, Workbench, on_oldest_and_newest_python, planted_set,
    rules_without_a_program, workspace,
};
use std::collections::BTreeSet;
use std::process::Command;

fn templates() -> Vec<Template> {
    planted_set().unwrap_or_else(|wrong| panic!("{wrong}"))
}

#[test]
fn there_are_sixty_programs_and_more() {
    let templates = templates();
    // Each stands for two: at a size where its cause costs, and at one where it does not.
    assert!(templates.len() * 2 >= 60, "only {}", templates.len() * 2);
    let rules: BTreeSet<&str> = templates.iter().map(|one| one.rules[0].as_str()).collect();
    assert!(rules.len() >= 30, "only {} rules: {rules:?}", rules.len());
}

#[test]
fn twins_print_the_same() {
    let templates = templates();
    on_oldest_and_newest_python(|python| {
        let bench = Workbench::new();
        let wrong: Vec<String> = templates
            .iter()
            .filter(|template| has_packages(python, template))
            .filter_map(|template| difference(&bench, python, template))
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    });
}

/// What is different in what the twins of a template do, if anything is.
fn difference(bench: &Workbench, python: &Python, template: &Template) -> Option<String> {
    let run = |twin, name: &str| {
        let path = bench.write(
            &format!("{}_{name}.py", template.name),
            &template.render(twin).text,
        );
        let mut command = bench.bare(python, &[path]);
        Finished::of(command.args(template.arguments(Size::Test)), b"")
    };
    let slow = run(Twin::Slow, "slow");
    let fast = run(Twin::Fast, "fast");
    let is_right = slow.code() == 0
        && fast.code() == 0
        && !slow.stdout.is_empty()
        && slow.stdout == fast.stdout
        && slow.stderr.is_empty()
        && fast.stderr.is_empty();
    (!is_right).then(|| format!("{}:\nslow: {slow}\nfast: {fast}", template.name))
}

/// True if the interpreter has what a program imports beyond the standard library.
fn has_packages(python: &Python, template: &Template) -> bool {
    template.needs.iter().all(|package| {
        let mut command = Command::new(&python.path);
        command.args(["-c", &format!("import {package}")]);
        Finished::of(&mut command, b"").code() == 0
    })
}

#[test]
fn every_rule_has_a_program() {
    // A rule keeps a measured pair under its name; the planted set must have a program for it.
    let pairs = workspace().join("crates/rules/pairs");
    let Ok(listing) = std::fs::read_dir(pairs) else {
        return;
    };
    let rules: Vec<String> = listing
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_suffix(".py")?.replace('_', "-")))
        .collect();
    let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
    let missing = rules_without_a_program(&templates(), &rules);
    assert!(
        missing.is_empty(),
        "no program of fixtures/planted has these rules in its header: {missing:?}"
    );
}

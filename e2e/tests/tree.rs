//! `pitstop tree`: who calls what.

use pitstop_e2e::{Workbench, fixture, on_each_python, pythons};
use serde_json::Value;

fn recorded(name: &str) -> Workbench {
    let python = pythons().last().expect("there is an interpreter");
    let workbench = Workbench::with_python(python);
    workbench
        .run(python, &[fixture(name).as_os_str(), "0.6".as_ref()])
        .expect_code(0);
    workbench
}

fn json(workbench: &Workbench, arguments: &[&str]) -> Value {
    let mut all = vec!["tree", "--json"];
    all.extend(arguments);
    let finished = workbench.pitstop(&all).expect_code(0);
    let tree: Value = serde_json::from_slice(&finished.stdout).expect("JSON");
    assert_eq!(tree["schema"], "pitstop/tree@1");
    tree
}

fn nodes(thread: &Value) -> &[Value] {
    thread["nodes"].as_array().expect("a list")
}

fn name(node: &Value) -> &str {
    let name = node["function"]["function"].as_str().unwrap_or_default();
    name.rsplit('.').next().unwrap_or(name)
}

#[test]
fn callers_stand_above_what_they_call() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        let script = fixture("alternating_plain.py");
        workbench
            .run(python, &[script.as_os_str(), "0.5".as_ref()])
            .expect_code(0);
        let tree = json(&workbench, &[]);
        let nodes = nodes(&tree["threads"][0]);
        for (callee, caller) in [("leaf_a", "hot_a"), ("leaf_b", "hot_b"), ("hot_a", "main")] {
            let node = nodes.iter().find(|node| name(node) == callee);
            let node = node.unwrap_or_else(|| panic!("no {callee} in {tree:#}"));
            let parent = node["parent"].as_u64().expect("it is called") as usize;
            assert_eq!(name(&nodes[parent]), caller, "{callee}");
        }
    });
}

#[test]
fn what_is_called_takes_no_longer_than_its_caller() {
    let workbench = recorded("alternating_callbacks.py");
    let tree = json(&workbench, &["--min", "0", "--show-library"]);
    let nodes = nodes(&tree["threads"][0]);
    let total = |node: &Value| node["total"]["ns"].as_u64().expect("a number");
    for (index, node) in nodes.iter().enumerate() {
        let called = nodes
            .iter()
            .filter(|one| one["parent"] == index)
            .map(total)
            .sum::<u64>();
        assert!(called <= total(node) + 1000, "{node:#}");
        let parent = node["parent"].as_u64();
        assert!(
            parent.is_none_or(|parent| (parent as usize) < index),
            "{node:#}"
        );
    }
}

#[test]
fn every_thread_has_its_tree_and_can_be_asked_for_by_name_or_number() {
    let workbench = recorded("three_threads.py");
    let tree = json(&workbench, &[]);
    let threads = tree["threads"].as_array().expect("a list");
    let of = |name: &str| threads.iter().find(|thread| thread["name"] == name);
    for (thread, root) in [
        ("fighter_a", "work_a"),
        ("fighter_b", "work_b"),
        ("fighter_c", "work_c"),
    ] {
        let found = of(thread).unwrap_or_else(|| panic!("no {thread} in {tree:#}"));
        assert!(
            nodes(found).iter().any(|node| name(node) == root),
            "{found:#}"
        );
        let one = json(&workbench, &["--thread", thread]);
        assert_eq!(one["threads"].as_array().map(Vec::len), Some(1), "{one:#}");
        let by_number = json(&workbench, &["--thread", &found["tid"].to_string()]);
        assert_eq!(by_number, one);
    }
}

#[test]
fn a_thread_that_is_not_there_is_2_and_those_that_are_are_named() {
    let workbench = recorded("three_threads.py");
    let finished = workbench
        .pitstop(&["tree", "--thread", "nobody"])
        .expect_code(2);
    let said = finished.stderr_text();
    assert!(
        said.contains("nobody") && said.contains("fighter_a"),
        "{finished}"
    );
}

#[test]
fn a_tree_for_people_shows_functions_with_their_shares() {
    let workbench = recorded("known_shares.py");
    let finished = workbench.pitstop(&["tree"]).expect_code(0);
    let text = finished.stdout_text();
    assert!(finished.stderr.is_empty(), "{finished}");
    for function in ["main", "burn_50", "burn_30", "burn_20"] {
        assert!(text.contains(function), "{function}\n{text}");
    }
    let cut = workbench
        .pitstop(&["tree", "--min", "40"])
        .expect_code(0)
        .stdout_text();
    assert!(cut.contains("burn_50") && !cut.contains("burn_20"), "{cut}");
}

#[test]
fn a_deep_recursion_is_folded_into_few_lines() {
    let workbench = recorded("deep_recursion.py");
    let text = workbench.pitstop(&["tree"]).expect_code(0).stdout_text();
    assert!(text.lines().count() < 60, "{} lines", text.lines().count());
    assert!(text.contains("descend") && text.contains("work"), "{text}");
}

#[test]
fn waits_are_told_with_what_for() {
    let workbench = recorded("forks.py");
    let text = workbench.pitstop(&["tree"]).expect_code(0).stdout_text();
    assert!(
        text.contains("wait_for") && text.contains("waits for"),
        "{text}"
    );
}

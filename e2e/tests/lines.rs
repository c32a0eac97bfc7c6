//! `pitstop lines`: what each line cost.

use pitstop_e2e::{Workbench, fixture, on_each_python, pythons};
use serde_json::Value;

fn recorded() -> Workbench {
    let python = pythons().last().expect("there is an interpreter");
    let workbench = Workbench::with_python(python);
    let script = fixture("known_shares.py");
    workbench
        .run(python, &[script.as_os_str(), "0.6".as_ref()])
        .expect_code(0);
    workbench
}

fn json(workbench: &Workbench, arguments: &[&str]) -> Value {
    let mut all = vec!["lines", "--json"];
    all.extend(arguments);
    let finished = workbench.pitstop(&all).expect_code(0);
    let lines: Value = serde_json::from_slice(&finished.stdout).expect("JSON");
    assert_eq!(lines["schema"], "pitstop/lines@1");
    lines
}

fn rows(lines: &Value) -> Vec<&Value> {
    let files = lines["files"].as_array().expect("a list").iter();
    files
        .flat_map(|file| file["rows"].as_array().expect("a list"))
        .collect()
}

#[test]
fn the_costliest_lines_have_the_text_of_the_file() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        let script = fixture("known_shares.py");
        workbench
            .run(python, &[script.as_os_str(), "0.4".as_ref()])
            .expect_code(0);
        let text = std::fs::read_to_string(&script).expect("readable");
        let text: Vec<&str> = text.lines().collect();
        let lines = json(&workbench, &["known_shares.py"]);
        let rows = rows(&lines);
        assert!(!rows.is_empty(), "{lines:#}");
        for row in &rows {
            let number = row["line"].as_u64().expect("a number") as usize;
            assert_eq!(
                row["text"].as_str(),
                text.get(number - 1).copied(),
                "{row:#}"
            );
        }
        let hottest: Vec<_> = rows.iter().filter(|row| row["hottest"] == true).collect();
        assert_eq!(hottest.len(), 1, "{lines:#}");
        // Which line of the loop it is differs between interpreters and from run to run.
        let text = hottest[0]["text"].as_str().expect("text").trim();
        let of_the_loop = [
            "while perf_counter() < end:",
            "for _ in range(200):",
            "pass",
        ];
        assert!(of_the_loop.contains(&text), "{text}");
    });
}

#[test]
fn a_function_is_shown_alone() {
    let workbench = recorded();
    let table = workbench.pitstop(&["lines", "burn_30"]).expect_code(0);
    let text = table.stdout_text();
    assert!(
        text.contains("def burn_30") && !text.contains("def burn_20"),
        "{text}"
    );
    assert!(table.stderr.is_empty(), "{table}");
    let lines = json(&workbench, &["burn_30", "burn_20"]);
    assert_eq!(lines["functions"], 2, "{lines:#}");
}

#[test]
fn every_line_of_a_file_is_shown_if_asked() {
    let workbench = recorded();
    let lines = json(&workbench, &["known_shares.py", "--all"]);
    let numbers: Vec<u64> = rows(&lines)
        .iter()
        .map(|row| row["line"].as_u64().expect("a number"))
        .collect();
    let count = std::fs::read_to_string(fixture("known_shares.py")).expect("readable");
    let all: Vec<u64> = (1..=count.lines().count() as u64).collect();
    assert_eq!(numbers, all);
}

#[test]
fn fewer_of_the_costliest_lines_are_shown_if_asked() {
    let workbench = recorded();
    let costly = |number: &str| -> Vec<u64> {
        let lines = json(&workbench, &["-n", number]);
        let rows = rows(&lines)
            .into_iter()
            .filter(|row| !row["cost"].is_null());
        rows.map(|row| row["cost"]["own"]["ns"].as_u64().expect("a number"))
            .collect()
    };
    let (few, many) = (costly("1"), costly("40"));
    assert!(few.len() < many.len(), "{few:?} {many:?}");
    assert_eq!(few.iter().max(), many.iter().max());
}

#[test]
fn a_name_that_is_not_there_is_2_and_said() {
    let workbench = recorded();
    for arguments in [
        &["lines", "no_such_thing"] as &[&str],
        &["lines", "nothing.py"],
    ] {
        let finished = workbench.pitstop(arguments).expect_code(2);
        let said = finished.stderr_text();
        assert!(
            said.contains(arguments[1]) && said.contains("now:"),
            "{finished}"
        );
        assert!(finished.stdout.is_empty(), "{finished}");
    }
    // One that is there does not hide one that is not.
    let finished = workbench.pitstop(&["lines", "burn_50", "no_such_thing"]);
    assert!(
        (finished.stdout_text() + &finished.stderr_text()).contains("no_such_thing"),
        "{finished}"
    );
    let finished = workbench.pitstop(&["lines", "--json", "no_such_thing"]);
    assert_eq!(finished.code(), 2, "with --json as without\n{finished}");
}

#[test]
fn without_a_result_the_way_to_one_is_said() {
    let workbench = Workbench::new();
    for arguments in [
        &["lines"] as &[&str],
        &["tree"],
        &["export", "last", "out.svg"],
        &["lines", "--json"],
    ] {
        let finished = workbench.pitstop(arguments).expect_code(2);
        assert!(
            finished.stderr_text().contains("pitstop run"),
            "{arguments:?}\n{finished}"
        );
    }
    assert!(!workbench.path().join("out.svg").exists());
}

#[test]
fn the_times_of_lines_add_up() {
    let workbench = recorded();
    let lines = json(&workbench, &["--all", "--show-library"]);
    let own: u64 = rows(&lines)
        .iter()
        .filter_map(|row| row["cost"]["own"]["ns"].as_u64())
        .sum();
    let elapsed = lines["elapsed_ns"].as_u64().expect("a number");
    assert!(own <= elapsed + elapsed / 100, "{own} of {elapsed}");
    assert!(own > elapsed / 2, "{own} of {elapsed}");
}

#[test]
fn another_result_can_be_looked_at() {
    let workbench = recorded();
    std::fs::copy(workbench.last_result(), workbench.path().join("other.pit")).expect("a copy");
    std::fs::remove_file(workbench.last_result()).expect("it can be removed");
    let one = workbench
        .pitstop(&["lines", "-i", "other.pit", "burn_50"])
        .expect_code(0);
    let other = workbench
        .pitstop(&["lines", "other.pit", "burn_50"])
        .expect_code(0);
    assert_eq!(one.stdout_text(), other.stdout_text());
}

#[test]
fn a_cut_recording_is_shown_as_far_as_it_goes_and_said_to_be_cut() {
    let workbench = recorded();
    let bytes = std::fs::read(workbench.last_result()).expect("it is there");
    let write = |name: &str, length: usize| {
        std::fs::write(workbench.path().join(name), &bytes[..length]).expect("it can be written");
    };
    write("tail.pit", bytes.len() - 1);
    // The head and the first record, which is written before there is any sample.
    write("head.pit", 100);
    for command in [
        &["lines", "-i", "tail.pit"] as &[&str],
        &["tree", "tail.pit"],
        &["export", "tail.pit", "-", "-f", "collapsed"],
    ] {
        let finished = workbench.pitstop(command).expect_code(0);
        let said = finished.stderr_text();
        assert!(!finished.stdout.is_empty(), "{command:?}\n{finished}");
        assert!(
            said.contains("tail.pit") && said.contains("cut short"),
            "{command:?}\n{finished}"
        );
    }
    for command in [
        &["lines", "-i", "head.pit"] as &[&str],
        &["tree", "head.pit"],
    ] {
        let finished = workbench.pitstop(command).expect_code(2);
        let said = finished.stderr_text();
        assert!(finished.stdout.is_empty(), "{command:?}\n{finished}");
        assert!(
            said.contains("head.pit") && said.contains("cut short") && said.contains("now:"),
            "{command:?}\n{finished}"
        );
    }
    let whole = workbench.pitstop(&["lines"]).expect_code(0);
    assert_eq!(whole.stderr_text(), "", "{whole}");
}

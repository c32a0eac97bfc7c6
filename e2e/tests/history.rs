//! `pitstop history`: changes in what `bench --save` kept, in the order it was kept in.

use pitstop_e2e::{Finished, Python, Workbench, on_oldest_and_newest_python};
use serde_json::Value;

fn keep(workbench: &Workbench, python: &Python, name: &str, amount: u32) {
    let text = format!("def work():\n    return sum(range({amount}))\n");
    workbench.write("app.py", &text);
    let mut command = workbench.command(&["bench", "app:work", "--processes", "3", "--python"]);
    command.arg(&python.path).args(["--save", name, "-r", "3"]);
    Finished::of(&mut command, b"").expect_code(0);
}

fn parsed(finished: &Finished) -> Value {
    serde_json::from_slice(&finished.stdout).unwrap_or_else(|error| panic!("{error}\n{finished}"))
}

#[test]
fn a_change_is_found_where_it_was_made_with_its_size() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        // Names in an order that is not that of time.
        let names: Vec<String> = (0..12).rev().map(|at| format!("r{at:02}")).collect();
        for (at, name) in names.iter().enumerate() {
            keep(&workbench, python, name, if at < 6 { 1000 } else { 4000 });
        }
        let finished = workbench.pitstop(&["history", "--json"]).expect_code(1);
        let document = parsed(&finished);
        assert_eq!(document["schema"], "pitstop/history@1");
        let benchmark = &document["benchmarks"][0];
        assert_eq!(benchmark["name"], "app:work");
        let order: Vec<&str> = benchmark["results"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|result| result["result"].as_str().expect("a text"))
            .collect();
        assert_eq!(order, names, "{finished}");
        let changes = benchmark["changes"].as_array().expect("a list");
        assert_eq!(changes.len(), 1, "{finished}");
        let number = |name: &str| changes[0][name].as_f64().expect("a number");
        assert_eq!(changes[0]["at"], 6);
        assert!((2.0..8.0).contains(&number("ratio")), "{finished}");
        assert!(number("ratio_low") <= number("ratio"));
        assert!(number("ratio") <= number("ratio_high"));
        let text = workbench.pitstop(&["history"]).expect_code(1).stdout_text();
        for words in ["app:work", "12 results", "r05", "since"] {
            assert!(text.contains(words), "{words}: {text}");
        }
        // Five and less are too few to tell.
        let some: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
        let few = workbench.pitstop(&[&["history"][..], &some].concat());
        let text = few.expect_code(4).stdout_text();
        assert!(text.contains("it takes 10"), "{text}");
        let other = workbench.pitstop(&["history", "--only", "nothing"]);
        assert!(other.expect_code(2).stderr_text().contains("`nothing`"));
    });
}

#[test]
fn what_is_not_there_is_told() {
    let workbench = Workbench::new();
    let finished = workbench.pitstop(&["history"]).expect_code(2);
    assert!(
        finished.stderr_text().contains("bench --save"),
        "{finished}"
    );
    let finished = workbench.pitstop(&["history", "nosuch"]).expect_code(2);
    assert!(
        finished.stderr_text().contains("no result `nosuch`"),
        "{finished}"
    );
    workbench.write("broken.json", "{]");
    workbench
        .pitstop(&["history", "broken.json"])
        .expect_code(2);
}

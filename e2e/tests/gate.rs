//! `pitstop gate`: regressions found, budgets kept, waivers, reports, and every refusal.

use pitstop_e2e::{
    Finished, Python, Workbench, on_each_python, on_oldest_and_newest_python, pythons,
};
use serde_json::Value;
use std::process::Command;

const FAST: &str = "def work():\n    return [step(i) for i in range(200)]\n\n\n\
                    def step(i):\n    return i\n";
const SLOW: &str = "def work():\n    return [step(i) for i in range(200)]\n\n\n\
                    def step(i):\n    return sum([i, i, i, i, i, i, i, i, i, i]) // 10\n";

/// The newest there is, for what has nothing to do with versions.
fn any_python() -> &'static Python {
    pythons().last().expect("there is an interpreter")
}

/// A repository with a commit on `main`, and this on a branch.
struct Project(Workbench);

impl Project {
    /// A commit of this program and these budgets.
    fn new(budgets: &str) -> Self {
        let project = Self(Workbench::new());
        project.0.write(".gitignore", ".cache\n*.out\n");
        project.0.write("app.py", FAST);
        project.0.write("pyproject.toml", budgets);
        project.git(&["init", "--quiet", "--initial-branch", "main"]);
        project.commit();
        project.git(&["checkout", "--quiet", "-b", "topic"]);
        project
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", "x"]);
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=x", "-c", "user.email=x@example.org"]);
        command.args(arguments).current_dir(self.0.path());
        Finished::of(&mut command, b"").expect_code(0).stdout_text()
    }

    fn gate(&self, python: &Python, arguments: &[&str]) -> Finished {
        let mut command = self.0.command(&["gate", "--seed", "7", "--python"]);
        command.arg(&python.path).args(arguments);
        for variable in [
            "GITHUB_BASE_REF",
            "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
            "GITHUB_STEP_SUMMARY",
        ] {
            command.env_remove(variable);
        }
        Finished::of(&mut command, b"")
    }

    fn json(&self, python: &Python, code: i32) -> Value {
        let finished = self.gate(python, &["--json"]).expect_code(code);
        let document: Value = serde_json::from_slice(&finished.stdout).expect("JSON");
        assert_eq!(document["schema"], "pitstop/gate@1");
        document
    }
}

fn budgets(text: &str) -> String {
    format!("[tool.pitstop.budgets.\"app:work\"]\n{text}\n")
}

#[test]
fn counts_are_exact_and_find_the_function_that_does_more_on_every_version() {
    on_each_python(|python| {
        let text =
            "bytecodes = '+0%'\npeak-allocated = '+0%'\nallocations = '+0%'\nimports = '+0%'";
        let project = Project::new(&budgets(text));
        project.0.write("note.txt", "nothing changed\n");
        project.commit();
        let kept = project.json(python, 0);
        for check in kept["checks"].as_array().expect("a list") {
            assert_eq!(check["state"], "kept", "{check}");
            assert_eq!(check["ratio"], 1.0, "{check}");
        }
        project
            .0
            .write("app.py", &format!("import fractions\n{SLOW}"));
        let broken = project.json(python, 1);
        let checks = broken["checks"].as_array().expect("a list");
        assert_eq!(checks[0]["state"], "broken", "{broken}");
        assert_eq!(checks[0]["culprits"][0]["name"], "step", "{broken}");
        assert_eq!(checks[0]["culprits"][0]["file"], "app.py");
        assert_eq!(checks[0]["culprits"][0]["line"], 6);
        assert_eq!(checks[3]["state"], "broken");
        let notes = checks[3]["notes"].to_string();
        assert!(notes.contains("fractions"), "{notes}");
        assert_eq!(project.git(&["worktree", "list"]).lines().count(), 1);
    });
}

#[test]
fn a_slower_branch_breaks_its_time_and_an_equal_one_keeps_it() {
    on_oldest_and_newest_python(|python| {
        let project = Project::new(&budgets("time = '+50%'"));
        project.0.write("note.txt", "nothing changed\n");
        let kept = project.json(python, 0);
        assert_eq!(kept["checks"][0]["state"], "kept", "{kept}");
        assert_eq!(kept["base"]["name"], "merge base with main");
        project.0.write("app.py", SLOW);
        let broken = project.json(python, 1);
        let check = &broken["checks"][0];
        assert_eq!(check["state"], "broken", "{broken}");
        assert!(
            check["interval"]["low"]
                .as_f64()
                .is_some_and(|low| low > 1.5)
        );
        let text = project.gate(python, &[]).expect_code(1).stdout_text();
        assert!(text.starts_with(" failed  1 check: 1 failed\n"), "{text}");
        assert!(text.contains("step (app.py:5)"), "{text}");
    });
}

#[test]
fn limits_without_a_base_need_no_repository() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        workbench.write("app.py", FAST);
        workbench.write(
            "pyproject.toml",
            &budgets(
                "time = '1s'\npeak-rss = '1MiB'\nimports = { max = 50, forbid = ['decimal'] }\n\
                 latency = { p95 = '1s' }\nimport-time = '10s'\nbytecodes = 10",
            ),
        );
        let project = Project(workbench);
        let document = project.json(python, 1);
        let checks = document["checks"].as_array().expect("a list");
        let states: Vec<_> = checks
            .iter()
            .map(|check| (check["check"].as_str(), check["state"].as_str()))
            .map(|(check, state)| (check.unwrap_or_default(), state.unwrap_or_default()))
            .collect();
        assert_eq!(
            states,
            [
                ("time", "kept"),
                ("peak-rss", "broken"),
                ("imports", "kept"),
                ("imports.forbid", "kept"),
                ("latency.p95", "kept"),
                ("import-time", "kept"),
                ("bytecodes", "broken"),
            ],
            "{document}"
        );
        assert_eq!(document["base"], Value::Null);
    });
}

#[test]
fn growth_with_the_input_is_judged_by_its_class() {
    let python = any_python();
    let workbench = Workbench::new();
    let program = "def square(xs):\n    for a in xs:\n        for b in xs:\n            \
                   pass\n\n\ndef line(xs):\n    for a in xs:\n        pass\n";
    workbench.write("app.py", program);
    let budget = |name: &str, sizes: &str| {
        format!(
            "[tool.pitstop.budgets.\"app:{name}\"]\n\
             complexity = {{ max = 'O(n log n)', input = '[0] * n', sizes = {sizes} }}\n"
        )
    };
    let all = budget("square", "[40, 80, 160, 320, 640, 1280]")
        + &budget("line", "[2000, 4000, 8000, 16000, 32000, 64000]");
    workbench.write("pyproject.toml", &all);
    let document = Project(workbench).json(python, 1);
    assert_eq!(document["checks"][0]["state"], "broken", "{document}");
    assert_eq!(document["checks"][0]["limit"]["class"], "O(n log n)");
    assert_eq!(document["checks"][1]["state"], "kept", "{document}");
}

#[test]
fn a_waiver_lets_pass_until_it_expires_or_its_own_limit_is_passed() {
    let python = any_python();
    let waived = |expires: &str, more: &str| {
        let waiver = format!(
            "[[tool.pitstop.gate.waivers]]\nbudget = 'app:work'\ncheck = 'bytecodes'\n\
             reason = 'until the rewrite'\nowner = 'ann'\nexpires = {expires}\n{more}\n"
        );
        let project = Project::new(&(waiver + &budgets("bytecodes = '+0%'")));
        project.0.write("app.py", SLOW);
        project
    };
    let project = waived("2999-12-31", "");
    let document = project.json(python, 0);
    assert_eq!(document["checks"][0]["state"], "broken");
    assert_eq!(document["checks"][0]["outcome"], "waived");
    let text = project.gate(python, &[]).expect_code(0).stdout_text();
    assert!(
        text.contains("waived until 2999-12-31 by ann: until the rewrite"),
        "{text}"
    );
    let text = waived("2000-01-01", "")
        .gate(python, &[])
        .expect_code(1)
        .stdout_text();
    assert!(
        text.contains("the waiver expired on 2000-01-01 by ann"),
        "{text}"
    );
    let text = waived("2999-12-31", "limit = '+1%'")
        .gate(python, &[])
        .expect_code(1);
    assert!(
        text.stdout_text().contains("waived up to +1 % only"),
        "{text}"
    );
    let document = waived("2999-12-31", "limit = '+1000%'").json(python, 0);
    assert_eq!(document["checks"][0]["outcome"], "waived");
    // In a file of their own.
    let project = Project::new(&format!(
        "[tool.pitstop.gate]\nwaivers = 'waivers.toml'\n{}",
        budgets("bytecodes = '+0%'")
    ));
    project.0.write(
        "waivers.toml",
        "[[waivers]]\nbudget = 'app:work'\nreason = 'known'\nexpires = '2999-12-31'\n",
    );
    project.0.write("app.py", SLOW);
    project.json(python, 0);
}

#[test]
fn what_the_base_does_not_have_is_new_and_what_does_not_run_is_no_answer() {
    let python = any_python();
    let project = Project::new(&budgets("bytecodes = '+0%'"));
    project
        .0
        .write("app.py", &format!("{FAST}\n\ndef fresh():\n    return 1\n"));
    let text = budgets("bytecodes = '+0%'")
        + "[tool.pitstop.budgets.\"app:fresh\"]\nbytecodes = '+0%'\ntime = '+9%'\n\
           [tool.pitstop.budgets.\"new.py\"]\nbytecodes = '+0%'\n";
    project.0.write("pyproject.toml", &text);
    project.0.write("new.py", "print('hello')\n");
    let document = project.json(python, 0);
    let states: Vec<_> = document["checks"]
        .as_array()
        .expect("a list")
        .iter()
        .collect();
    assert_eq!(states[0]["state"], "kept", "{document}");
    for check in &states[1..] {
        assert_eq!(check["state"], "new", "{check}");
        assert_eq!(check["outcome"], "passed");
    }
    project.0.write(
        "app.py",
        "def work():\n    raise ValueError('no such shop')\n",
    );
    let document = project.json(python, 3);
    assert_eq!(document["checks"][0]["state"], "not_measured", "{document}");
    assert!(
        document["checks"][0]["notes"]
            .to_string()
            .contains("no such shop")
    );
}

#[test]
fn a_base_that_is_imported_from_the_working_tree_is_no_base() {
    let python = any_python();
    let project = Project::new("");
    let lib = project.0.path().join("lib");
    std::fs::create_dir(&lib).expect("it can be made");
    project.0.write("lib/goods.py", FAST);
    let text = "[tool.pitstop.budgets.\"goods:work\"]\ntime = '+3%'\n";
    project.0.write("pyproject.toml", text);
    project.commit();
    project.git(&["branch", "-f", "main"]);
    project.0.write("lib/goods.py", SLOW);
    // What an editable install does.
    let mut command = project.0.command(&["gate", "--json", "--python"]);
    command.arg(&python.path).env("PYTHONPATH", &lib);
    let finished = Finished::of(&mut command, b"").expect_code(3);
    let text = finished.stdout_text();
    assert!(text.contains("an editable install leads there"), "{text}");
}

#[test]
fn on_the_main_branch_the_last_commit_is_compared_with_the_one_before() {
    let python = any_python();
    let project = Project::new(&budgets("bytecodes = '+0%'"));
    project.git(&["checkout", "--quiet", "main"]);
    let finished = project.gate(python, &[]).expect_code(3);
    assert!(
        finished.stderr_text().contains("HEAD is the first commit"),
        "{finished}"
    );
    project.0.write("app.py", SLOW);
    project.commit();
    let document = project.json(python, 1);
    assert_eq!(
        document["base"]["name"], "the commit before HEAD",
        "{document}"
    );
}

#[test]
fn reports_are_written_in_every_format() {
    let python = any_python();
    let project = Project::new(&budgets("bytecodes = '+0%'"));
    project.0.write("app.py", SLOW);
    let all = [
        "--report",
        "sarif=sarif.out",
        "--report",
        "junit=junit.out",
        "--report",
        "md=md.out",
        "--report",
        "json=json.out",
        "--report",
        "text=text.out",
        "-f",
        "github",
    ];
    let finished = project.gate(python, &all).expect_code(1);
    let text = finished.stdout_text();
    assert!(text.starts_with("::error file=app.py,line=5,"), "{text}");
    let sarif = project.0.json("sarif.out");
    let result = &sarif["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "app:work: bytecodes");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "app.py");
    assert_eq!(project.0.json("json.out")["outcome"], "failed");
    let read = |name: &str| {
        std::fs::read_to_string(project.0.path().join(name)).expect("the file was written")
    };
    assert!(read("md.out").starts_with("<!-- pitstop-gate -->\n"));
    assert!(
        read("text.out")
            .lines()
            .all(|line| line.chars().count() <= 80)
    );
    let parse = "import sys, xml.etree.ElementTree as tree\n\
                 root = tree.parse(sys.argv[1]).getroot()\n\
                 print(root.get('tests'), root.get('failures'), root.find('.//failure').get('type'))";
    let junit = project.0.path().join("junit.out");
    let mut command = Command::new(&python.path);
    let xml = Finished::of(command.args(["-c", parse]).arg(junit), b"").expect_code(0);
    assert_eq!(xml.stdout_text(), "1 1 broken\n");
}

#[test]
fn places_without_a_base_say_why_and_what_to_do() {
    let python = any_python();
    let refused = |project: &Project, arguments: &[&str], code: i32, words: &[&str]| {
        let finished = project.gate(python, arguments).expect_code(code);
        let text = finished.stderr_text();
        for word in words {
            assert!(text.contains(word), "{word}: {finished}");
        }
        assert!(text.contains("now:"), "{finished}");
    };
    let relative = budgets("bytecodes = '+0%'");
    // Not a repository.
    let bare = Project(Workbench::new());
    bare.0.write("app.py", FAST);
    bare.0.write("pyproject.toml", &relative);
    refused(&bare, &[], 3, &["no repository of git", "--against none"]);
    // Without any limit that is left.
    refused(
        &bare,
        &["--against", "none"],
        2,
        &["all limits are growths"],
    );
    // A branch that is not there.
    let project = Project::new(&relative);
    refused(
        &project,
        &["--against", "nosuch"],
        2,
        &["`nosuch` is no commit", "git fetch"],
    );
    // Nothing in common.
    project.git(&["checkout", "--quiet", "--orphan", "alone"]);
    project.0.write("other.txt", "another history\n");
    project.commit();
    refused(
        &project,
        &[],
        3,
        &["have no commit in common", "--against BRANCH"],
    );
    // No branch of a usual name.
    project.git(&["branch", "-D", "main"]);
    project.git(&["branch", "-D", "topic"]);
    refused(
        &project,
        &[],
        3,
        &["there is no branch to compare with", "origin/main"],
    );
    // A shallow clone.
    let origin = Project::new(&relative);
    origin.0.write("app.py", SLOW);
    origin.commit();
    let clone = Project(Workbench::new());
    let url = format!("file://{}", origin.0.path().display());
    clone.git(&[
        "clone", "--quiet", "--depth", "1", "--branch", "topic", &url, ".",
    ]);
    refused(&clone, &[], 3, &["shallow clone", "fetch-depth: 0"]);
    refused(
        &clone,
        &["--against", "main"],
        2,
        &["shallow clone", "git fetch --unshallow"],
    );
    clone.git(&[
        "fetch",
        "--quiet",
        "--unshallow",
        "origin",
        "+refs/heads/*:refs/remotes/origin/*",
    ]);
    clone.gate(python, &[]).expect_code(1);
}

#[test]
fn wrong_words_are_refused_before_anything_is_measured() {
    let python = any_python();
    let workbench = Workbench::new();
    let project = Project(workbench);
    let refused = |arguments: &[&str], words: &[&str]| {
        let finished = project.gate(python, arguments).expect_code(2);
        let text = finished.stderr_text();
        assert!(words.iter().all(|word| text.contains(word)), "{finished}");
    };
    refused(&[], &["there is no `pyproject.toml` here", "--init"]);
    project.0.write("pyproject.toml", "[project]\nname = 'x'\n");
    refused(&[], &["has no budgets", "--init"]);
    project.0.write("pyproject.toml", &budgets("tme = '+3%'"));
    refused(
        &[],
        &[
            "pyproject.toml:2: `tool.pitstop.budgets.\"app:work\".tme`",
            "now: write `time`",
        ],
    );
    project.0.write("pyproject.toml", &budgets("time = '1s'"));
    refused(&["other"], &["there is no budget `other`", "app:work"]);
    refused(&["--report", "pdf=x"], &["write a format and a file"]);
    refused(
        &["--report", "md=no/such/x"],
        &["its directory does not exist", "mkdir -p"],
    );
    refused(&["--init"], &["NAME"]);
    refused(
        &["--init", "nothing to run"],
        &["no module:function and no script"],
    );
}

#[test]
fn init_adds_budgets_and_a_workflow_and_changes_nothing_that_is_there() {
    let python = any_python();
    let project = Project::new("[project] # ours\nname = 'x'");
    let finished = project.gate(python, &["--init", "app:work"]).expect_code(0);
    assert!(
        finished
            .stdout_text()
            .contains("added     the budget \"app:work\""),
        "{finished}"
    );
    let read = |name: &str| {
        std::fs::read_to_string(project.0.path().join(name)).expect("the file is there")
    };
    let text = read("pyproject.toml");
    assert!(text.starts_with("[project] # ours\nname = 'x'\n"), "{text}");
    assert!(
        text.contains("[tool.pitstop.budgets.\"app:work\"]\ntime = \"+5%\""),
        "{text}"
    );
    let workflow = read(".github/workflows/pitstop.yml");
    assert!(workflow.contains("fetch-depth: 0") && workflow.contains("pitstop gate"));
    project.0.write(".github/workflows/pitstop.yml", "ours\n");
    let finished = project.gate(python, &["--init", "app:work"]).expect_code(0);
    assert!(
        finished.stdout_text().contains("kept      the budget"),
        "{finished}"
    );
    assert_eq!(read("pyproject.toml"), text);
    assert_eq!(read(".github/workflows/pitstop.yml"), "ours\n");
    project.commit();
    let none = ["--against", "none"];
    project.gate(python, &none).expect_code(0);
}

/// Mercurial, as on `PATH`; `None`, after saying so, if it is not there.
#[expect(clippy::print_stderr, reason = "a test that is not run must say so")]
fn mercurial() -> Option<()> {
    if Command::new("hg").arg("--version").output().is_ok() {
        return Some(());
    }
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "no hg"
    );
    eprintln!("SKIPPED: no hg on PATH; `cargo xtask test` installs it");
    None
}

#[test]
fn a_base_of_mercurial_is_the_common_ancestor_with_the_default_branch() {
    if mercurial().is_none() {
        return;
    }
    let python = any_python();
    let bench = Workbench::new();
    let hg = |arguments: &[&str]| {
        let mut command = Command::new("hg");
        command
            .env("HGPLAIN", "1")
            .env("HGUSER", "x")
            .env("HGRCPATH", "");
        command.args(arguments).current_dir(bench.path());
        Finished::of(&mut command, b"").expect_code(0).stdout_text()
    };
    let gate = |directory: &str, arguments: &[&str]| {
        let mut command = bench.command(&["gate", "--seed", "7", "--python"]);
        command
            .arg(&python.path)
            .args(arguments)
            .env("HGRCPATH", "");
        Finished::of(command.current_dir(bench.path().join(directory)), b"")
    };
    // Below the root of the repository, as packages of a large one are.
    bench.write("sub/app.py", FAST);
    bench.write("sub/pyproject.toml", &budgets("bytecodes = '+0%'"));
    hg(&["init"]);
    let finished = gate("sub", &[]).expect_code(3);
    assert!(
        finished.stderr_text().contains("no commit yet"),
        "{finished}"
    );
    hg(&["add", "sub"]);
    hg(&["commit", "--message", "first"]);
    let first = hg(&["log", "--rev", ".", "--template", "{node}"]);
    let finished = gate("sub", &[]).expect_code(3);
    assert!(
        finished.stderr_text().contains("first commit"),
        "{finished}"
    );
    // A change that is not committed yet, then one on a branch.
    bench.write("sub/app.py", SLOW);
    let json = |directory: &str, arguments: &[&str], code: i32| -> Value {
        let words = [&["-f", "json"], arguments].concat();
        let finished = gate(directory, &words).expect_code(code);
        serde_json::from_slice(&finished.stdout).expect("JSON")
    };
    let document = json("sub", &[], 1);
    assert_eq!(document["base"]["commit"], first.as_str(), "{document}");
    hg(&["branch", "topic"]);
    hg(&["commit", "--message", "slower"]);
    let document = json("sub", &[], 1);
    assert_eq!(document["base"]["commit"], first.as_str());
    assert_eq!(document["checks"][0]["outcome"], "failed", "{document}");
    // Against itself, what counts is the last commit; a name that is none is refused.
    let document = json("sub", &["--against", "topic"], 1);
    assert_eq!(document["base"]["commit"], first.as_str());
    let finished = gate("sub", &["--against", "no'such"]).expect_code(2);
    assert!(
        finished.stderr_text().contains("is no commit here"),
        "{finished}"
    );
}

//! `pitstop compare`: right verdicts, every kind of side, other tools' files, and refusals.

use pitstop_e2e::{
    Finished, Python, Workbench, on_each_python, on_oldest_and_newest_python, python,
};
use serde_json::Value;
use std::process::Command;

fn compare(workbench: &Workbench, python: &Python, arguments: &[&str]) -> Finished {
    let mut command = workbench.command(&["compare", "--seed", "11", "--json", "--python"]);
    command.arg(&python.path).args(arguments);
    Finished::of(&mut command, b"")
}

fn one(finished: &Finished) -> Value {
    let document: Value = serde_json::from_slice(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{finished}"));
    assert_eq!(document["schema"], "pitstop/compare@1");
    document["comparisons"][0].clone()
}

#[test]
fn a_large_difference_is_found_on_every_version_and_in_either_direction() {
    on_each_python(|python| {
        let (short, long) = ("sum(range(500))", "sum(range(800))");
        let workbench = Workbench::new();
        let answer = one(&compare(&workbench, python, &["--a", short, "--b", long]).expect_code(1));
        assert_eq!(answer["verdict"], "slower", "{answer}");
        let interval = &answer["interval"];
        let [low, high] = ["low", "high"].map(|end| interval[end].as_f64().expect("a number"));
        let ratio = answer["ratio"].as_f64().expect("a number");
        assert!(
            1.2 < low && low <= ratio && ratio <= high && high < 2.2,
            "{answer}"
        );
        assert!(answer["pairs"].as_u64().is_some_and(|pairs| pairs >= 7));
        let answer = one(&compare(&workbench, python, &["--a", long, "--b", short]).expect_code(0));
        assert_eq!(answer["verdict"], "faster", "{answer}");
    });
}

#[test]
fn pairs_share_their_layout_and_differ_from_each_other() {
    on_oldest_and_newest_python(|python| {
        let arguments = ["--a", "sum(range(500))", "--b", "sum(range(800))"];
        let answer = one(&compare(&Workbench::new(), python, &arguments));
        let runs = |side: &str| answer[side]["runs"].as_array().expect("a list").clone();
        let shared = [
            "pair",
            "hash_seed",
            "padding_bytes",
            "cpu",
            "fixed_addresses",
        ];
        for (a, b) in runs("a").iter().zip(&runs("b")) {
            for name in shared {
                assert_eq!(a[name], b[name], "{name}");
            }
            assert_eq!(a["fixed_addresses"], true);
        }
        let seeds: Vec<_> = runs("a")
            .iter()
            .map(|run| run["hash_seed"].as_u64())
            .collect();
        assert!(seeds.windows(2).all(|pair| pair[0] != pair[1]));
        let free = ["--random-layout", "--time", "300ms", "--a", "1", "--b", "1"];
        let answer = one(&compare(&Workbench::new(), python, &free));
        let (a, b) = (&answer["a"]["runs"][0], &answer["b"]["runs"][0]);
        assert_ne!(a["hash_seed"], b["hash_seed"]);
        assert_eq!(a["fixed_addresses"], false);
    });
}

#[test]
fn equal_sides_are_never_called_different_with_a_wide_minimum() {
    on_oldest_and_newest_python(|python| {
        let arguments = [
            "--min-effect",
            "20",
            "--a",
            "sum(range(500))",
            "--b",
            "sum(range(500))",
        ];
        let answer = one(&compare(&Workbench::new(), python, &arguments).expect_code(0));
        assert_eq!(answer["verdict"], "equivalent", "{answer}");
    });
}

#[test]
fn too_little_time_is_inconclusive_and_says_what_is_needed() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let arguments = [
            "--time",
            "1ms",
            "--a",
            "sum(range(500))",
            "--b",
            "sum(range(500))",
        ];
        let answer = one(&compare(&workbench, python, &arguments).expect_code(4));
        assert_eq!(answer["verdict"], "inconclusive");
        assert_eq!(answer["pairs"], 1);
        let mut command = workbench.command(&["compare", "--python"]);
        command.arg(&python.path).args(arguments);
        let text = Finished::of(&mut command, b"").expect_code(4).stdout_text();
        assert!(
            text.contains("inconclusive") && text.contains("--time"),
            "{text}"
        );
    });
}

#[test]
fn commits_are_checked_out_and_compared_and_leave_nothing() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let git = |arguments: &[&str]| {
            let mut command = Command::new("git");
            command.args(["-c", "user.name=x", "-c", "user.email=x@example.org"]);
            command.args(arguments).current_dir(workbench.path());
            Finished::of(&mut command, b"").expect_code(0).stdout_text()
        };
        std::fs::create_dir_all(workbench.path().join("src")).expect("it can be made");
        git(&["init", "--quiet", "--initial-branch", "main"]);
        workbench.write("src/work.py", "def f():\n    return sum(range(400))\n");
        git(&["add", "src"]);
        git(&["commit", "--quiet", "-m", "one"]);
        workbench.write("src/work.py", "def f():\n    return sum(range(1200))\n");
        let answer = one(&compare(&workbench, python, &["main", ".", "work:f"]).expect_code(1));
        assert_eq!(answer["verdict"], "slower", "{answer}");
        assert!(
            answer["ratio"].as_f64().is_some_and(|ratio| ratio > 1.8),
            "{answer}"
        );
        let worktrees = git(&["worktree", "list"]);
        assert_eq!(worktrees.lines().count(), 1, "{worktrees}");
        let finished = compare(&workbench, python, &["nosuchbranch", ".", "work:f"]);
        assert!(
            finished
                .expect_code(2)
                .stderr_text()
                .contains("nosuchbranch")
        );
    });
}

#[test]
fn interpreters_and_settings_are_sides() {
    let (Some(old), Some(new)) = (python(8), python(13)) else {
        return; // Already said by `python`.
    };
    let workbench = Workbench::new();
    let sides = [&old.path, &new.path].map(|path| path.to_string_lossy().into_owned());
    let statement = "sum(i * i for i in range(300))";
    let arguments = [sides[0].as_str(), sides[1].as_str(), statement];
    let answer = one(&compare(&workbench, new, &arguments));
    assert!(
        answer["a"]["python"]
            .as_str()
            .is_some_and(|text| text.starts_with("3.8."))
    );
    assert!(
        answer["b"]["python"]
            .as_str()
            .is_some_and(|text| text.starts_with("3.13."))
    );
    let check = "import os; n = 300 * (1 + 3 * int(os.environ.get('WIDE', 0)))";
    let arguments = [".", "WIDE=1", "-s", check, "sum(range(n))"];
    let answer = one(&compare(&workbench, new, &arguments).expect_code(1));
    assert_eq!(answer["b"]["variant"], "WIDE=1");
}

#[test]
fn commands_are_sides_of_processes() {
    let workbench = Workbench::new();
    let mut command = workbench.command(&["compare", "--json", "WAIT=0", "WAIT=0.05", "--"]);
    command.args(["sh", "-c", "sleep $WAIT"]);
    let answer = one(&Finished::of(&mut command, b"").expect_code(1));
    assert_eq!(
        (&answer["verdict"], &answer["clock"]),
        (&"slower".into(), &"wall_without_delay".into())
    );
}

#[test]
fn wrong_words_are_refused_before_anything_is_measured() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        for arguments in [
            vec!["one"],
            vec!["no", "such"],
            vec!["--a", "1"],
            vec!["--a", "1", "--b", "2", "x"],
            vec!["no-such-side", ".", "1"],
            vec!["--min-effect", "0", "--a", "1", "--b", "2"],
        ] {
            let finished = compare(&workbench, python, &arguments).expect_code(2);
            assert!(finished.stdout.is_empty(), "{finished}");
        }
        let finished = compare(&workbench, python, &["--a", "1", "--b", "1/0"]).expect_code(3);
        assert!(
            finished.stderr_text().contains("ZeroDivisionError"),
            "{finished}"
        );
    });
}

#[test]
fn one_cpu_is_enough_and_a_refused_personality_is_said() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        let ours = workbench.command(&["compare", "--json", "--python"]);
        let words = |command: &mut Command| {
            command
                .arg(ours.get_program())
                .args(ours.get_args())
                .arg(&python.path)
                .args(["--a", "sum(range(500))", "--b", "sum(range(2000))"])
                .current_dir(workbench.path());
            one(&Finished::of(command, b"").expect_code(1))
        };
        let answer = words(Command::new("taskset").args(["-c", "0"]));
        assert_eq!(answer["a"]["runs"][0]["cpu"], 0);
        // What containers do: personality(2) with this flag is an error (135 on x86_64, see
        // seccomp(2) for the instructions).
        let jail = "import ctypes, os, struct, sys\n\
            deny = [(0x20, 0, 0, 0), (0x15, 0, 3, 135), (0x20, 0, 0, 16),\n\
                (0x15, 1, 0, 0xffffffff), (0x45, 1, 0, 0x40000),\n\
                (0x06, 0, 0, 0x7fff0000), (0x06, 0, 0, 0x00050001)]\n\
            code = b''.join(struct.pack('HBBI', *line) for line in deny)\n\
            text = ctypes.create_string_buffer(code)\n\
            class Program(ctypes.Structure):\n\
            \x20   _fields_ = [('n', ctypes.c_ushort), ('code', ctypes.c_void_p)]\n\
            program = Program(len(deny), ctypes.addressof(text))\n\
            prctl = ctypes.CDLL(None, use_errno=True).prctl\n\
            prctl.argtypes = [ctypes.c_int] + 4 * [ctypes.c_ulong]\n\
            assert prctl(38, 1, 0, 0, 0) == 0\n\
            assert prctl(22, 2, ctypes.addressof(program), 0, 0) == 0\n\
            os.execv(sys.argv[1], sys.argv[1:])\n";
        let answer = words(Command::new(&python.path).args(["-c", jail]));
        assert_eq!(answer["a"]["runs"][0]["fixed_addresses"], false, "{answer}");
        assert_eq!(answer["verdict"], "slower");
    });
}

#[test]
fn files_of_other_tools_are_read_and_what_has_no_processes_is_refused() {
    let workbench = Workbench::new();
    let times = |from: f64| {
        (0..12)
            .map(|at| from + f64::from(at) * 1e-4)
            .collect::<Vec<_>>()
    };
    let hyperfine =
        |from| serde_json::json!({"results": [{"command": "x", "times": times(from)}]}).to_string();
    let pytest = |from| {
        serde_json::json!({"machine_info": {}, "benchmarks": [{"name": "x", "fullname": "x",
            "stats": {"data": times(from), "iterations": 1}}]})
        .to_string()
    };
    workbench.write("h1.json", &hyperfine(0.1));
    workbench.write("h2.json", &hyperfine(0.2));
    workbench.write("p1.json", &pytest(0.1));
    workbench.write("p2.json", &pytest(0.2));
    let answer = one(&workbench
        .pitstop(&["compare", "h1.json", "h2.json", "--json"])
        .expect_code(1));
    assert_eq!(answer["verdict"], "slower");
    let finished = workbench.pitstop(&["compare", "p1.json", "p2.json", "--json"]);
    let answer = one(&finished.expect_code(4));
    assert_eq!(answer["refusal"], "one_process");
    let text = workbench
        .pitstop(&["compare", "p1.json", "p2.json"])
        .stdout_text();
    assert!(text.contains("one process"), "{text}");
    workbench.write("bad.json", "{\"x\": 1}");
    let finished = workbench
        .pitstop(&["compare", "bad.json", "h1.json"])
        .expect_code(2);
    assert!(
        finished.stderr_text().contains("not a result"),
        "{finished}"
    );
}

#[test]
fn what_the_plugin_for_pytest_keeps_is_found_by_its_name() {
    let workbench = Workbench::new();
    // As `python/pitstop/pytest_plugin/trials.py` writes it, with a process for each run of pytest.
    let document = |ns: f64| {
        let run = |pair: u32| {
            let wall_ns = ns + f64::from(pair * 7 % 5) * 1e3;
            serde_json::json!({"pair": pair, "hash_seed": 0, "padding_bytes": 0, "cpu": null,
                "fixed_addresses": false,
                "batches": [{"loops": 10, "wall_ns": wall_ns, "warm_up": false}]})
        };
        let runs: Vec<_> = (0..10).map(run).collect();
        serde_json::json!({"schema": "pitstop/bench@1", "benchmarks": [{"name": "t.py::test_x",
            "text": "t.py::test_x", "setup": "", "subject": "function", "python": "3.13.0 python",
            "variant": "", "structure": "processes", "tool": "pitstop", "clock": "wall",
            "runs": runs}]})
        .to_string()
    };
    std::fs::create_dir(workbench.path().join(".pitstop")).expect("a directory");
    workbench.write(".pitstop/base.json", &document(1e6));
    workbench.write(".pitstop/new.json", &document(2e6));
    let finished = workbench.pitstop(&["compare", "base", "new", "--json"]);
    let answer = one(&finished.expect_code(1));
    assert_eq!(answer["verdict"], "slower", "{answer}");
}

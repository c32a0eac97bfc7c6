//! Targets that are broken, huge or strange: we survive, stay small, and tell what is still true.

use pitstop_e2e::{
    Finished, Judgement, Profile, Python, Truth, Workbench, fixture, on_each_python,
    on_oldest_and_newest_python, pythons, start, start_with,
};
use std::collections::BTreeSet;
use std::ffi::OsStr;

const MEMORY_BYTES: u64 = 200 << 20;

fn newest() -> &'static Python {
    pythons().last().expect("there is an interpreter")
}

/// `pitstop run` of a fixture with arguments.
fn run(workbench: &Workbench, python: &Python, name: &str, arguments: &[&str]) -> Finished {
    // What is hostile may be costly, too; here it is to be met often all the same.
    let script = fixture(name);
    let mut all = vec![OsStr::new("--keep-rate"), script.as_os_str()];
    all.extend(arguments.iter().map(OsStr::new));
    let finished = workbench.run(python, &all);
    assert_no_panic(&finished);
    finished
}

#[track_caller]
fn assert_no_panic(finished: &Finished) {
    let said = finished.stderr_text() + &finished.stdout_text();
    assert!(
        !said.contains("panicked") && !said.contains("RUST_BACKTRACE"),
        "{finished}"
    );
    assert_ne!(finished.code(), 101, "{finished}");
}

/// Trusted stacks that the truth judges are possible; returns how many samples there are.
#[track_caller]
fn judge(profile: &Profile, truth: &Truth) -> u64 {
    let rows = profile.rows().iter().filter(|row| row.is_trusted());
    let judged = rows.filter_map(|row| match truth.judge(&profile.program_names(row)) {
        Ok(Judgement::Possible) => Some(row.samples),
        Ok(Judgement::NotJudged) => None,
        Err(reason) => panic!("{} samples: {reason}", row.samples),
    });
    judged.sum()
}

/// What the exports and views make of it must hold as well.
fn look_at_it_in_every_way(workbench: &Workbench) {
    for arguments in [
        &["lines"] as &[&str],
        &["lines", "--json", "--all"],
        &["tree", "--show-library", "--min", "0"],
        &["tree", "--json"],
        &["export", "last", "-", "-f", "collapsed"],
        &["export", "last", "-", "-f", "speedscope"],
        &["export", "last", "-", "-f", "svg"],
        &["export", "last", "-", "-f", "pprof"],
        &["export", "last", "-", "-f", "pstats"],
    ] {
        let finished = workbench.pitstop(arguments);
        assert_no_panic(&finished);
        assert_eq!(
            finished.code(),
            0,
            "{arguments:?}\n{}",
            finished.stderr_text()
        );
    }
}

#[test]
fn a_program_that_breaks_its_own_frames_cannot_hurt_us() {
    let truth = Truth::of("corrupt_frames.py");
    on_each_python(|python| {
        let workbench = Workbench::new();
        let finished = run(&workbench, python, "corrupt_frames.py", &["3"]).expect_code(0);
        assert!(finished.stderr_text().contains("quality"), "{finished}");
        let profile = workbench.last_profile();
        let own_bytes = profile.quality.own_rss_bytes.expect("it is measured");
        assert!(own_bytes < MEMORY_BYTES, "{own_bytes} bytes");
        // The main thread works in plain view, and is seen, and nothing untrue of it.
        let judged = judge(&profile, &truth);
        assert!(judged > 20, "{judged} stacks judged: {:?}", profile.quality);
        look_at_it_in_every_way(&workbench);
    });
}

#[test]
fn a_program_that_breaks_its_own_frames_can_be_dumped() {
    on_each_python(|python| {
        let program = start("corrupt_frames.py", python);
        let workbench = Workbench::new();
        let pid = program.pid().to_string();
        for options in [
            &[] as &[&str],
            &["--locals"],
            &["--locals", "--json"],
            &["--blocking"],
        ] {
            let mut command = workbench.command(&["dump", "-p", &pid]);
            let finished = Finished::of(command.args(options), b"");
            assert_no_panic(&finished);
            let finished = finished.expect_code(0);
            assert!(
                finished.stdout_text().contains("smash"),
                "{options:?}\n{finished}"
            );
            assert!(
                finished.stdout.len() < 4 << 20,
                "{} bytes",
                finished.stdout.len()
            );
        }
        program.finish().expect_code(0);
    });
}

#[test]
fn a_deep_recursion_is_whole_or_said_to_be_cut() {
    let truth = Truth::of("deep_recursion.py");
    on_each_python(|python| {
        let workbench = Workbench::new();
        run(&workbench, python, "deep_recursion.py", &["0.6"]).expect_code(0);
        let profile = workbench.last_profile();
        let whole = judge(&profile, &truth);
        let rows = profile.rows().iter();
        let cut: u64 = rows
            .filter(|row| row.reason.as_deref() == Some("too_deep"))
            .filter(|row| profile.names(row).contains(&"work"))
            .map(|row| row.samples)
            .sum();
        assert!(
            whole + cut > 20,
            "{whole} whole, {cut} cut: {:?}",
            profile.quality
        );
        look_at_it_in_every_way(&workbench);
    });
}

#[test]
fn all_of_271_threads_are_sampled() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        let program = start_with("many_threads.py", python, &["271", "30"]);
        let pid = program.pid().to_string();
        let options = ["record", "-d", "1", "-o", "out.json", "-p", &pid];
        let finished = workbench.pitstop(&options).expect_code(0);
        let bytes = std::fs::read(workbench.path().join("out.json")).expect("it was written");
        let profile = Profile::parse(&bytes);
        assert_eq!(
            profile.threads.len(),
            272,
            "271 and the main thread\n{finished}"
        );
        let seen: BTreeSet<usize> = profile
            .rows()
            .iter()
            .filter(|row| row.is_trusted())
            .filter(|row| {
                let names = profile.names(row);
                ["idle", "busy", "main"]
                    .iter()
                    .any(|name| names.contains(name))
            })
            .map(|row| row.thread)
            .collect();
        assert_eq!(seen.len(), 272, "{:?}\n{finished}", profile.quality);
        let idle = profile.wall_ns(|row| row.state == "lock") as f64;
        let all = profile.wall_ns(|_| true) as f64;
        assert!(idle / all > 0.95, "{} of the time in locks", idle / all);
    });
}

#[test]
fn threads_without_python_frames_are_no_hindrance() {
    let truth = Truth::of("native_thread_no_frames.py");
    on_each_python(|python| {
        let workbench = Workbench::new();
        run(&workbench, python, "native_thread_no_frames.py", &["0.6"]).expect_code(0);
        let profile = workbench.last_profile();
        let judged = judge(&profile, &truth);
        assert!(judged > 20, "{judged} stacks judged: {:?}", profile.quality);
        look_at_it_in_every_way(&workbench);
    });
}

#[test]
fn a_second_interpreter_in_the_process_is_sampled_too() {
    let truth = Truth::of("sub_interpreters.py");
    on_each_python(|python| {
        let workbench = Workbench::new();
        run(&workbench, python, "sub_interpreters.py", &["0.8"]).expect_code(0);
        let profile = workbench.last_profile();
        judge(&profile, &truth);
        for function in ["sub_work", "main"] {
            profile.assert_lasted(function, 100);
        }
    });
}

/// The text that `lines` shows at the hottest line of a function.
fn text_of(workbench: &Workbench, function: &str) -> String {
    let finished = workbench
        .pitstop(&["lines", function, "--json"])
        .expect_code(0);
    let lines: serde_json::Value = serde_json::from_slice(&finished.stdout).expect("JSON");
    let files = lines["files"].as_array().expect("a list");
    let rows = files
        .iter()
        .flat_map(|file| file["rows"].as_array().expect("a list"));
    let costly = rows.filter(|row| !row["cost"].is_null());
    let hottest = costly.max_by_key(|row| row["cost"]["own"]["ns"].as_u64());
    let hottest = hottest.unwrap_or_else(|| panic!("no line of {function}: {lines:#}"));
    hottest["text"]
        .as_str()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

const LOOP: &str = "for _ in range(3000):";

#[test]
fn the_text_of_a_deleted_file_is_known() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        // Run as a copy in place: the text is read before the program removes it.
        let copy = workbench.path().join("deleted_copy.py");
        std::fs::create_dir(workbench.path().join("own")).expect("a directory can be made");
        let copy_in = workbench.path().join("own/deleted_copy.py");
        std::fs::copy(fixture("deleted_file.py"), &copy_in).expect("it can be copied");
        let arguments = [copy_in.as_os_str(), "0.4".as_ref()];
        workbench.run(python, &arguments).expect_code(0);
        assert!(!copy.exists() && !copy_in.exists(), "it removed itself");
        assert!(text_of(&workbench, "work_without_file").starts_with(LOOP));
    });
}

#[test]
fn the_text_of_a_file_that_was_replaced_by_exec_and_deleted_is_known_or_left_out() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::new();
        run(&workbench, python, "deleted_file.py", &["0.4"]).expect_code(0);
        let text = text_of(&workbench, "work_without_file");
        assert!(text.is_empty() || text.starts_with(LOOP), "{text}");
        workbench
            .last_profile()
            .assert_lasted("work_without_file", 150);
    });
}

#[test]
fn the_text_of_a_module_in_a_zip_is_known() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        let zip = workbench.path().join("program.zip");
        let build = [
            fixture("make_zip.py").into_os_string(),
            zip.clone().into_os_string(),
        ];
        Finished::of(&mut workbench.bare(python, &build), b"").expect_code(0);
        let arguments = [zip.as_os_str(), "0.4".as_ref()];
        workbench.run(python, &arguments).expect_code(0);
        let text = text_of(&workbench, "deeper_in_zip");
        assert!(text.starts_with(LOOP), "`{text}`");
    });
}

#[test]
fn the_text_of_code_that_is_in_no_file_is_known() {
    let truth = Truth::of("exec_string.py");
    on_each_python(|python| {
        let workbench = Workbench::new();
        run(&workbench, python, "exec_string.py", &["0.6"]).expect_code(0);
        let profile = workbench.last_profile();
        for (function, file) in &truth.files {
            let found = profile.functions.iter().find(|one| one.name == *function);
            assert_eq!(found.map(|one| &one.path), Some(file), "{function}");
        }
        for (function, line) in &truth.sources {
            assert_eq!(text_of(&workbench, function), line.trim(), "{function}");
        }
        // There is no text of this one, so none is shown, and not that of another file.
        assert_eq!(text_of(&workbench, "string_work"), "");
    });
}

#[test]
fn code_from_the_command_line_has_its_text() {
    const CODE: &str = "
import time
def from_the_command_line(end):
    while time.perf_counter() < end:
        for _ in range(3000): pass
from_the_command_line(time.perf_counter() + 0.2)
";
    on_each_python(|python| {
        let workbench = Workbench::new();
        workbench.run(python, &["-c", CODE]).expect_code(0);
        let text = text_of(&workbench, "from_the_command_line");
        assert!(text.starts_with(LOOP), "`{text}`");
    });
}

#[test]
fn names_of_every_width_are_read() {
    let truth = Truth::of("unicode_names.py");
    on_each_python(|python| {
        let workbench = Workbench::new();
        let script = workbench.path().join("größe 函数 🐍.py");
        std::fs::copy(fixture("unicode_names.py"), &script).expect("it can be copied");
        let arguments = [script.as_os_str(), "0.4".as_ref()];
        workbench.run(python, &arguments).expect_code(0);
        let profile = workbench.last_profile();
        for name in ["größe", "имя_函数", "𠀀𐍈"] {
            profile.assert_lasted(name, 50);
        }
        for row in profile.rows().iter().filter(|row| row.is_trusted()) {
            let names = profile.names_from(row, "🐍.py");
            assert!(truth.judge(&names).is_ok(), "{names:?}");
        }
        look_at_it_in_every_way(&workbench);
    });
}

#[test]
fn qualified_names_are_told_where_the_interpreter_has_them() {
    let truth = Truth::of("qualified_names.py");
    on_each_python(|python| {
        let workbench = Workbench::new();
        run(&workbench, python, "qualified_names.py", &["1"]).expect_code(0);
        let profile = workbench.last_profile();
        let seen: BTreeSet<&str> = profile
            .functions
            .iter()
            .map(|function| function.qualname.as_str())
            .collect();
        if python.minor >= 11 {
            for name in &truth.qualified {
                assert!(seen.contains(name.as_str()), "no {name} in {seen:?}");
            }
        } else {
            assert!(
                seen.contains("turn") && seen.contains("<lambda>"),
                "{seen:?}"
            );
        }
    });
}

#[test]
fn an_event_loop_shows_its_tasks() {
    let truth = Truth::of("asyncio_tasks.py");
    on_each_python(|python| {
        let workbench = Workbench::new();
        run(&workbench, python, "asyncio_tasks.py", &["0.6"]).expect_code(0);
        let profile = workbench.last_profile();
        let judged = judge(&profile, &truth);
        assert!(judged > 10, "{judged}: {:?}", profile.quality);
        // Between the bursts the loop waits in the kernel: for 2 ms at a time, less when it is late.
        let waits = profile.wall_ns(|row| {
            profile
                .wait(row)
                .is_some_and(|wait| wait.syscall.starts_with("epoll_"))
        });
        assert!(waits > 5_000_000, "{waits}");
    });
}

#[test]
fn a_target_cannot_make_our_terminal_do_things() {
    const CODE: &str = r#"
import threading, time
def work(end):
    while time.perf_counter() < end:
        for _ in range(3000): pass
source = "def %s(end):\n work(end)\n"
code = compile("work(end)", "evil\x1b]0;title\x07\x1b[31m\nfile.py", "exec")
def run():
    exec(code, {"work": work, "end": time.perf_counter() + 0.4})
threading.Thread(target=run, name="\x1b[2J\x9b31m\u202eevil").start()
"#;
    let python = newest();
    let workbench = Workbench::new();
    let finished = workbench.run(python, &["-c", CODE]).expect_code(0);
    let mut texts = vec![finished.stderr_text()];
    for arguments in [
        &["lines", "--all"] as &[&str],
        &["tree", "--show-library", "--min", "0"],
    ] {
        texts.push(workbench.pitstop(arguments).expect_code(0).stdout_text());
    }
    for text in texts {
        // Nor turn the direction of the text around.
        let turned = text
            .chars()
            .find(|c| matches!(u32::from(*c), 0x202A..=0x202E));
        assert_eq!(turned, None, "{text:?}");
        assert_eq!(text.chars().find(is_control), None, "{text:?}");
    }
    for format in ["collapsed", "svg"] {
        let options = ["export", "last", "-", "-f", format];
        let text = workbench.pitstop(&options).expect_code(0).stdout_text();
        assert_eq!(text.chars().find(is_control), None, "{text:?}");
    }
}

fn is_control(c: &char) -> bool {
    c.is_control() && *c != '\n'
}

//! Are the numbers true? Programs that know their own truth, and tolerances computed from counts.

/// The name of this module is what the test runner knows them by: nothing runs beside them.
mod accuracy {
    use pitstop_e2e::{
        Judgement, Profile, Python, Truth, Workbench, fixture, on_each_python,
        on_oldest_and_newest_python,
    };
    use std::collections::BTreeMap;

    /// Samples each program must give: at 1 kHz a little more than two seconds.
    const SAMPLES: u64 = 2_000;

    /// Records a program at 1 kHz for these seconds; returns its profile and all it printed.
    fn record(python: &Python, name: &str, arguments: &[&str]) -> (Profile, pitstop_e2e::Finished) {
        let workbench = Workbench::new();
        let mut command = workbench.command(&["run", "--rate", "1khz", "--keep-rate", "--python"]);
        command.arg(&python.path).arg(fixture(name)).args(arguments);
        let finished = pitstop_e2e::Finished::of(&mut command, b"").expect_code(0);
        (workbench.last_profile(), finished)
    }

    /// Every trusted stack is possible; returns how many were judged.
    fn judge(truth: &Truth, profile: &Profile) -> u64 {
        judge_allowing(truth, profile, 0.0)
    }

    /// Judges the stacks of a way to read that does not prove them all. What is called exact must
    /// be possible; of the rest at most `share` may be impossible.
    fn judge_allowing(truth: &Truth, profile: &Profile, share: f64) -> u64 {
        let mut judged = 0;
        let mut wrong = 0;
        let mut impossible = Vec::new();
        for row in profile.rows().iter().filter(|row| row.is_trusted()) {
            match truth.judge(&profile.program_names(row)) {
                Ok(Judgement::Possible) => judged += row.samples,
                Ok(Judgement::NotJudged) => {}
                Err(reason) => {
                    assert_ne!(row.verdict, "exact", "{} x {reason}", row.samples);
                    wrong += row.samples;
                    impossible.push(format!("{} x {reason}", row.samples));
                }
            }
        }
        assert!(
            wrong as f64 <= share * judged as f64,
            "impossible stacks:\n{}",
            impossible.join("\n")
        );
        judged
    }

    /// A stack that is cut is true as far as it goes: its innermost frames follow each other.
    fn judge_partial(truth: &Truth, profile: &Profile) {
        for row in profile.rows().iter().filter(|row| row.verdict == "partial") {
            if let Err(reason) = truth.judge(&profile.program_names(row)) {
                let counted = reason.contains(" times `");
                assert!(
                    counted,
                    "{} samples of a partial stack: {reason}",
                    row.samples
                );
            }
        }
    }

    /// What the document says in several places is the same everywhere.
    fn assert_consistent(profile: &Profile) {
        let by_verdict = |verdict: &str| -> u64 {
            let rows = profile.rows().iter().filter(|row| row.verdict == verdict);
            rows.map(|row| row.samples).sum()
        };
        let by_reason = |verdict: &str| -> BTreeMap<String, u64> {
            let mut counts = BTreeMap::new();
            for row in profile.rows().iter().filter(|row| row.verdict == verdict) {
                let reason = row.reason.clone().expect("it has a reason");
                *counts.entry(reason).or_default() += row.samples;
            }
            counts
        };
        let counted = |counts: &BTreeMap<String, u64>| -> BTreeMap<String, u64> {
            let counts = counts.iter().filter(|(_, count)| **count > 0);
            counts
                .map(|(reason, count)| (reason.clone(), *count))
                .collect()
        };
        let quality = &profile.quality;
        assert_eq!(quality.exact, by_verdict("exact"));
        assert_eq!(quality.validated, by_verdict("validated"));
        assert_eq!(counted(&quality.partial), by_reason("partial"));
        assert_eq!(counted(&quality.failed), by_reason("failed"));
        let samples: u64 = profile.rows().iter().map(|row| row.samples).sum();
        let wall_ns = profile.wall_ns(|_| true);
        assert_eq!((quality.samples, profile.total.samples), (samples, samples));
        assert_eq!(profile.total.wall_ns, wall_ns);
        let of_threads: u64 = profile.threads.iter().map(|thread| thread.wall_ns).sum();
        let of_states: u64 = profile.split.values().map(|total| total.wall_ns).sum();
        assert_eq!((of_threads, of_states), (wall_ns, wall_ns));
        for (state, total) in &profile.split {
            assert_eq!(
                total.wall_ns,
                profile.wall_ns(|row| row.state == *state),
                "{state}"
            );
        }
    }

    #[test]
    fn totals_are_the_same_wherever_they_are_told() {
        on_oldest_and_newest_python(|python| {
            for (name, seconds) in [("alternating_plain.py", "0.5"), ("three_threads.py", "0.5")] {
                assert_consistent(&record(python, name, &[seconds]).0);
            }
        });
    }

    fn no_impossible_stack(name: &str) {
        let truth = Truth::of(name);
        on_each_python(|python| {
            let (profile, finished) = record(python, name, &["2.4"]);
            let judged = judge(&truth, &profile);
            judge_partial(&truth, &profile);
            assert!(
                judged >= SAMPLES,
                "{judged} stacks of {:?}\n{finished}",
                profile.quality
            );
            let (trusted, ready) = (profile.quality.trusted(), profile.quality.ready());
            let enough = trusted as f64 >= 0.99 * ready as f64;
            assert!(
                enough,
                "{trusted} of {ready} trusted: {:?}",
                profile.quality
            );
        });
    }

    #[test]
    fn plain_calls_show_no_stack_that_did_not_exist() {
        no_impossible_stack("alternating_plain.py");
    }

    #[test]
    fn recursions_show_no_stack_that_did_not_exist() {
        no_impossible_stack("alternating_recursive.py");
    }

    #[test]
    fn generators_show_no_stack_that_did_not_exist() {
        no_impossible_stack("alternating_generators.py");
    }

    #[test]
    fn exceptions_show_no_stack_that_did_not_exist() {
        no_impossible_stack("alternating_exceptions.py");
    }

    #[test]
    fn callbacks_show_no_stack_that_did_not_exist() {
        no_impossible_stack("alternating_callbacks.py");
    }

    #[test]
    fn classes_show_no_stack_that_did_not_exist() {
        no_impossible_stack("alternating_classes.py");
    }

    /// The other ways of reading, too, believe no stack that did not exist.
    #[test]
    fn stopping_shows_no_stack_that_did_not_exist_and_reading_twice_next_to_none() {
        on_oldest_and_newest_python(|python| {
            for name in ["alternating_recursive.py", "alternating_generators.py"] {
                for method in [&["--method", "double"] as &[&str], &["--blocking"]] {
                    let workbench = Workbench::new();
                    let mut command = workbench.command(&["run", "-r", "1khz", "--keep-rate"]);
                    command.args(method).arg("--python").arg(&python.path);
                    command.arg(fixture(name)).arg("1.2");
                    pitstop_e2e::Finished::of(&mut command, b"").expect_code(0);
                    let profile = workbench.last_profile();
                    // Two copies can be torn alike where a program alternates in step with the
                    // reading, and these do nothing else.
                    // Nor is there anybody to stop while the GIL is free.
                    let judged = judge_allowing(&Truth::of(name), &profile, 0.05);
                    assert!(judged > 100, "{name} {method:?}: {:?}", profile.quality);
                }
            }
        });
    }

    /// Code that is made, run and dropped leaves its address to other code.
    #[test]
    fn code_at_an_address_where_other_code_was_has_its_own_name() {
        const CODE: &str = r#"
import time
SOURCE = """
def inner_{0}(end, clock):
    while clock() < end:
        for _ in range(50):
            pass
def outer_{0}(end, clock):
    inner_{0}(end, clock)
"""
def generations(clock, finish):
    number = 0
    while clock() < finish:
        number += 1
        scope = {}
        exec(SOURCE.format(number), scope)
        scope["outer_%d" % number](clock() + 0.0015, clock)
generations(time.perf_counter, time.perf_counter() + 1)
"#;
        on_each_python(|python| {
            let workbench = Workbench::new();
            workbench.run(python, &["-c", CODE]).expect_code(0);
            let profile = workbench.last_profile();
            let (mut possible, mut impossible) = (0, Vec::new());
            for row in profile.rows().iter().filter(|row| row.is_trusted()) {
                let names = profile.names(row);
                let at = names.iter().position(|name| *name == "generations");
                let inside = &names[at.map_or(names.len(), |at| at + 1)..];
                let fits = match inside {
                    [] => continue,
                    [outer] => outer.starts_with("outer_") || *outer == "<module>",
                    [outer, inner] => outer
                        .strip_prefix("outer_")
                        .is_some_and(|number| inner.strip_prefix("inner_") == Some(number)),
                    _ => false,
                };
                match fits {
                    true => possible += row.samples,
                    false => impossible.push(format!("{} x {inside:?}", row.samples)),
                }
            }
            let number = impossible.len();
            assert!(
                number == 0,
                "{possible} possible, {number} kinds of impossible stacks, \
                first {}",
                impossible[0]
            );
            assert!(possible > 100, "{:?}", profile.quality);
        });
    }

    /// Four standard errors of a share measured with so many samples, and one point for the ends.
    fn tolerance(share: f64, samples: u64) -> f64 {
        4.0 * (share * (1.0 - share) / samples as f64).sqrt() + 0.01
    }

    #[test]
    fn shares_are_what_the_program_measures_itself() {
        on_each_python(|python| {
            let (profile, finished) = record(python, "known_shares.py", &["2.5"]);
            let own = finished.last_json();
            let names = ["burn_50", "burn_30", "burn_20"];
            let time = |name: &str| {
                let functions = profile
                    .functions
                    .iter()
                    .filter(|function| function.name == name);
                let function = functions.max_by_key(|function| function.total_ns);
                function.expect("the function was seen").clone()
            };
            let all_ns: u64 = names.iter().map(|name| time(name).self_ns).sum();
            let samples: u64 = names.iter().map(|name| time(name).self_samples).sum();
            assert!(samples >= SAMPLES, "{:?}", profile.quality);
            for name in names {
                let truth = own[name]["share"].as_f64().expect("a share");
                let measured = time(name).self_ns as f64 / all_ns as f64;
                let off = (measured - truth).abs();
                let most = tolerance(truth, samples);
                assert!(
                    off <= most,
                    "{name}: {measured:.4} for {truth:.4} +- {most:.4}"
                );
                // In absolute terms too: the time between two samples belongs to somebody.
                let truth_ns = own[name]["wall_s"].as_f64().expect("seconds") * 1e9;
                let off = (time(name).self_ns as f64 - truth_ns).abs() / truth_ns;
                let most = most / truth;
                assert!(
                    off <= most,
                    "{name}: {} ns for {truth_ns} ns",
                    time(name).self_ns
                );
                assert_eq!(time(name).self_ns, time(name).total_ns, "it calls nobody");
            }
            // What calls all three takes all of their time, and little of its own.
            let main = time("main");
            let inclusive = main.total_ns as f64 / all_ns as f64;
            assert!((1.0..1.03).contains(&inclusive), "{inclusive}");
        });
    }

    #[test]
    fn three_threads_keep_their_own_chains() {
        let truth = Truth::of("three_threads.py");
        on_each_python(|python| {
            let (profile, finished) = record(python, "three_threads.py", &["1.5"]);
            judge(&truth, &profile);
            let mut seen = BTreeMap::new();
            for row in profile.rows().iter().filter(|row| row.is_trusted()) {
                let names = profile.program_names(row);
                let root = names.iter().position(|name| truth.roots.contains(*name));
                let Some(root) = root else { continue };
                // Nobody else's functions, and always in the same thread.
                let chain = &names[root][names[root].len() - 1..];
                for name in &names[root..] {
                    let own = name.ends_with(chain) || !name.contains('_') || *name == "limit";
                    assert!(own, "{names:?}\n{finished}");
                }
                let thread = *seen.entry(names[root].to_owned()).or_insert(row.thread);
                assert_eq!(thread, row.thread, "{names:?} in two threads");
            }
            assert_eq!(seen.len(), 3, "{seen:?}");
            let own = finished.last_json();
            for root in ["work_a", "work_b", "work_c"] {
                let truth = own[root].as_f64().expect("seconds");
                let measured = profile.total_ns(root) as f64 / 1e9;
                // The first and the last of its samples are an interval off at most; a thread of
                // three is away from the GIL for two switches of 5 ms, on a busy machine for more.
                let off = (measured - truth).abs();
                assert!(off < 0.05 * truth, "{root}: {measured} s for {truth} s");
            }
        });
    }

    /// Time is neither lost nor invented: a thread's samples stand for as long as it lived.
    #[test]
    fn the_time_of_a_thread_adds_up_to_its_life() {
        const CODE: &str = r"
import threading, time
lives = {}

def worker():
    begin = time.monotonic()
    while time.monotonic() < begin + 1.0:
        for _ in range(2000):
            pass
    lives['worker'] = time.monotonic() - begin

begin = time.monotonic()
thread = threading.Thread(target=worker, name='worker')
thread.start()
time.sleep(1.5)
thread.join()
lives['main'] = time.monotonic() - begin
import json
print(json.dumps(lives))
";
        on_each_python(|python| {
            let workbench = Workbench::new();
            let finished = workbench.run(python, &["-c", CODE]).expect_code(0);
            let lives = finished.last_json();
            let profile = workbench.last_profile();
            for (thread, function) in [("worker", "worker"), ("main", "<module>")] {
                let life = lives[thread].as_f64().expect("seconds") * 1e9;
                let rows = profile.rows().iter();
                let rows = rows.filter(|row| profile.names(row).contains(&function));
                let index = rows.map(|row| row.thread).next().expect("it was seen");
                let mut measured = profile.threads[index].wall_ns as f64;
                if thread == "main" {
                    // It was seen before the clock was started, and after it was stopped; what came
                    // before that is the start-up.
                    let seen = profile.meta.duration_ns - profile.meta.startup_ns;
                    measured -= seen as f64 - life;
                }
                let off = (measured / life - 1.0).abs();
                assert!(
                    off < 0.03,
                    "{thread}: {measured} ns of {life} ns\n{finished}"
                );
            }
            let sleep = profile.wall_ns(|row| row.state == "sleep") as f64;
            assert!(
                (sleep / 1.5e9 - 1.0).abs() < 0.03,
                "slept 1.5 s, measured {sleep} ns"
            );
        });
    }

    #[test]
    fn garbage_collection_takes_the_time_it_takes() {
        on_each_python(|python| {
            let (profile, finished) = record(python, "gc_heavy.py", &["1"]);
            let own = finished.last_json();
            let truth_ns = own["gc_s"].as_f64().expect("seconds") * 1e9;
            let collecting = |row: &pitstop_e2e::Row| {
                // The program's own clock goes on while it has no CPU.
                let states = ["gc", "cpu_wait"];
                states.contains(&row.state.as_str()) && profile.names(row).contains(&"collect")
            };
            let measured = profile.wall_ns(collecting) as f64;
            let samples: u64 = profile
                .rows()
                .iter()
                .filter(|row| collecting(row))
                .map(|row| row.samples)
                .sum();
            assert!(samples > 50, "{:?}", profile.quality);
            let share = truth_ns / (own["all_s"].as_f64().expect("seconds") * 1e9);
            let most = 4.0 * ((1.0 - share) / (share * samples as f64)).sqrt() + 0.05;
            let off = (measured / truth_ns - 1.0).abs();
            assert!(
                off < most,
                "{measured} ns of {truth_ns} ns ({most})\n{finished}"
            );
        });
    }
}

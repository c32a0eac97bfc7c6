//! The headline of a verdict as one or two sentences. They claim what was measured and no more.

use crate::paint::number::{bytes, count, counted, share, time};
use crate::words::{wait_adverb, wait_verb};
use pitstop_analysis::headline::TooFew;
use pitstop_analysis::{Doing, Headline, HotFunction, HotLine, WaitPlace};

/// How many lines a sentence names.
const NAMED: usize = 3;

/// From which part of a line's time on one activity stands for all of it.
const MOST: f64 = 0.6;

/// The headline in words.
pub fn sentence(headline: &Headline) -> String {
    match headline {
        Headline::MostlyStartup {
            share: part,
            startup_ns,
        } => format!(
            "Startup is {} of the run: {} passed before the first Python code ran.",
            share(*part),
            time(*startup_ns)
        ),
        Headline::TooFewSamples {
            samples,
            elapsed_ns,
            why,
        } => too_few(*samples, *elapsed_ns, *why),
        Headline::MemoryBound {
            peak_bytes,
            limit_bytes,
        } => format!(
            "Memory is nearly used up: the peak of {} is {} of the {} available.",
            bytes(*peak_bytes),
            share(*peak_bytes as f64 / *limit_bytes as f64),
            bytes(*limit_bytes)
        ),
        Headline::WaitingDominates {
            share,
            places,
            longest,
            mostly,
        } => waiting(*share, *places, longest, *mostly),
        Headline::GilBoundThreads {
            threads,
            ready_ns,
            waited_ns,
        } => format!(
            "{} threads take turns at the GIL: of {} ready to run Python they waited for it {} \
             ({}). Only one thread of a process runs Python code at a time.",
            count(*threads as u64),
            time(*ready_ns),
            time(*waited_ns),
            share(waited_ns / ready_ns)
        ),
        Headline::OneLineDominates { line } => format!(
            "One line is {} of the run: {} {}.",
            share(line.share),
            line.place.short(),
            does(line)
        ),
        Headline::OneFunctionDominates { function } => one_function(function),
        Headline::ManySmall { lines, share: sum } => many(lines, *sum),
        Headline::NothingStandsOut { hottest } => match hottest {
            Some(line) => format!(
                "Nothing stands out: the costliest line, {}, is {} of the run.",
                line.place.short(),
                share(line.share)
            ),
            None => "Nothing stands out: no line of Python was seen.".to_owned(),
        },
    }
}

fn too_few(samples: u64, elapsed_ns: f64, why: TooFew) -> String {
    let elapsed = time(elapsed_ns);
    let found = match samples {
        0 => format!("No samples in {elapsed}"),
        _ => format!(
            "Too few samples to judge by: {} in {elapsed}",
            count(samples)
        ),
    };
    match why {
        TooFew::NothingSeen => format!("{found}: no Python thread was seen."),
        TooFew::ShortRun => format!("{found}, because the run was short."),
        TooFew::SlowRate => format!("{found}, because they were taken slowly."),
    }
}

fn waiting(part: f64, places: usize, longest: &WaitPlace, mostly: bool) -> String {
    let part = share(part);
    let place = match &longest.place {
        Some(place) => format!("at {}", place.short()),
        None => "outside any Python code".to_owned(),
    };
    let how = wait_adverb(&longest.what);
    match (places, mostly) {
        (1, _) => format!("Waiting is {part} of the run, all of it {place}, {how}."),
        (_, true) => format!("Waiting is {part} of the run, most of it {place}, {how}."),
        (_, false) => format!(
            "Waiting is {part} of the run, at {}; longest {place}, {how} ({}).",
            counted(places as u64, "place"),
            share(longest.share)
        ),
    }
}

fn one_function(function: &HotFunction) -> String {
    let spread = match function.lines {
        1 => "on one line".to_owned(),
        lines => format!("spread over {lines} lines"),
    };
    format!(
        "One function is {} of the run, {spread}: {} in {}.",
        share(function.share),
        function.place.function,
        function.place.short()
    )
}

fn many(lines: &[HotLine], sum: f64) -> String {
    let named: Vec<String> = lines
        .iter()
        .take(NAMED)
        .map(|line| format!("{} ({})", line.place.short(), share(line.share)))
        .collect();
    let list = match named.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => named.concat(),
    };
    let first = if lines.len() > NAMED { "first " } else { "" };
    format!(
        "No single line dominates: {} lines are {} of the run, {first}{list}.",
        lines.len(),
        share(sum)
    )
}

/// What a line does, as a verb: what most of its time went into, or the two largest parts.
fn does(line: &HotLine) -> String {
    let mut parts: Vec<Doing> = Doing::ALL
        .into_iter()
        .filter(|&doing| line.own.part(doing) > 0.1)
        .collect();
    parts.sort_by(|&a, &b| line.own.ns(b).total_cmp(&line.own.ns(a)));
    let Some(&first) = parts.first() else {
        return "costs time".to_owned();
    };
    let verb = match parts.get(1) {
        Some(&second) if line.own.part(first) < MOST => {
            both(&verb(first, line), &verb(second, line))
        }
        _ => verb(first, line),
    };
    match &line.inside {
        Some(inside) if runs(first) => format!("{verb}, most of it in {}", inside.file),
        _ => verb,
    }
}

/// `runs Python code and runs native code` without the second `runs`.
fn both(first: &str, second: &str) -> String {
    match (first.strip_prefix("runs "), second.strip_prefix("runs ")) {
        (Some(first), Some(second)) => {
            let first = first.strip_suffix(" code").unwrap_or(first);
            format!("runs {first} and {second}")
        }
        _ => format!("{first} and {second}"),
    }
}

fn runs(doing: Doing) -> bool {
    matches!(doing, Doing::Python | Doing::Native)
}

fn verb(doing: Doing, line: &HotLine) -> String {
    match doing {
        Doing::Python => "runs Python code".to_owned(),
        Doing::Native => "runs native code".to_owned(),
        Doing::GarbageCollection => "collects garbage".to_owned(),
        Doing::GilWait => "waits for the GIL".to_owned(),
        Doing::Waiting => wait_verb(line.waits_for.as_ref()),
        Doing::CpuWait => "waits for a CPU".to_owned(),
        Doing::Unknown => "does what could not be told".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use pitstop_analysis::Verdict;
    use pitstop_analysis::sketch::Sketch;
    use pitstop_model::Profile;
    use pitstop_model::ThreadState::{Lock, Python, Sleep};

    fn check(profile: &Profile, expect: &str) {
        assert_eq!(sentence(&Verdict::of(profile).headline), expect);
    }

    #[test]
    fn one_line_that_runs_is_said_to_run() {
        check(
            &cases::slow_report(),
            "One line is 46 % of the run: slow_report.py:20 runs Python code.",
        );
        check(
            &cases::recursion(),
            "One line is 56 % of the run: fib.py:4 runs Python code.",
        );
        check(
            &cases::decoder(),
            "One line is 90 % of the run: decode.py:4 runs Python and native code, most of it in \
             json/decoder.py.",
        );
    }

    #[test]
    fn one_line_that_waits_is_said_to_wait() {
        check(
            &cases::server(),
            "One line is 47 % of the run: gunicorn/arbiter.py:202 waits for `epoll_wait`.",
        );
        let mut s = Sketch::new("nap.py");
        let main = s.main();
        s.spend(main, Sleep, 500, "<module> nap.py:3");
        s.spend(main, Python, 250, "<module> nap.py:4");
        s.spend(main, Python, 250, "<module> nap.py:5");
        check(&s.finish(), "One line is 50 % of the run: nap.py:3 sleeps.");
    }

    #[test]
    fn waiting_says_for_what_and_where() {
        check(
            &cases::sleeper(),
            "Waiting is 100 % of the run, all of it at sleep.py:2, asleep.",
        );
        check(
            &cases::fetcher(),
            "Waiting is 82 % of the run, all of it at fetch.py:5, for `recvfrom` on tcp \
             10.0.0.7:443.",
        );
        check(
            &cases::crawler(),
            "Waiting is 72 % of the run, at 8 places; longest at crawl.py:20, for `read` on \
             cache/0.html (9 %).",
        );
        let mut s = Sketch::new("locked.py");
        let main = s.main();
        s.spend(
            main,
            Lock,
            900,
            "<module> locked.py:3; acquire lib/threading.py:9",
        );
        s.spend(main, Sleep, 100, "<module> locked.py:4");
        check(
            &s.finish(),
            "Waiting is 100 % of the run, most of it at locked.py:3, for a lock or thread.",
        );
    }

    #[test]
    fn threads_at_the_gil_are_counted_with_what_they_waited() {
        check(
            &cases::gil_bound(),
            "4 threads take turns at the GIL: of 16.0 s ready to run Python they waited for it \
             12.0 s (75 %). Only one thread of a process runs Python code at a time.",
        );
    }

    #[test]
    fn memory_near_its_limit_comes_first() {
        check(
            &cases::hungry(),
            "Memory is nearly used up: the peak of 7.60 GB is 95 % of the 8.00 GB available.",
        );
    }

    #[test]
    fn many_small_lines_are_listed_and_a_flat_run_is_called_flat() {
        check(
            &cases::many_small(),
            "No single line dominates: 5 lines are 52 % of the run, first app/server.py:40 (15 %), \
             app/steps/number_0.py:30 (10 %) and app/steps/number_1.py:31 (9 %).",
        );
        check(
            &cases::simulation(),
            "One function is 84 % of the run, spread over 12 lines: advance in nbody.py:1.",
        );
        check(
            &cases::flat(),
            "Nothing stands out: the costliest line, flat.py:1, is 1 % of the run.",
        );
    }

    #[test]
    fn processes_side_by_side_are_one_run() {
        check(
            &cases::pool(),
            "One line is 74 % of the run: pool.py:4 runs Python code.",
        );
    }

    #[test]
    fn short_runs_say_why_there_is_no_verdict() {
        check(
            &cases::tiny(),
            "Too few samples to judge by: 20 in 32.0 ms, because the run was short.",
        );
        check(
            &cases::hello(),
            "Startup is 88 % of the run: 150 ms passed before the first Python code ran.",
        );
        let seen_nothing = Sketch::new("x.py").finish_after(3000);
        check(
            &seen_nothing,
            "No samples in 3.00 s: no Python thread was seen.",
        );
    }
}

//! The picture of a verdict: what a user sees after `pitstop run`.

mod findings;
mod split;
mod tables;

use crate::headline::sentence;
use crate::next::{next, shell_words};
use crate::paint::number::{bytes, bytes_roughly, counted, exact_share, plain, share, time};
use crate::paint::{Line, Page, Style, Tint, bar, text};
use crate::words::ending;
use findings::findings;
use pitstop_analysis::verdict::{Quality, Run};
use pitstop_analysis::{Basis, Headline, Verdict};
use split::split_bars;
use tables::{hot_functions, hot_lines, library_functions, threads};

/// What has a smaller share is left out of lists and bars.
const WORTH_SHOWING: f64 = 0.01;
/// From this width on there is room for luxuries.
const WIDE: usize = 76;

/// Renders a verdict.
pub fn render(verdict: &Verdict, style: &Style) -> String {
    let mut page = Page::new(*style);
    header(&mut page, verdict);
    page.blank();
    split_bars(&mut page, &verdict.split);
    page.blank();
    let line = page.line().gap(1);
    page.wrapped(line, Tint::Strong, &sentence(&verdict.headline));
    page.blank();
    if worth_ranking(verdict) {
        hot_lines(&mut page, verdict);
        page.blank();
        hot_functions(&mut page, verdict);
        page.blank();
        library_functions(&mut page, verdict);
        page.blank();
        threads(&mut page, &verdict.threads, verdict.run.processes);
        page.blank();
    }
    findings(&mut page, verdict);
    page.blank();
    resources(&mut page, verdict);
    quality(&mut page, verdict);
    notes(&mut page, verdict);
    page.blank();
    suggestions(&mut page, verdict);
    page.finish()
}

/// Lines are not ranked by a handful of samples.
fn worth_ranking(verdict: &Verdict) -> bool {
    !matches!(verdict.headline, Headline::TooFewSamples { .. })
}

/// `slow_report.py 40000 · 2.43 s · Python 3.15.2 · 4 threads · peak 62.1 MB · exit 0`
fn header(page: &mut Page, verdict: &Verdict) {
    let run = &verdict.run;
    let mut said = vec![time(verdict.split.total_ns())];
    if !run.python.is_empty() {
        said.push(format!("Python {}", run.python));
    }
    if run.processes > 1 {
        said.push(format!("{} processes", run.processes));
    }
    if verdict.threads.len() > 1 {
        said.push(format!("{} threads", verdict.threads.len()));
    }
    if verdict.memory.peak_rss_bytes > 0 {
        said.push(format!(
            "peak {}",
            bytes_roughly(verdict.memory.peak_rss_bytes)
        ));
    }
    said.push(match run.exit {
        Some(exit) => ending(exit),
        None if run.interrupted => "still running".to_owned(),
        // Only its parent is told how a process ended.
        None => "ended".to_owned(),
    });
    if run.interrupted && run.exit.is_some() {
        said.push("interrupted".to_owned());
    }
    facts(page, run, &said);
}

/// What ran, and facts about it, on as few lines as there is room for.
pub(crate) fn facts(page: &mut Page, run: &Run, more: &[String]) {
    let style = page.style();
    let command = match run.attached_to {
        Some(pid) => format!("pid {pid}  {}", run.command.concat()),
        None => shell_words(&run.command),
    };
    let command = text::safe(&command, style);
    let half = (style.width / 2).max(style.width.saturating_sub(66));
    let room = half.max(20).min(style.width.saturating_sub(2));
    let mut facts = vec![text::cut_right(&command, room, style)];
    facts.extend_from_slice(more);
    let mut line = page.line().gap(1);
    for (index, fact) in facts.iter().enumerate() {
        let wide = text::width(&text::safe(fact, style));
        if index > 0 && line.room() < wide + 3 {
            page.push(line);
            line = page.line().gap(1);
        } else if index > 0 {
            line = line.tinted(Tint::Quiet, " · ");
        }
        line = line.put(fact);
    }
    page.push(line);
}

fn resources(page: &mut Page, verdict: &Verdict) {
    let (memory, cpu) = (&verdict.memory, &verdict.cpu);
    let style = page.style();
    if memory.peak_rss_bytes > 0 {
        let curve = memory.curve.iter();
        let points: Vec<(u64, u64)> = curve
            .map(|point| (point.time_ns, point.rss_bytes))
            .collect();
        let cells = style.width.saturating_sub(40).min(30);
        let line = titled(page, "memory").put(&format!(
            "peak {} at {}",
            bytes(memory.peak_rss_bytes),
            time(memory.peak_at_ns as f64)
        ));
        let curve = bar::sparkline(&points, cells, style);
        page.push(if curve.is_empty() {
            line
        } else {
            line.gap(3).put(&curve)
        });
    }
    if cpu.ns > 0 {
        let cpus = match verdict.run.cpus {
            0 => format!("{:.2} CPUs busy", cpu.cores),
            cpus => format!("{:.2} of {cpus} CPUs busy", cpu.cores),
        };
        let hours = plain(cpu.core_hours);
        let said = format!("{} · {cpus} · {hours} core-hours", time(cpu.ns as f64));
        let line = titled(page, "CPU");
        page.wrapped(line, Tint::None, &said);
    }
}

fn quality(page: &mut Page, verdict: &Verdict) {
    if verdict.run.method.is_exact() {
        let said =
            "every call counted and timed, what that took is taken off; see pitstop trace last";
        let line = titled(page, "quality");
        return page.wrapped(line, Tint::Quiet, said);
    }
    let mut said = trust(&verdict.quality);
    said += &format!(
        "; sampler used {} of a core, delayed the program by {}",
        exact_share(verdict.quality.own_cpu_share),
        exact_share(verdict.quality.delay_share)
    );
    if verdict.quality.late_share >= WORTH_SHOWING {
        said += &format!(
            "; {} of ticks late, weighed by time",
            share(verdict.quality.late_share)
        );
    }
    if verdict.split.basis == Basis::Totals {
        said += "; how threads overlapped is estimated";
    }
    let line = titled(page, "quality");
    page.wrapped(line, Tint::Quiet, &said);
}

/// `2,431 samples, 99.97 % exact, 0.03 % partial`
fn trust(quality: &Quality) -> String {
    let verdicts = &quality.verdicts;
    let total = verdicts.total();
    let mut said = counted(total, "sample");
    for (number, what) in [
        (verdicts.exact, "exact"),
        (verdicts.validated, "validated"),
        (verdicts.partial_total(), "partial"),
        (verdicts.failed_total(), "without a stack"),
    ] {
        if number > 0 {
            said += &format!(", {} {what}", exact_share(number as f64 / total as f64));
        }
    }
    said
}

fn notes(page: &mut Page, verdict: &Verdict) {
    for note in &verdict.notes {
        let line = titled(page, "note");
        page.wrapped(line, Tint::None, note);
    }
}

fn suggestions(page: &mut Page, verdict: &Verdict) {
    let suggestions = next(verdict);
    let style = page.style();
    let safe = |command: &str| text::width(&text::safe(command, style));
    let commands = suggestions.iter().map(|next| safe(&next.command));
    let column = TITLE + commands.max().unwrap_or(0) + 3;
    // In line with each other if all fit, else each beside its command where it fits there.
    let aligned = suggestions
        .iter()
        .all(|next| column + safe(&next.purpose) <= style.width);
    for (index, next) in suggestions.iter().enumerate() {
        let line = match index {
            0 => titled(page, "next"),
            _ => page.line().gap(TITLE),
        };
        let line = line.tinted(Tint::Command, &next.command);
        page.push(if aligned {
            line.to(column).put(&next.purpose)
        } else if line.room() >= 3 + safe(&next.purpose) {
            line.gap(3).put(&next.purpose)
        } else {
            line
        });
    }
}

/// Where the text after a quiet title begins.
const TITLE: usize = 10;

fn titled(page: &Page, title: &str) -> Line {
    page.line().gap(1).tinted(Tint::Quiet, title).to(TITLE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;

    fn check(profile: &pitstop_model::Profile, style: Style, expect: &str) {
        let text = render(&Verdict::of(profile), &style);
        assert!(text == expect, "{text}");
    }

    #[test]
    fn a_verdict_at_80_columns() {
        check(
            &cases::slow_report(),
            Style::plain(80),
            r#" slow_report.py 40000 · 2.43 s · Python 3.15.2 · 4 threads · peak 62 MB · exit 0

 Python code  █████████████████████▊                      1.25 s    52 %
 native       ██▉                                         0.17 s     7 %
 GC           ▌                                           0.03 s     1 %
 GIL wait     ████▉                                       0.28 s    12 %
 waiting      █████████▌                                  0.55 s    23 %   sleep
 startup      ██▋                                         0.15 s     6 %

 One line is 46 % of the run: slow_report.py:20 runs Python code.

   time   share         doing      line
 1.12 s    46 %   ± 3   Python     slow_report.py:20   if r["id"] not in seen:
 0.55 s    23 %   ± 2   sleep      slow_report.py:26   time.sleep(0.01)
 0.42 s    17 %   ± 2   GIL wait   slow_report.py:37   total += len(hashlib.sha…
 0.10 s     4 %   ± 1   Python     slow_report.py:12   row["when"] = datetime.d…
 0.05 s     2 %   ± 1   native     slow_report.py:11   row = json.loads(line)
 0.03 s     1 %   ± 1   GC         slow_report.py:13   out.append(row)

    own           total          function
 1.13 s   47 %   1.13 s   47 %   dedupe       slow_report.py:17
 0.55 s   23 %   0.55 s   23 %   fetch_rate   slow_report.py:25
 0.42 s   17 %   0.42 s   17 %   worker       slow_report.py:34
 0.17 s    7 %   0.17 s    7 %   parse        slow_report.py:8

  alive   Python   native   GIL wait   waiting   thread
 2.28 s     54 %      2 %        0 %      43 %   MainThread
 0.42 s      7 %     26 %       67 %       0 %   Thread-1 (worker)
 0.42 s      7 %     26 %       67 %       0 %   Thread-2 (worker)
 0.42 s      7 %     26 %       67 %       0 %   Thread-3 (worker)

 memory   peak 62.0 MB at 1.90 s   ▂▂▃▄▆▇███████████████
 CPU      1.83 s · 0.75 of 2 CPUs busy · <0.01 core-hours
 quality  3,533 samples, 100 % exact; sampler used 0.3 % of a core, delayed the
          program by 0.2 %; how threads overlapped is estimated

 next     pitstop lines dedupe          that function line by line
          pitstop tree                  who calls what, and for how long
          pitstop export last out.svg   a flame graph for the browser
"#,
        );
    }

    #[test]
    fn a_verdict_at_60_columns_of_ascii() {
        check(
            &cases::fetcher(),
            Style::ascii(60),
            r" fetch.py --all | 10.0 s | Python 3.15.2 | exit 0

 Python code  ###                              1.1 s    11 %
 native       ##                               0.7 s     7 %
 waiting      #########################        8.2 s    82 %

 Waiting is 82 % of the run, all of it at fetch.py:5, for
 `recvfrom` on tcp 10.0.0.7:443.

   time  share  doing     line
 10.0 s  100 %  recvfrom  fetch.py:5  return requests.get(..

    own          total         function
 10.0 s  100 %  10.0 s  100 %  fetch     fetch.py:4

 CPU      1.80 s | 0.18 of 2 CPUs busy | <0.01 core-hours
 quality  10,000 samples, 100 % exact; sampler used 0.07 %
          of a core, delayed the program by 0.05 %

 next     pitstop lines
          pitstop tree   who calls what, and for how long
          pitstop export last out.svg
",
        );
    }

    #[test]
    fn a_trace_speaks_neither_of_samples_nor_of_margins() {
        let text = render(&Verdict::of(&cases::traced()), &Style::plain(100));
        assert!(!text.contains('±') && !text.contains("sample"), "{text}");
        assert!(text.contains("every call counted and timed"), "{text}");
        // The call of `len`, which is built in, is charged to the line that made it.
        assert!(text.contains("app.py:2 "), "{text}");
    }

    #[test]
    fn what_was_attached_to_still_runs_or_has_ended() {
        let header = |profile: &pitstop_model::Profile| {
            let text = render(&Verdict::of(profile), &Style::plain(140));
            text.lines().take(2).collect::<Vec<_>>().join(" ")
        };
        let mut server = cases::server();
        assert!(header(&server).contains(" · still running"));
        server.meta.interrupted = false;
        assert!(header(&server).contains(" · ended"));
        assert!(!header(&server).contains("running"));
    }

    #[test]
    fn a_handful_of_samples_is_not_ranked() {
        check(
            &cases::tiny(),
            Style::plain(80),
            r" tiny.py 'a b' · 32.0 ms · Python 3.15.2 · exit 0

 Python code  ██████████████████████████████▋                    20.0 ms    62 %
 startup      ██████████████████▍                                12.0 ms    38 %

 Too few samples to judge by: 20 in 32.0 ms, because the run was short.

 CPU      30.0 ms · 0.94 of 2 CPUs busy · <0.01 core-hours
 quality  20 samples, 100 % exact; sampler used 0.4 % of a core, delayed the
          program by 0.3 %

 next     pitstop run --rate 10khz tiny.py 'a b'   sample 10,000 times a second
          pitstop record -p PID   sample a program that keeps running
",
        );
    }

    #[test]
    fn where_waiting_dominates_lines_that_wait_come_first() {
        // The one line that runs costs more than any that waits.
        let text = render(&Verdict::of(&cases::crawler()), &Style::plain(80));
        let titles = text
            .lines()
            .position(|line| line.contains("doing"))
            .expect("a table");
        let doing: Vec<&str> = text
            .lines()
            .skip(titles + 1)
            .take(6)
            .filter_map(|line| line.split_whitespace().nth(6))
            .collect();
        assert_eq!(
            doing,
            ["read", "read", "read", "read", "read", "Python"],
            "{text}"
        );
    }

    #[test]
    fn colours_repeat_what_words_say() {
        let verdict = Verdict::of(&cases::slow_report());
        let colored = render(&verdict, &Style::colored(80));
        assert!(colored.contains("\u{1b}[34mlock") || colored.contains("\u{1b}[34msleep"));
        let mut plain = colored;
        for code in ["0", "1", "2", "31", "33", "34", "35", "36"] {
            plain = plain.replace(&format!("\u{1b}[{code}m"), "");
        }
        assert_eq!(plain, render(&verdict, &Style::plain(80)));
    }
}

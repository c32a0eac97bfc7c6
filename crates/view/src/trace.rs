//! What is said above the tables of a trace that we made: what ran, how exact it is, what is missing.

use crate::paint::number::{counted, exact_share, time};
use crate::paint::{Line, Page, Style, Tint, text};
use crate::verdict::facts;
use crate::words::ending;
use pitstop_analysis::TraceSummary;

/// Where the text after a quiet title begins.
const TITLE: usize = 10;

/// Renders the head of a trace.
pub fn render(summary: &TraceSummary, style: &Style) -> String {
    let mut page = Page::new(*style);
    header(&mut page, summary);
    page.blank();
    say(&mut page, "calls", Tint::None, &calls(summary));
    say(&mut page, "overhead", Tint::None, &overhead(summary));
    if summary.waited_ns > 0 {
        let said = format!(
            "generators and coroutines were suspended for {}, added up; no time below has it",
            time(summary.waited_ns as f64)
        );
        say(&mut page, "waiting", Tint::None, &said);
    }
    if summary.lost_calls > 0 {
        let said = format!(
            "{} found no room: their time counts for the functions that made them; more with --max-memory",
            counted(summary.lost_calls, "call")
        );
        say(&mut page, "lost", Tint::Strong, &said);
    }
    for note in &summary.notes {
        say(&mut page, "note", Tint::None, note);
    }
    page.blank();
    page.finish()
}

fn header(page: &mut Page, summary: &TraceSummary) {
    let run = &summary.run;
    let mut said = vec![time(run.duration_ns as f64)];
    if !run.python.is_empty() {
        said.push(format!("Python {}", run.python));
    }
    if summary.processes > 1 {
        said.push(format!("{} processes", summary.processes));
    }
    if summary.threads > 1 {
        said.push(format!("{} threads", summary.threads));
    }
    said.extend(run.exit.map(ending));
    if run.interrupted {
        said.push("interrupted".to_owned());
    }
    facts(page, run, &said);
}

/// `1,234 calls of 56 functions, each counted; 78 resumptions of generators and coroutines`
fn calls(summary: &TraceSummary) -> String {
    let mut said = format!(
        "{} of {}, each counted",
        counted(summary.calls, "call"),
        counted(summary.functions as u64, "function")
    );
    if summary.resumptions > 0 {
        let resumptions = counted(summary.resumptions, "resumption");
        said +=
            &format!("; {resumptions} of generators and coroutines, which count as calls below");
    }
    if summary.raised > 0 {
        said += &format!(
            "; {} ended with an exception",
            counted(summary.raised, "call")
        );
    }
    if summary.threads > 1 {
        said += "; threads are added up";
    }
    said
}

fn overhead(summary: &TraceSummary) -> String {
    if summary.correction_ns == 0 {
        return "times are as the clock showed them, with what tracing took".to_owned();
    }
    let mut said = format!(
        "tracing took {}, {} of the time; it is taken off below",
        time(summary.correction_ns as f64),
        exact_share(summary.correction_share())
    );
    if summary.is_much_corrected() {
        said += "; that is so much that times of short functions are estimates";
    }
    said
}

fn say(page: &mut Page, title: &str, tint: Tint, said: &str) {
    let line: Line = page.line().gap(1).tinted(Tint::Quiet, title).to(TITLE);
    page.wrapped(line, tint, &text::safe(said, page.style()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;

    #[test]
    fn the_head_of_a_trace_at_80_columns() {
        let summary = TraceSummary::of(&cases::traced());
        let text = render(&summary, &Style::plain(80));
        assert_eq!(
            text,
            " app.py 40000 · 205 ms · Python 3.15.2 · 2 threads · exit 0

 calls    80,019 calls of 6 functions, each counted; 1,000 resumptions of
          generators and coroutines, which count as calls below; 1 call ended
          with an exception; threads are added up
 overhead tracing took 2.10 ms, 1.0 % of the time; it is taken off below
 waiting  generators and coroutines were suspended for 70.0 ms, added up; no
          time below has it
 lost     12,345 calls found no room: their time counts for the functions that
          made them; more with --max-memory
"
        );
    }
}

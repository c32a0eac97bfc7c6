//! What was watched instead of every call: arguments, statements, event loops.

use crate::paint::number::{count, counted, exact_share, time};
use crate::paint::{Line, Page, Style, Tint, text};
use crate::verdict::facts;
use crate::words::ending;
use pitstop_analysis::Evidence;
use pitstop_analysis::arguments::{ArgumentsOf, Repeated};
use pitstop_analysis::blocking::Loops;
use pitstop_analysis::queries::{Pattern, QueryRow};

/// Where the text after a quiet title begins.
const TITLE: usize = 12;
/// How many statements are shown.
const SHOWN: usize = 20;

/// Renders it.
pub fn render(evidence: &Evidence, style: &Style) -> String {
    let mut page = Page::new(*style);
    let run = &evidence.run;
    let mut said = vec![time(run.duration_ns as f64)];
    if !run.python.is_empty() {
        said.push(format!("Python {}", run.python));
    }
    said.extend(run.exit.map(ending));
    if run.interrupted {
        said.push("interrupted".to_owned());
    }
    facts(&mut page, run, &said);
    for function in &evidence.arguments {
        page.blank();
        arguments(&mut page, function);
    }
    if let Some(queries) = &evidence.queries {
        page.blank();
        statements(&mut page, queries, evidence.commits);
    }
    if let Some(loops) = &evidence.loops {
        page.blank();
        event_loops(&mut page, loops, evidence);
    }
    for note in &evidence.notes {
        page.blank();
        say(&mut page, "note", Tint::None, note);
    }
    page.blank();
    page.finish()
}

fn say(page: &mut Page, title: &str, tint: Tint, said: &str) {
    let line: Line = page.line().gap(1).tinted(Tint::Quiet, title).to(TITLE);
    page.wrapped(line, tint, &text::safe(said, page.style()));
}

fn arguments(page: &mut Page, of: &ArgumentsOf) {
    let counts = &of.counts;
    let name = format!("{} · {}", of.place.function, of.place.short());
    say(page, "function", Tint::Strong, &name);
    if counts.skipped {
        let said = "a generator or coroutine function: its calls only make an object, so they were \
                    not watched";
        return say(page, "skipped", Tint::None, said);
    }
    let about = if counts.estimated { "about " } else { "" };
    let said = format!(
        "{} with {about}{}; a cache would answer {about}{} of them ({})",
        counted(counts.calls, "call"),
        counted(counts.distinct, "different combination") + " of arguments",
        count(counts.hits),
        exact_share(of.hit_share)
    );
    say(page, "calls", Tint::None, &said);
    let said = format!(
        "{} in it, of which {} in repeats: the most that a cache can save",
        time(counts.time_ns as f64),
        time(counts.repeat_ns as f64)
    );
    say(page, "time", Tint::None, &said);
    say(page, "results", Tint::None, &results(of));
    say(page, "arguments", Tint::None, &kinds(of));
    if let Some(size) = of.cache_size {
        let said = format!("a cache of {} gives 95 % of these hits", count(size));
        say(page, "size", Tint::None, &said);
    }
    for (index, repeated) in of.repeated.iter().enumerate() {
        let title = if index == 0 { "most often" } else { "" };
        say(page, title, Tint::None, &combination(of, repeated));
    }
    if of.more > 0 {
        let said = format!("and {} more that came again", count(of.more as u64));
        say(page, "", Tint::Quiet, &said);
    }
}

fn combination(of: &ArgumentsOf, repeated: &Repeated) -> String {
    let arguments = repeated.text.as_deref().unwrap_or("...");
    let name = of.place.function.rsplit('.').next().unwrap_or_default();
    let mut said = format!(
        "{} ({}, {}) {name}({arguments})",
        counted(repeated.calls, "call"),
        exact_share(repeated.share),
        time(repeated.time_ns as f64),
    );
    if repeated.differed > 0 {
        said += &format!("; {} had another result", count(repeated.differed));
    }
    said
}

fn results(of: &ArgumentsOf) -> String {
    let counts = &of.counts;
    let compared = counts.agreed + counts.differed + counts.unknown;
    let mut said = if compared == 0 {
        "no call was repeated, so none could be compared".to_owned()
    } else if counts.differed > 0 {
        format!(
            "not the same for the same arguments: {} of {} compared differed; a cache would change \
             what the program does",
            count(counts.differed),
            count(compared)
        )
    } else if counts.agreed == 0 {
        "new objects each time, which could not be compared".to_owned()
    } else if counts.unknown > 0 {
        format!(
            "the same in {} of {} compared; the others are objects that could not be compared",
            count(counts.agreed),
            count(compared)
        )
    } else {
        format!("the same in all {} that were compared", count(compared))
    };
    if counts.raised > 0 {
        said += &format!(
            "; {} ended with an exception, which a cache does not keep",
            counted(counts.raised, "call")
        );
    }
    said
}

fn kinds(of: &ArgumentsOf) -> String {
    let counts = &of.counts;
    let mut said = Vec::new();
    if counts.unhashable > 0 {
        said.push(format!(
            "cannot be hashed in {} (a list, dict or set): `lru_cache` would raise",
            counted(counts.unhashable, "call")
        ));
    }
    if counts.own_equality > 0 {
        said.push(format!(
            "have an equality of their own in {}, which was not asked: at least so many are repeats",
            counted(counts.own_equality, "call")
        ));
    }
    let plain = counts.by_identity.saturating_sub(counts.own_equality);
    if plain > 0 {
        said.push(format!(
            "are told by their identity in {}",
            counted(plain, "call")
        ));
    }
    if counts.temporary > 0 {
        said.push(format!(
            "are objects made for the call in {}, which never come again",
            counted(counts.temporary, "call")
        ));
    }
    if said.is_empty() {
        return "can be hashed, and are told by their values".to_owned();
    }
    said.join("; ")
}

fn statements(page: &mut Page, rows: &[QueryRow], (commits, commit_ns): (u64, u64)) {
    let runs: u64 = rows.iter().map(|row| row.counts.count).sum();
    let time_ns: u64 = rows.iter().map(|row| row.counts.time_ns).sum();
    let fetched: u64 = rows.iter().map(|row| row.counts.rows).sum();
    if rows.is_empty() {
        let said = "none was seen. Watched are sqlite3, SQLAlchemy, Django, and drivers that keep \
                    to PEP 249";
        return say(page, "queries", Tint::None, said);
    }
    let mut said = format!(
        "{} of {}, {}, {}",
        counted(runs, "run"),
        counted(rows.len() as u64, "statement"),
        time(time_ns as f64),
        counted(fetched, "row")
    );
    if commits > 0 {
        said += &format!(
            "; {}, {}",
            counted(commits, "commit"),
            time(commit_ns as f64)
        );
    }
    say(page, "queries", Tint::None, &said);
    for row in rows {
        for pattern in &row.patterns {
            found(page, row, pattern);
        }
    }
    for row in rows.iter().take(SHOWN) {
        page.blank();
        statement(page, row);
    }
    if rows.len() > SHOWN {
        let said = format!(
            "and {} more: --json has all",
            count((rows.len() - SHOWN) as u64)
        );
        say(page, "", Tint::Quiet, &said);
    }
}

fn at(row: &QueryRow) -> String {
    row.place
        .as_ref()
        .map_or_else(|| "?".to_owned(), pitstop_analysis::Place::short)
}

fn found(page: &mut Page, row: &QueryRow, pattern: &Pattern) {
    let line = at(row);
    let (title, said) = match pattern {
        Pattern::OnePlusMany {
            parent,
            parent_place,
            runs,
        } => (
            "N+1",
            format!(
                "{line} runs a query {} times in a row, after `{parent}`{}: join them, or fetch all \
                 at once with IN",
                count(*runs),
                parent_place
                    .as_ref()
                    .map(|at| format!(" at {at}"))
                    .unwrap_or_default()
            ),
        ),
        Pattern::InLoop { runs } => (
            "in a loop",
            format!(
                "{line} runs a query {} times in a row, with other parameters",
                count(*runs)
            ),
        ),
        Pattern::CommitPerRow { commits } => (
            "commits",
            format!(
                "{line} writes a row for each of {}: write all in one transaction",
                counted(*commits, "commit")
            ),
        ),
        Pattern::Repeated { runs } => (
            "repeated",
            format!(
                "{line} asks again what was asked before, with the same parameters, {} times",
                count(*runs)
            ),
        ),
        Pattern::RowByRow { runs } => (
            "row by row",
            format!(
                "{line} writes {} rows one by one: executemany",
                count(*runs)
            ),
        ),
    };
    say(page, title, Tint::Strong, &said);
}

fn statement(page: &mut Page, row: &QueryRow) {
    let counts = &row.counts;
    let mut said = format!(
        "{}, {}, {}, longest {}",
        counted(counts.count, "run"),
        time(counts.time_ns as f64),
        counted(counts.rows, "row"),
        time(counts.longest_ns as f64)
    );
    if counts.raised > 0 {
        said += &format!("; {} failed", count(counts.raised));
    }
    said += &format!(" · {}", at(row));
    if let Some(place) = &row.place {
        said += &format!(" {}", place.function);
    }
    if let Some(caller) = &row.caller {
        said += &format!(", from {}", caller.short());
    }
    say(page, "statement", Tint::None, &said);
    let cut = text::cut_right(&text::safe(&row.text, page.style()), 300, page.style());
    say(page, "", Tint::None, &cut);
}

fn event_loops(page: &mut Page, loops: &Loops, evidence: &Evidence) {
    let (callbacks, callback_ns) = evidence.callbacks;
    let said = format!(
        "{} in {}; {} took {} or more",
        counted(callbacks, "callback"),
        time(callback_ns as f64),
        count(loops.slow.iter().map(|row| row.counts.count).sum()),
        time(evidence.slow_ns as f64)
    );
    say(page, "event loop", Tint::None, &said);
    for row in &loops.slow {
        let mut said = format!(
            "{} of {}: {} at most, {} in all",
            counted(row.counts.count, "step"),
            row.label,
            time(row.counts.longest_ns as f64),
            time(row.counts.time_ns as f64)
        );
        if row.counts.blocked_ns > 0 {
            said += &format!(
                ", {} of it in blocking calls",
                time(row.counts.blocked_ns as f64)
            );
        }
        if let Some(place) = &row.place {
            said += &format!(" · {}", place.short());
        }
        say(page, "slow", Tint::Strong, &said);
    }
    for row in &loops.blocking {
        let place = row.place.as_ref();
        let said = format!(
            "{} of {}: {} in all, {} at most · {}",
            counted(row.counts.count, "call"),
            row.what,
            time(row.counts.time_ns as f64),
            time(row.counts.longest_ns as f64),
            place.map_or_else(
                || "?".to_owned(),
                |place| format!("{} {}", place.short(), place.function)
            )
        );
        say(page, "blocking", Tint::None, &said);
    }
    let (short, short_ns) = loops.short;
    if short > 0 {
        let said = format!(
            "{} that took {} together",
            counted(short, "other call"),
            time(short_ns as f64)
        );
        say(page, "", Tint::Quiet, &said);
    }
}

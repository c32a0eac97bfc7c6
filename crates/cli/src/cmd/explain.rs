//! `pitstop explain`: a rule in words, and its slow and fast code measured on this interpreter.

use crate::args::ExplainArgs;
use crate::exit::{Failure, Outcome, Status};
use crate::pair::{Measured, measure};
use crate::print::answer;
use crate::say::say;
use crate::style::Choice;
use pitstop_analysis::trials::Verdict;
use pitstop_rules::{RULES, Rule, Selection, find, markdown};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Runs the command.
pub(crate) fn explain(args: &ExplainArgs, style: Choice) -> Outcome {
    let Some(name) = &args.rule else {
        return answer(&if args.json { list_json() } else { list(style) });
    };
    let rule = find(name).ok_or_else(|| unknown(name))?;
    let mut measured = Vec::new();
    if !args.no_measure {
        if !args.json {
            answer(&markdown(rule))?;
        }
        for n in rule.meta().pair.sizes {
            match measure(rule, *n, args.python.as_deref(), args.time)? {
                Some(one) => measured.push((*n, one)),
                None => {
                    let unit = rule.meta().pair.unit;
                    say!("note: {n} {unit}: no pair was finished in {:?}", args.time);
                }
            }
        }
    }
    match (args.json, args.no_measure) {
        (true, _) => answer(&one_json(rule, &measured)),
        (false, true) => answer(&markdown(rule)),
        (false, false) => answer(&table(rule, &measured)),
    }
}

fn unknown(name: &str) -> Failure {
    let near = Selection::new(&[name.to_owned()], &[])
        .err()
        .and_then(|error| error.near);
    let failure = Failure::new(Status::Usage, format!("there is no rule `{name}`"));
    match near {
        Some(near) => failure.cure(format!("did you mean `{near}`? All rules: pitstop explain")),
        None => failure.cure("see all rules: pitstop explain"),
    }
}

/// The interpreter's version.
fn version(measured: &[(u64, Measured)]) -> &str {
    measured.first().map_or("", |(_, one)| &one.python)
}

fn table(rule: &dyn Rule, measured: &[(u64, Measured)]) -> String {
    let version = version(measured);
    let mut out = format!("\n## Measured here: Python {version}\n\n");
    let _ = writeln!(
        out,
        "| {} | slow | better | times as fast | 95 % interval | |\n|--:|--:|--:|--:|---|---|",
        rule.meta().pair.unit
    );
    for (n, one) in measured {
        let interval = one.interval.map_or("not yet known".to_owned(), |it| {
            format!("{} – {}", factor(it.low), factor(it.high))
        });
        let word = match one.verdict {
            Verdict::Faster => "pays",
            Verdict::Slower => "costs",
            Verdict::Equivalent => "no difference",
            Verdict::Inconclusive => "inconclusive",
        };
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {interval} | {word} |",
            n,
            time(one.slow_ns),
            time(one.fast_ns),
            factor(one.factor),
        );
    }
    out
}

fn factor(factor: f64) -> String {
    match factor {
        big if big >= 100.0 => format!("{big:.0}"),
        middle if middle >= 10.0 => format!("{middle:.1}"),
        small => format!("{small:.2}"),
    }
}

fn time(ns: f64) -> String {
    match ns {
        small if small < 1e3 => format!("{small:.0} ns"),
        micro if micro < 1e6 => format!("{:.2} µs", micro / 1e3),
        milli if milli < 1e9 => format!("{:.2} ms", milli / 1e6),
        long => format!("{:.2} s", long / 1e9),
    }
}

fn list(style: Choice) -> String {
    let style = style.for_stdout();
    let (bold, reset) = if style.color {
        ("\x1b[1m", "\x1b[0m")
    } else {
        ("", "")
    };
    let slugs = RULES.iter().map(|rule| rule.meta().slug.len());
    let width = slugs.max().unwrap_or(0);
    let mut out = String::new();
    for rule in RULES {
        let meta = rule.meta();
        let _ = writeln!(
            out,
            "{bold}{}{reset}  {:width$}  {}",
            meta.code, meta.slug, meta.title
        );
    }
    out.push_str("\npitstop explain RULE explains one and measures it here.\n");
    out
}

fn fields(rule: &dyn Rule) -> Value {
    let meta = rule.meta();
    let needs: Vec<_> = meta.needs.iter().map(|kind| kind.key()).collect();
    json!({
        "rule": meta.code,
        "slug": meta.slug,
        "title": meta.title,
        "category": meta.category.key(),
        "growth": meta.growth,
        "fix": meta.class.key(),
        "needs": needs,
        "overlaps": meta.overlaps,
        "since": meta.since.map(|minor| format!("3.{minor}")),
    })
}

fn list_json() -> String {
    let rules: Vec<_> = RULES.iter().map(|rule| fields(*rule)).collect();
    format!(
        "{:#}\n",
        json!({"schema": "pitstop/rules@1", "rules": rules})
    )
}

fn one_json(rule: &dyn Rule, measured: &[(u64, Measured)]) -> String {
    let mut value = fields(rule);
    value["schema"] = json!("pitstop/rule@1");
    value["manual"] = json!(markdown(rule));
    value["python"] = json!(version(measured));
    let each = measured.iter().map(|(n, one)| {
        json!({
            "n": n,
            "slow_ns": one.slow_ns,
            "fast_ns": one.fast_ns,
            "factor": one.factor,
            "interval": one.interval.map(|it| json!({"low": it.low, "high": it.high})),
        })
    });
    value["measured"] = json!(each.collect::<Vec<_>>());
    format!("{value:#}\n")
}

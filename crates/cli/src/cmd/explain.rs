//! `pitstop explain`: a rule in words, and its slow and fast code measured on this interpreter.

use crate::args::ExplainArgs;
use crate::contender::here;
use crate::exit::{Failure, Outcome, Status};
use crate::print::answer;
use crate::say::say;
use crate::style::Choice;
use crate::trial::{Follower, explain as explain_error};
use pitstop_analysis::trials::{Question, Verdict, compare_pairs};
use pitstop_bench::{Contender, Options, Work};
use pitstop_rules::{RULES, Rule, Selection, find, markdown};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};

/// What a size gave.
struct Measured {
    n: u64,
    slow_ns: f64,
    fast_ns: f64,
    factor: f64,
    interval: Option<(f64, f64)>,
    verdict: Verdict,
}

/// Runs the command.
pub(crate) fn explain(args: &ExplainArgs, style: Choice) -> Outcome {
    let Some(name) = &args.rule else {
        return answer(&if args.json { list_json() } else { list(style) });
    };
    let rule = find(name).ok_or_else(|| unknown(name))?;
    let mut version = String::new();
    let mut measured = Vec::new();
    if !args.no_measure {
        if !args.json {
            answer(&markdown(rule))?;
        }
        for n in rule.meta().pair.sizes {
            if let Some(one) = measure(rule, *n, args, &mut version)? {
                measured.push(one);
            }
        }
    }
    match (args.json, args.no_measure) {
        (true, _) => answer(&one_json(rule, &measured, &version)),
        (false, true) => answer(&markdown(rule)),
        (false, false) => answer(&table(rule, &measured, &version)),
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

/// Slow against fast, in matched pairs of processes; `None` if it was stopped.
fn measure(
    rule: &dyn Rule,
    n: u64,
    args: &ExplainArgs,
    version: &mut String,
) -> Result<Option<Measured>, Failure> {
    let pair = rule.meta().pair;
    let setup = format!("{}\n\ndata = setup({n})\n", pair.text);
    let mut sides = Vec::new();
    for name in ["slow", "fast"] {
        let work = Work::Statement {
            setup: setup.clone(),
            text: format!("{name}(data)"),
        };
        let side = here(args.python.as_deref(), &work)?;
        sides.push(Contender {
            name: name.into(),
            work,
            side,
        });
    }
    let options = Options {
        seed: RandomState::new().hash_one(0),
        budget: args.time,
        budget_is_strict: true,
        // Where both are the same to this much, nobody needs to know more.
        least: 0.03,
        ..Options::default()
    };
    let question = Question {
        least: options.least,
        alpha: options.alpha,
        ..Question::default()
    };
    let mut follower = Follower::new()?;
    let outcome = pitstop_bench::compare([&sides[0], &sides[1]], &options, &mut follower);
    drop(follower);
    let outcome = outcome.map_err(|error| explain_error(&error))?;
    if let Some(error) = &outcome.failure {
        return Err(explain_error(error));
    }
    let Some(comparison) = compare_pairs(&outcome.trials, [0, 1], question) else {
        say!(
            "note: {n} {}: no pair was finished in {:?}",
            pair.unit,
            args.time
        );
        return Ok(None);
    };
    let [slow, fast] = &comparison.sides;
    version.clone_from(&slow.benchmark.python);
    Ok(Some(Measured {
        n,
        slow_ns: slow.time.median,
        fast_ns: fast.time.median,
        factor: 1.0 / comparison.ratio,
        interval: comparison.interval.map(|it| (1.0 / it.high, 1.0 / it.low)),
        verdict: comparison.verdict,
    }))
}

fn table(rule: &dyn Rule, measured: &[Measured], version: &str) -> String {
    let mut out = format!("\n## Measured here: Python {version}\n\n");
    let _ = writeln!(
        out,
        "| {} | slow | better | times as fast | 95 % interval | |\n|--:|--:|--:|--:|---|---|",
        rule.meta().pair.unit
    );
    for one in measured {
        let interval = one
            .interval
            .map_or("not yet known".to_owned(), |(low, high)| {
                format!("{} – {}", factor(low), factor(high))
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
            one.n,
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

fn one_json(rule: &dyn Rule, measured: &[Measured], version: &str) -> String {
    let mut value = fields(rule);
    value["schema"] = json!("pitstop/rule@1");
    value["manual"] = json!(markdown(rule));
    value["python"] = json!(version);
    let each = measured.iter().map(|one| {
        json!({
            "n": one.n,
            "slow_ns": one.slow_ns,
            "fast_ns": one.fast_ns,
            "factor": one.factor,
            "interval": one.interval.map(|(low, high)| json!({"low": low, "high": high})),
        })
    });
    value["measured"] = json!(each.collect::<Vec<_>>());
    format!("{value:#}\n")
}

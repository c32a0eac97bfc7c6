//! `pitstop/evidence@1`.

use super::document;
use pitstop_analysis::arguments::{ArgumentsOf, Repeated};
use pitstop_analysis::blocking::Loops;
use pitstop_analysis::queries::{Pattern, QueryRow};
use pitstop_analysis::{Evidence, Place};
use serde_json::{Value, json};

/// Arguments, statements and event loops. `queries` and `event_loops` are null where they were not
/// watched.
pub fn evidence(evidence: &Evidence) -> String {
    let functions: Vec<Value> = evidence.arguments.iter().map(function).collect();
    let queries = evidence.queries.as_ref().map(|rows| {
        json!({
            "commits": evidence.commits.0,
            "commit_ns": evidence.commits.1,
            "statements": rows.iter().map(statement).collect::<Vec<_>>(),
        })
    });
    let loops = evidence
        .loops
        .as_ref()
        .map(|loops| event_loops(loops, evidence));
    document(&json!({
        "schema": "pitstop/evidence@1",
        "functions": functions,
        "queries": queries,
        "event_loops": loops,
        "notes": evidence.notes,
    }))
}

fn place(place: Option<&Place>) -> Value {
    place.map_or(
        Value::Null,
        |place| json!({"path": place.path, "line": place.line, "function": place.function}),
    )
}

fn function(of: &ArgumentsOf) -> Value {
    let counts = &of.counts;
    let repeated = |entry: &Repeated| {
        json!({
            "arguments": entry.text,
            "calls": entry.calls,
            "time_ns": entry.time_ns,
            "repeat_ns": entry.repeat_ns,
            "differed": entry.differed,
        })
    };
    json!({
        "place": place(Some(&of.place)),
        "skipped": counts.skipped,
        "calls": counts.calls,
        "raised": counts.raised,
        "distinct": counts.distinct,
        "hits": counts.hits,
        "hit_share": of.hit_share,
        "estimated": counts.estimated,
        "time_ns": counts.time_ns,
        "repeat_ns": counts.repeat_ns,
        "cache_size": of.cache_size,
        "by_identity": counts.by_identity,
        "own_equality": counts.own_equality,
        "unhashable": counts.unhashable,
        "temporary": counts.temporary,
        "results": {
            "agreed": counts.agreed, "differed": counts.differed, "unknown": counts.unknown,
        },
        "repeated": of.repeated.iter().map(repeated).collect::<Vec<_>>(),
    })
}

fn statement(row: &QueryRow) -> Value {
    let counts = &row.counts;
    let pattern = |pattern: &Pattern| match pattern {
        Pattern::OnePlusMany {
            parent,
            parent_place,
            runs,
        } => json!({"kind": "n_plus_one", "parent": parent, "parent_place": parent_place,
            "runs": runs}),
        Pattern::InLoop { runs } => json!({"kind": "in_loop", "runs": runs}),
        Pattern::CommitPerRow { commits } => json!({"kind": "commit_per_row", "runs": commits}),
        Pattern::Repeated { runs } => json!({"kind": "repeated", "runs": runs}),
        Pattern::RowByRow { runs } => json!({"kind": "row_by_row", "runs": runs}),
    };
    json!({
        "statement": row.text,
        "driver": row.driver,
        "place": place(row.place.as_ref()),
        "caller": place(row.caller.as_ref()),
        "many": counts.many,
        "count": counts.count,
        "time_ns": counts.time_ns,
        "longest_ns": counts.longest_ns,
        "rows": counts.rows,
        "raised": counts.raised,
        "repeated": counts.repeated,
        "lone_commits": counts.lone_commits,
        "patterns": row.patterns.iter().map(pattern).collect::<Vec<_>>(),
    })
}

fn event_loops(loops: &Loops, evidence: &Evidence) -> Value {
    let blocking: Vec<Value> = loops
        .blocking
        .iter()
        .map(|row| {
            json!({"what": row.what, "place": place(row.place.as_ref()),
                "count": row.counts.count, "time_ns": row.counts.time_ns,
                "longest_ns": row.counts.longest_ns})
        })
        .collect();
    let slow: Vec<Value> = loops
        .slow
        .iter()
        .map(|row| {
            json!({"label": row.label, "place": place(row.place.as_ref()),
                "count": row.counts.count, "time_ns": row.counts.time_ns,
                "longest_ns": row.counts.longest_ns, "blocked_ns": row.counts.blocked_ns})
        })
        .collect();
    json!({
        "slow_ns": evidence.slow_ns,
        "callbacks": evidence.callbacks.0,
        "callback_ns": evidence.callbacks.1,
        "slow": slow,
        "blocking": blocking,
        "short_calls": loops.short.0,
        "short_ns": loops.short.1,
    })
}

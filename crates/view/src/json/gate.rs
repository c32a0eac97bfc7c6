//! `pitstop/gate@1`.
//!
//! Numbers have the unit that the check's `unit` names: `ns`, `bytes`, or none.

use super::document;
use pitstop_analysis::gate::{Check, Culprit, Gate, Limit, Unit, Waiver, words};
use serde::Serialize;

#[derive(Serialize)]
struct GateJson<'a> {
    schema: &'static str,
    outcome: &'static str,
    summary: String,
    file: &'a str,
    base: Option<BaseJson<'a>>,
    duration_ns: u64,
    stopped: bool,
    notes: &'a [String],
    checks: Vec<CheckJson<'a>>,
}

#[derive(Serialize)]
struct BaseJson<'a> {
    name: &'a str,
    commit: &'a str,
}

#[derive(Serialize)]
struct CheckJson<'a> {
    budget: &'a str,
    check: String,
    work: &'a str,
    outcome: &'static str,
    state: &'static str,
    unit: Option<&'static str>,
    limit: LimitJson<'a>,
    line: u32,
    base: Option<f64>,
    head: Option<f64>,
    ratio: Option<f64>,
    interval: Option<IntervalJson>,
    notes: &'a [String],
    culprits: Vec<CulpritJson<'a>>,
    waiver: Option<WaiverJson<'a>>,
}

/// One of these is there.
#[derive(Default, Serialize)]
struct LimitJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    growth: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modules: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
}

#[derive(Serialize)]
struct IntervalJson {
    low: f64,
    high: f64,
}

#[derive(Serialize)]
struct CulpritJson<'a> {
    name: &'a str,
    file: &'a str,
    line: u32,
    base: u64,
    head: u64,
}

#[derive(Serialize)]
struct WaiverJson<'a> {
    reason: &'a str,
    owner: &'a str,
    expires: String,
    expired: bool,
    passed_its_limit: bool,
}

/// A gate.
pub fn gate(gate: &Gate) -> String {
    document(&GateJson {
        schema: "pitstop/gate@1",
        outcome: gate.outcome().key(),
        summary: words::summary(gate),
        file: &gate.file,
        base: gate
            .base
            .as_ref()
            .map(|(name, commit)| BaseJson { name, commit }),
        duration_ns: gate.duration_ns,
        stopped: gate.stopped,
        notes: &gate.notes,
        checks: gate.checks.iter().map(check).collect(),
    })
}

fn check(check: &Check) -> CheckJson<'_> {
    CheckJson {
        budget: &check.budget,
        check: check.kind.key(),
        work: &check.work,
        outcome: check.outcome().key(),
        state: check.state.key(),
        unit: match check.kind.unit() {
            Unit::Time => Some("ns"),
            Unit::Memory => Some("bytes"),
            Unit::Count | Unit::Class => None,
        },
        limit: limit(&check.limit),
        line: check.line,
        base: check.base,
        head: check.head,
        ratio: check.ratio(),
        interval: check.interval.map(|range| IntervalJson {
            low: range.low,
            high: range.high,
        }),
        notes: &check.notes,
        culprits: check.culprits.iter().map(culprit).collect(),
        waiver: check.waiver.as_ref().map(waiver),
    }
}

fn limit(limit: &Limit) -> LimitJson<'_> {
    let mut json = LimitJson::default();
    match limit {
        Limit::Most(most) => json.max = Some(*most),
        Limit::Growth(share) => json.growth = Some(*share),
        Limit::Modules(names) => json.modules = Some(names),
        Limit::Class(growth) => json.class = Some(growth.text()),
    }
    json
}

fn culprit(culprit: &Culprit) -> CulpritJson<'_> {
    CulpritJson {
        name: &culprit.name,
        file: &culprit.file,
        line: culprit.line,
        base: culprit.base,
        head: culprit.head,
    }
}

fn waiver(waiver: &Waiver) -> WaiverJson<'_> {
    WaiverJson {
        reason: &waiver.reason,
        owner: &waiver.owner,
        expires: waiver.expires.to_string(),
        expired: waiver.is_expired,
        passed_its_limit: waiver.is_passed,
    }
}

//! `pitstop/proof@1`.
//!
//! `verdict` is `accepted`, `equal`, `rejected`, `not_faster`, `inconclusive` or `refused`. A
//! function's `difference` is the first call that differs; `kind` is one of `value`, `float`,
//! `type`, `order`, `identity`, `exception`, `mutation`, `output`, `events`, `laziness`,
//! `consumption`, `cache`, `stale`, `crash`, `missing`; `pass` one of `first`, `again`,
//! `shortened`, `fresh`, `closed`, `together`. `alike` are calls with the arguments of one that was
//! recorded. `factor` is old time over new time.

use super::document;
use pitstop_analysis::proof::{Finding, FunctionProof, Proof, Speed, TestRun};
use serde::Serialize;

#[derive(Serialize)]
pub(super) struct ProofJson<'a> {
    schema: &'static str,
    verdict: &'static str,
    old: &'a str,
    new: &'a str,
    workload: &'a str,
    python: &'a str,
    seed: u64,
    tolerance: f64,
    compared: usize,
    holds_for: &'static str,
    functions: Vec<FunctionJson<'a>>,
    tests: Option<TestsJson<'a>>,
    calls_speed: Option<SpeedJson<'a>>,
    whole_speed: Option<SpeedJson<'a>>,
    least_factor: f64,
    equality_only: bool,
    notes: &'a [String],
}

#[derive(Serialize)]
struct FunctionJson<'a> {
    name: &'a str,
    file: &'a str,
    line: u32,
    why: &'a str,
    calls: u64,
    alike: u64,
    recorded: usize,
    compared: usize,
    left_out: Vec<LeftOutJson<'a>>,
    type_only: &'a [String],
    difference: Option<DifferenceJson<'a>>,
}

#[derive(Serialize)]
struct LeftOutJson<'a> {
    reason: &'a str,
    calls: u64,
}

#[derive(Serialize)]
struct DifferenceJson<'a> {
    kind: &'static str,
    pass: &'static str,
    call: u64,
    calls: usize,
    place: &'a str,
    old: &'a str,
    new: &'a str,
    arguments: Vec<ArgumentJson<'a>>,
    old_outcome: &'a str,
    new_outcome: &'a str,
}

#[derive(Serialize)]
struct ArgumentJson<'a> {
    name: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct TestsJson<'a> {
    command: &'a str,
    equal: bool,
    old: RunJson<'a>,
    new: RunJson<'a>,
}

#[derive(Serialize)]
struct RunJson<'a> {
    status: i32,
    outcomes: &'a std::collections::BTreeMap<String, String>,
}

#[derive(Serialize)]
struct SpeedJson<'a> {
    what: &'a str,
    factor: f64,
    factor_low: Option<f64>,
    factor_high: Option<f64>,
    confidence: f64,
    pairs: usize,
    old_ns: f64,
    new_ns: f64,
}

fn speed(speed: &Speed) -> SpeedJson<'_> {
    SpeedJson {
        what: &speed.what,
        factor: speed.factor,
        factor_low: speed.range.map(|range| range.0),
        factor_high: speed.range.map(|range| range.1),
        confidence: speed.sure,
        pairs: speed.pairs,
        old_ns: speed.times_ns[0],
        new_ns: speed.times_ns[1],
    }
}

fn difference(finding: &Finding) -> DifferenceJson<'_> {
    let arguments = finding.arguments.iter();
    DifferenceJson {
        kind: finding.difference.kind.key(),
        pass: finding.pass.key(),
        call: finding.number,
        calls: finding.calls,
        place: &finding.difference.place,
        old: &finding.difference.old,
        new: &finding.difference.new,
        arguments: arguments
            .map(|(name, value)| ArgumentJson { name, value })
            .collect(),
        old_outcome: &finding.old,
        new_outcome: &finding.new,
    }
}

fn function(function: &FunctionProof) -> FunctionJson<'_> {
    let left_out = function.left_out.iter();
    FunctionJson {
        name: &function.name,
        file: &function.file,
        line: function.line,
        why: &function.why,
        calls: function.calls,
        alike: function.alike,
        recorded: function.recorded,
        compared: function.compared,
        left_out: left_out
            .map(|(reason, calls)| LeftOutJson {
                reason,
                calls: *calls,
            })
            .collect(),
        type_only: &function.opaque,
        difference: function.finding.as_ref().map(difference),
    }
}

fn run(run: &TestRun) -> RunJson<'_> {
    RunJson {
        status: run.status,
        outcomes: &run.outcomes,
    }
}

/// A proof as JSON.
pub fn proof(proof: &Proof) -> String {
    document(&proof_of(proof))
}

/// A proof as a part of a document.
pub(super) fn proof_of(proof: &Proof) -> ProofJson<'_> {
    ProofJson {
        schema: "pitstop/proof@1",
        verdict: proof.verdict().key(),
        old: &proof.versions[0],
        new: &proof.versions[1],
        workload: &proof.workload,
        python: &proof.python,
        seed: proof.seed,
        tolerance: proof.tolerance,
        compared: proof.compared(),
        holds_for: "the compared calls, not inputs that were never recorded",
        functions: proof.functions.iter().map(function).collect(),
        tests: proof.tests.as_ref().map(|tests| TestsJson {
            command: &tests.command,
            equal: tests.are_equal(),
            old: run(&tests.old),
            new: run(&tests.new),
        }),
        calls_speed: proof.calls_speed.as_ref().map(speed),
        whole_speed: proof.whole_speed.as_ref().map(speed),
        least_factor: proof.least,
        equality_only: proof.equality_only,
        notes: &proof.notes,
    }
}

#[cfg(test)]
mod tests {
    use crate::proof::tests::{accepted, rejected};
    use serde_json::Value;

    #[test]
    fn a_proof_has_what_its_picture_shows() {
        let parsed =
            |proof| -> Value { serde_json::from_str(&super::proof(&proof)).expect("it is JSON") };
        let document = parsed(rejected());
        assert_eq!(document["schema"], "pitstop/proof@1");
        assert_eq!(document["verdict"], "rejected");
        let first = &document["functions"][0];
        assert_eq!(first["difference"]["kind"], "cache");
        assert_eq!(first["difference"]["pass"], "fresh");
        assert_eq!(first["left_out"][0]["calls"], 2);
        let document = parsed(accepted());
        assert_eq!(document["verdict"], "accepted");
        assert_eq!(document["whole_speed"]["factor_low"], 1.79);
        assert_eq!(document["tests"], Value::Null);
    }
}

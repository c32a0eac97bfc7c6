//! `pitstop/fix@1`.
//!
//! `outcome` is `kept`, `proved`, `dropped` or `not_tried`; `class` is `safe`, `type-conditional`,
//! `behavioural` or `advice`. `proof` is a document of `pitstop/proof@1`, or null.

use super::document;
use super::proof::{ProofJson, proof_of};
use pitstop_analysis::repair::Repair;
use pitstop_model::Remedy;
use serde::Serialize;

#[derive(Serialize)]
struct RepairsJson<'a> {
    schema: &'static str,
    ignored: usize,
    repairs: Vec<RepairJson<'a>>,
}

#[derive(Serialize)]
struct RepairJson<'a> {
    rule: &'a str,
    slug: &'a str,
    message: &'a str,
    file: &'a str,
    line: u32,
    column: u32,
    function: &'a str,
    verdict: &'static str,
    change: Option<&'a str>,
    advice: Option<&'a str>,
    class: &'static str,
    conditions: &'a [String],
    diff: &'a str,
    outcome: &'static str,
    refusal: Option<&'a str>,
    proof: Option<ProofJson<'a>>,
}

fn repair(repair: &Repair) -> RepairJson<'_> {
    let finding = &repair.finding;
    let (change, advice, class, conditions) = match &finding.remedy {
        Remedy::Edit {
            title,
            class,
            conditions,
            ..
        } => (
            Some(title.as_str()),
            None,
            class.key(),
            conditions.as_slice(),
        ),
        Remedy::ByHand { advice, .. } => (None, Some(advice.as_str()), "advice", &[][..]),
    };
    RepairJson {
        rule: &finding.rule,
        slug: &finding.slug,
        message: &finding.message,
        file: &finding.place.file,
        line: finding.place.start.0,
        column: finding.place.start.1,
        function: &finding.function,
        verdict: finding.judgement.key(),
        change,
        advice,
        class,
        conditions,
        diff: &repair.diff,
        outcome: repair.outcome.key(),
        refusal: repair.refusal.as_deref(),
        proof: repair.proof.as_ref().map(proof_of),
    }
}

/// Repairs as JSON.
pub fn repairs(repairs: &[Repair], ignored: usize) -> String {
    document(&RepairsJson {
        schema: "pitstop/fix@1",
        ignored,
        repairs: repairs.iter().map(repair).collect(),
    })
}

#[cfg(test)]
mod tests {
    use crate::repair::tests::repair;
    use pitstop_analysis::repair::Outcome;
    use serde_json::Value;

    #[test]
    fn repairs_have_their_proofs() {
        let text = super::repairs(&[repair(Outcome::Kept), repair(Outcome::NotTried)], 2);
        let document: Value = serde_json::from_str(&text).expect("it is JSON");
        assert_eq!(document["schema"], "pitstop/fix@1");
        let repairs = &document["repairs"];
        assert_eq!(repairs[0]["outcome"], "kept");
        assert_eq!(repairs[0]["proof"]["verdict"], "accepted");
        assert_eq!(repairs[1]["proof"], Value::Null);
        assert_eq!(repairs[1]["refusal"], "there is no workload");
    }
}

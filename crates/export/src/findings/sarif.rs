//! SARIF 2.1.0, for code scanning.
//!
//! Format: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>. What a comment
//! ignores is a result with a suppression (§3.35); an edit is a fix (§3.55).

use super::{is_confirmed, sentences};
use crate::gate::uri;
use pitstop_model::{Finding, Findings, Judgement, Remedy};
use serde_json::{Value, json};

/// Writes it.
pub fn write(all: &Findings) -> String {
    let rules = all.rules.iter().map(|rule| {
        json!({
            "id": rule.code,
            "name": rule.slug,
            "shortDescription": {"text": rule.title},
            "properties": {"tags": ["performance"]},
        })
    });
    let index = |finding: &Finding| all.rules.iter().position(|rule| rule.code == finding.rule);
    let found = all
        .findings
        .iter()
        .map(|finding| result(finding, index(finding)));
    let ignored = all.ignored.iter().map(|(finding, reason)| {
        let mut value = result(finding, index(finding));
        value["suppressions"] = json!([{"kind": "inSource", "justification": reason}]);
        value
    });
    let notifications = all.problems.iter().map(|(place, message)| {
        json!({
            "level": "warning",
            "message": {"text": message},
            "locations": [{"physicalLocation": {
                "artifactLocation": {"uri": uri(&place.file)},
                "region": {"startLine": place.start.0.max(1)},
            }}],
        })
    });
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "pitstop",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": found.chain(ignored).collect::<Vec<_>>(),
            "invocations": [{
                "executionSuccessful": true,
                "toolExecutionNotifications": notifications.collect::<Vec<_>>(),
            }],
        }],
    });
    format!("{document:#}\n")
}

fn result(finding: &Finding, index: Option<usize>) -> Value {
    let place = &finding.place;
    let location =
        |start: usize, end: usize| json!({"byteOffset": start, "byteLength": end - start});
    let artifact = json!({"uri": uri(&place.file)});
    let mut value = json!({
        "ruleId": finding.rule,
        "level": if is_confirmed(finding) { "error" } else { "note" },
        "message": {"text": sentences(finding)},
        "locations": [{"physicalLocation": {
            "artifactLocation": artifact,
            "region": {
                "startLine": place.start.0,
                "startColumn": place.start.1,
                "endLine": place.end.0,
                "endColumn": place.end.1,
            },
        }}],
        // Lines move when others are added above: the function and the words do not.
        "partialFingerprints": {"pitstopFinding/v1":
            format!("{}:{}:{}", finding.rule, finding.function, finding.message)},
        "properties": {"verdict": finding.judgement.key()},
    });
    if let Some(index) = index {
        value["ruleIndex"] = json!(index);
    }
    if let Judgement::Confirmed { saving_ns, .. } = &finding.judgement {
        value["properties"]["saving_ns"] = json!(saving_ns.middle);
    }
    if let Remedy::Edit { title, edits, .. } = &finding.remedy {
        let replacements = edits.iter().map(|edit| {
            json!({
                "deletedRegion": location(edit.bytes.0, edit.bytes.1),
                "insertedContent": {"text": edit.text},
            })
        });
        value["fixes"] = json!([{
            "description": {"text": title},
            "artifactChanges": [{
                "artifactLocation": artifact,
                "replacements": replacements.collect::<Vec<_>>(),
            }],
        }]);
    }
    value
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    #[test]
    fn results_have_rules_places_and_suppressions() {
        let text = super::write(&crate::findings::cases::all());
        let document: Value = serde_json::from_str(&text).expect("JSON");
        let run = &document["runs"][0];
        let results = run["results"].as_array().expect("a list");
        let levels: Vec<_> = results.iter().map(|one| one["level"].as_str()).collect();
        assert_eq!(levels, ["note", "error", "note"].map(Some));
        assert_eq!(
            results[2]["suppressions"][0]["justification"],
            "five at most"
        );
        let place = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "src/%C3%BC%2C%20x%3Ay.py");
        assert_eq!(place["region"]["startColumn"], 5);
        assert_eq!(
            run["tool"]["driver"]["rules"][0]["id"],
            results[0]["ruleId"]
        );
    }
}

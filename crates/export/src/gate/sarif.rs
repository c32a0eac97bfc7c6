//! SARIF 2.1.0, for code scanning: one rule a budget's check, one result a broken one.
//!
//! Format: <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>. A waived check is a
//! result with a suppression (§3.35).

use super::place;
use pitstop_analysis::gate::{Check, Gate, Outcome, words};
use serde_json::{Value, json};

/// Writes it.
pub fn write(gate: &Gate) -> String {
    let mut rules: Vec<Value> = Vec::new();
    let mut names: Vec<String> = Vec::new();
    let mut results: Vec<Value> = Vec::new();
    for check in &gate.checks {
        let name = check.name();
        let index = names
            .iter()
            .position(|known| *known == name)
            .unwrap_or_else(|| {
                rules.push(json!({
                    "id": name,
                    "shortDescription": {"text": format!("{} keeps to its budget", name)},
                    "properties": {"tags": ["performance"]},
                }));
                names.push(name.clone());
                names.len() - 1
            });
        if check.outcome() != Outcome::Passed {
            results.push(result(check, index, &gate.file));
        }
    }
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "pitstop",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{document:#}\n")
}

fn result(check: &Check, index: usize, file: &str) -> Value {
    let level = match check.outcome() {
        Outcome::Failed | Outcome::Missing => "error",
        Outcome::Open | Outcome::Waived => "warning",
        Outcome::Passed => "none",
    };
    let (file, line) = place(check, file);
    let mut text = vec![words::sentence(check)];
    text.extend(words::details(check));
    let mut result = json!({
        "ruleId": check.name(),
        "ruleIndex": index,
        "level": level,
        "message": {"text": text.join("\n")},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(file)},
            "region": {"startLine": line.max(1)},
        }}],
        // The same check at another line is the same alert.
        "partialFingerprints": {"pitstopCheck/v1": check.name()},
    });
    if let (Outcome::Waived, Some(waiver)) = (check.outcome(), &check.waiver) {
        result["suppressions"] = json!([{
            "kind": "external",
            "status": "accepted",
            "justification": waiver.reason,
        }]);
    }
    result
}

/// A relative path as a URI reference (RFC 3986).
pub(crate) fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod lawful;

#[cfg(test)]
mod tests {
    use serde_json::Value;

    #[test]
    fn documents_are_lawful_by_the_standard() {
        let mut gate = crate::gate::cases::gate();
        let write = |gate: &pitstop_analysis::gate::Gate| -> Value {
            serde_json::from_str(&super::write(gate)).expect("JSON")
        };
        super::lawful::check(&write(&gate));
        gate.checks.clear();
        super::lawful::check(&write(&gate));
    }

    #[test]
    #[should_panic(expected = "`colour` that is not known")]
    fn the_check_of_the_standard_can_fail() {
        let text = super::write(&crate::gate::cases::gate());
        let mut document: Value = serde_json::from_str(&text).expect("JSON");
        document["runs"][0]["results"][0]["message"]["colour"] = "red".into();
        super::lawful::check(&document);
    }

    #[test]
    fn results_name_their_rule_their_place_and_who_looks_away() {
        let text = super::write(&crate::gate::cases::gate());
        let document: Value = serde_json::from_str(&text).expect("JSON");
        let run = &document["runs"][0];
        let results = run["results"].as_array().expect("a list");
        let levels: Vec<_> = results.iter().map(|one| one["level"].as_str()).collect();
        assert_eq!(levels, ["error", "warning", "warning", "error"].map(Some));
        for result in results {
            let index = result["ruleIndex"].as_u64().expect("a number") as usize;
            assert_eq!(
                run["tool"]["driver"]["rules"][index]["id"],
                result["ruleId"]
            );
        }
        let place = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "src/shop.py");
        assert_eq!(place["region"]["startLine"], 7);
        assert_eq!(results[1]["suppressions"][0]["justification"], "known");
        assert_eq!(super::uri("a b/ü.py"), "a%20b/%C3%BC.py");
    }
}

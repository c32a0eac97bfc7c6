//! What SARIF 2.1.0 asks of a document, for the objects that we write: which properties there must
//! be, which there may be, of what type, and with what values. The numbers are the sections of the
//! standard; its schema allows no other properties in any of these objects.

use serde_json::{Map, Value};

/// A value that the standard asks for.
enum Wanted {
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number from this one on.
    Number(i64),
    Object(fn(&Value, &str)),
    List(fn(&Value, &str)),
    /// An object with texts under any names.
    Texts,
    /// Anything: property bags (§3.8).
    Bag,
}

/// A property: its name, whether it must be there, and its value.
type Property = (&'static str, bool, Wanted);

/// Panics if the document is none.
pub(super) fn check(document: &Value) {
    // §3.13
    object(
        document,
        "log",
        &[
            ("$schema", false, Wanted::Text),
            ("version", true, Wanted::Word(&["2.1.0"])),
            ("runs", true, Wanted::List(run)),
        ],
    );
}

// §3.14
fn run(value: &Value, at: &str) {
    object(
        value,
        at,
        &[
            ("tool", true, Wanted::Object(tool)),
            ("results", false, Wanted::List(result)),
            (
                "columnKind",
                false,
                Wanted::Word(&["utf16CodeUnits", "unicodeCodePoints"]),
            ),
        ],
    );
    // §3.27.5 and §3.27.6: where both are given they name the same rule.
    let rules = &value["tool"]["driver"]["rules"];
    for result in value["results"].as_array().into_iter().flatten() {
        let index = result["ruleIndex"].as_u64().unwrap_or(0) as usize;
        assert_eq!(rules[index]["id"], result["ruleId"], "{at}: {result}");
    }
    // §3.19.23: rules are unique.
    let mut ids: Vec<&str> = Vec::new();
    for rule in rules.as_array().into_iter().flatten() {
        let id = rule["id"].as_str().unwrap_or_default();
        assert!(!ids.contains(&id), "{at}: two rules of the name {id}");
        ids.push(id);
    }
}

// §3.18
fn tool(value: &Value, at: &str) {
    object(value, at, &[("driver", true, Wanted::Object(component))]);
}

// §3.19
fn component(value: &Value, at: &str) {
    object(
        value,
        at,
        &[
            ("name", true, Wanted::Text),
            ("semanticVersion", false, Wanted::Text),
            ("rules", false, Wanted::List(descriptor)),
        ],
    );
}

// §3.49
fn descriptor(value: &Value, at: &str) {
    object(
        value,
        at,
        &[
            ("id", true, Wanted::Text),
            ("shortDescription", false, Wanted::Object(message)),
            ("properties", false, Wanted::Bag),
        ],
    );
}

// §3.11 and §3.12: a text, where there is no id.
fn message(value: &Value, at: &str) {
    object(value, at, &[("text", true, Wanted::Text)]);
}

// §3.27
fn result(value: &Value, at: &str) {
    object(
        value,
        at,
        &[
            ("ruleId", false, Wanted::Text),
            ("ruleIndex", false, Wanted::Number(-1)),
            (
                "level",
                false,
                Wanted::Word(&["none", "note", "warning", "error"]),
            ),
            ("message", true, Wanted::Object(message)),
            ("locations", false, Wanted::List(location)),
            ("partialFingerprints", false, Wanted::Texts),
            ("suppressions", false, Wanted::List(suppression)),
        ],
    );
}

// §3.28 and §3.29
fn location(value: &Value, at: &str) {
    object(
        value,
        at,
        &[("physicalLocation", false, Wanted::Object(physical))],
    );
}

fn physical(value: &Value, at: &str) {
    object(
        value,
        at,
        &[
            ("artifactLocation", true, Wanted::Object(artifact)),
            ("region", false, Wanted::Object(region)),
        ],
    );
}

// §3.4
fn artifact(value: &Value, at: &str) {
    object(value, at, &[("uri", true, Wanted::Text)]);
    let uri = value["uri"].as_str().unwrap_or_default();
    let is_lawful = |c: char| c.is_ascii_alphanumeric() || "-._~/%:?#[]@!$&'()*+,;=".contains(c);
    assert!(uri.chars().all(is_lawful), "{at}: {uri}");
}

// §3.30
fn region(value: &Value, at: &str) {
    object(value, at, &[("startLine", true, Wanted::Number(1))]);
}

// §3.35
fn suppression(value: &Value, at: &str) {
    object(
        value,
        at,
        &[
            ("kind", true, Wanted::Word(&["inSource", "external"])),
            (
                "status",
                false,
                Wanted::Word(&["accepted", "underReview", "rejected"]),
            ),
            ("justification", false, Wanted::Text),
        ],
    );
}

fn object(value: &Value, at: &str, properties: &[Property]) {
    let all: &Map<String, Value> = value
        .as_object()
        .unwrap_or_else(|| panic!("{at} is no object: {value}"));
    for name in all.keys() {
        let is_known = properties.iter().any(|(known, ..)| known == name);
        assert!(is_known, "{at} has a property `{name}` that is not known");
    }
    for (name, must_be, wanted) in properties {
        let at = format!("{at}.{name}");
        let Some(value) = all.get(*name) else {
            assert!(!must_be, "{at} is missing");
            continue;
        };
        match wanted {
            Wanted::Text => assert!(value.is_string(), "{at}: {value}"),
            Wanted::Word(words) => {
                let word = value.as_str().unwrap_or_default();
                assert!(words.contains(&word), "{at}: {value}");
            }
            Wanted::Number(least) => {
                let number = value.as_i64();
                assert!(
                    number.is_some_and(|number| number >= *least),
                    "{at}: {value}"
                );
            }
            Wanted::Object(check) => check(value, &at),
            Wanted::List(check) => {
                let list = value.as_array();
                let list = list.unwrap_or_else(|| panic!("{at} is no list: {value}"));
                list.iter().for_each(|value| check(value, &at));
            }
            Wanted::Texts => {
                let all = value.as_object().into_iter().flatten();
                assert!(value.is_object(), "{at}: {value}");
                all.for_each(|(name, value)| assert!(value.is_string(), "{at}.{name}"));
            }
            Wanted::Bag => assert!(value.is_object(), "{at}: {value}"),
        }
    }
}

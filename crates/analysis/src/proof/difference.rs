//! What is different between two calls, in one word and where.

use super::rows::{around, first_difference, place};
use super::{Event, Row, Seen, same_rows};

/// The kind of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Another value.
    Value,
    /// A float with other bits.
    Float,
    /// A value of another type.
    Type,
    /// The same parts in another order.
    Order,
    /// What was one object is two, or the other way round.
    Identity,
    /// An exception instead of a result, a result instead of an exception, or another exception.
    Exception,
    /// The arguments are left in another state.
    Mutation,
    /// Something else on standard output or standard error.
    Output,
    /// Something else, or in another order, happens outside of the process.
    Events,
    /// Work is done before anybody asks for it, or only later; a list instead of a generator.
    Laziness,
    /// Another number of items is taken from an iterator argument.
    Consumption,
    /// An earlier call shows in a later one.
    Cache,
    /// A result that was right before its arguments changed.
    Stale,
    /// The call does not come to an end, or ends its process.
    Crash,
    /// There is no such function any more.
    Missing,
}

impl Kind {
    /// Its name in documents.
    pub fn key(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Float => "float",
            Self::Type => "type",
            Self::Order => "order",
            Self::Identity => "identity",
            Self::Exception => "exception",
            Self::Mutation => "mutation",
            Self::Output => "output",
            Self::Events => "events",
            Self::Laziness => "laziness",
            Self::Consumption => "consumption",
            Self::Cache => "cache",
            Self::Stale => "stale",
            Self::Crash => "crash",
            Self::Missing => "missing",
        }
    }
}

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Of which kind.
    pub kind: Kind,
    /// Where: `result[3].price`, `argument 1`, `standard output`.
    pub place: String,
    /// What is there in the old version.
    pub old: String,
    /// In the new one.
    pub new: String,
}

impl Difference {
    fn new(kind: Kind, place: &str, old: impl Into<String>, new: impl Into<String>) -> Self {
        Self {
            kind,
            place: place.to_owned(),
            old: old.into(),
            new: new.into(),
        }
    }
}

/// What an event that only marks the return of a lazy call says.
const RETURNED: &str = "the call returned";

/// The first difference between what two calls did; `None` if there is none. Floats may differ by a
/// relative tolerance.
pub fn difference(old: &Seen, new: &Seen, tolerance: f64) -> Option<Difference> {
    if new.beyond && !old.beyond {
        return Some(Difference::new(
            Kind::Consumption,
            "the input",
            format!("takes {}", items(&old.taken)),
            "takes more than the old version does",
        ));
    }
    let tried = new
        .events
        .iter()
        .find(|event| event.is_effect && !old.events.iter().any(|known| known == *event));
    if let Some(event) = tried {
        return Some(Difference::new(
            Kind::Events,
            "outside",
            "does not",
            format!("{} {}", event.kind, event.text),
        ));
    }
    if old.raised || new.raised {
        return exceptions(old, new).or_else(|| rest(old, new, tolerance));
    }
    if old.drained.is_some() != new.drained.is_some() {
        let kind = |seen: &Seen| seen.value.first().map_or(String::new(), Row::shown);
        return Some(Difference::new(
            Kind::Laziness,
            "result",
            kind(old),
            kind(new),
        ));
    }
    laziness(old, new)
        .or_else(|| values(&old.value, &new.value, tolerance))
        .or_else(|| values(&old.items, &new.items, tolerance))
        .or_else(|| values(&old.last, &new.last, tolerance))
        .or_else(|| rest(old, new, tolerance))
}

/// What is beside the result.
fn rest(old: &Seen, new: &Seen, tolerance: f64) -> Option<Difference> {
    if let Some(at) = first_difference(&old.arguments, &new.arguments, tolerance) {
        let mut found = describe(&old.arguments, &new.arguments, at);
        if found.kind != Kind::Identity {
            found.kind = Kind::Mutation;
        }
        return Some(found);
    }
    if old.taken != new.taken {
        let text = |seen: &Seen| format!("takes {}", items(&seen.taken));
        return Some(Difference::new(
            Kind::Consumption,
            "the input",
            text(old),
            text(new),
        ));
    }
    events(old, new)
}

/// Work that is done at another moment: before anybody asks for an item, or after.
fn laziness(old: &Seen, new: &Seen) -> Option<Difference> {
    old.drained?;
    if let ([before, ..], [now, ..]) = (old.taken.as_slice(), new.taken.as_slice())
        && old.taken.len() > 1
        && before != now
    {
        let text =
            |taken: &Vec<u64>| format!("takes {} before the first item is asked for", sum(taken));
        return Some(Difference::new(
            Kind::Laziness,
            "the input",
            text(before),
            text(now),
        ));
    }
    let early = |seen: &Seen| {
        let end = seen.events.iter().position(|event| event.kind == RETURNED);
        end.unwrap_or(0)
    };
    let same = without_marks(&old.events).eq(without_marks(&new.events));
    if same && early(old) != early(new) {
        let text =
            |seen: &Seen| format!("{} events before the first item is asked for", early(seen));
        return Some(Difference::new(
            Kind::Laziness,
            "outside",
            text(old),
            text(new),
        ));
    }
    None
}

fn exceptions(old: &Seen, new: &Seen) -> Option<Difference> {
    let end = |seen: &Seen| {
        let word = if seen.raised { "raises " } else { "returns " };
        let text = seen.value.first().map_or(String::new(), |row| {
            if seen.raised {
                format!("{}: {}", row.kind, row.value)
            } else {
                row.shown()
            }
        });
        format!("{word}{text}")
    };
    if old.raised == new.raised && same_rows(&old.value, &new.value, 0.0) {
        return None;
    }
    Some(Difference::new(
        Kind::Exception,
        "the end",
        end(old),
        end(new),
    ))
}

fn values(old: &[Row], new: &[Row], tolerance: f64) -> Option<Difference> {
    let at = first_difference(old, new, tolerance)?;
    Some(describe(old, new, at))
}

/// Tells what differs at a row.
fn describe(old: &[Row], new: &[Row], at: usize) -> Difference {
    let shown = |rows: &[Row]| rows.get(at).map_or("nothing more".to_owned(), Row::shown);
    let (Some(one), Some(other)) = (old.get(at), new.get(at)) else {
        let longer = if old.len() > new.len() { old } else { new };
        return Difference::new(Kind::Value, &place(longer, at), shown(old), shown(new));
    };
    let is_known = |row: &Row| row.kind == "the same object";
    if is_known(one) || is_known(other) {
        return Difference::new(Kind::Identity, &place(old, at), shown(old), shown(new));
    }
    if is_reordered(old, new, at) {
        let above = around(old, at).map_or(String::new(), |row| row.label.clone());
        let text = |row: &Row| {
            if one.label == other.label {
                row.shown()
            } else {
                format!("{} first", row.label)
            }
        };
        let place = place(old, at);
        let place = place.strip_suffix(&one.label).unwrap_or(&above).to_owned();
        return Difference::new(Kind::Order, &place, text(one), text(other));
    }
    let kind = if one.label != other.label {
        Kind::Value
    } else if one.kind != other.kind {
        Kind::Type
    } else if one.kind == "float" {
        Kind::Float
    } else {
        Kind::Value
    };
    let text = |row: &Row| {
        if one.label == other.label {
            row.shown()
        } else {
            format!("{} = {}", row.label, row.shown())
        }
    };
    Difference::new(kind, &place(old, at), text(one), text(other))
}

/// Whether the whole around a row has the same parts in both, in another order.
fn is_reordered(old: &[Row], new: &[Row], at: usize) -> bool {
    if old.len() != new.len() {
        return false;
    }
    let Some(above) = around(old, at) else {
        // Items of an iterator stand side by side.
        return is_permuted(
            old,
            new,
            old.first()
                .is_some_and(|row| row.label.starts_with("item ")),
        );
    };
    let is_numbered = old[at].label.starts_with('[') && above.kind != "dict";
    is_permuted(old, new, is_numbered)
}

fn is_permuted(old: &[Row], new: &[Row], without_labels: bool) -> bool {
    let sorted = |rows: &[Row]| {
        let mut all: Vec<(u32, String, String, String)> = rows
            .iter()
            .map(|row| {
                let label = if without_labels && !row.label.starts_with('.') {
                    String::new()
                } else {
                    row.label.clone()
                };
                (row.depth, label, row.kind.clone(), row.value.clone())
            })
            .collect();
        all.sort();
        all
    };
    sorted(old) == sorted(new)
}

fn without_marks(events: &[Event]) -> impl Iterator<Item = &Event> {
    events.iter().filter(|event| event.kind != RETURNED)
}

fn events(old: &Seen, new: &Seen) -> Option<Difference> {
    if old.events == new.events {
        return None;
    }
    let pairs = old.events.iter().zip(&new.events);
    let at = pairs.take_while(|(one, other)| one == other).count();
    let (one, other) = (old.events.get(at), new.events.get(at));
    let text = |event: Option<&Event>| match event {
        Some(event) if event.kind.starts_with("writes to ") => format!("{:?}", event.text),
        Some(event) => format!("{} {}", event.kind, event.text)
            .trim_end()
            .to_owned(),
        None => "nothing more".into(),
    };
    let is_output =
        |event: Option<&Event>| event.is_none_or(|event| event.kind.starts_with("writes to "));
    if is_output(one) && is_output(other) {
        let stream = one.or(other).map_or("", |event| &event.kind);
        let stream = stream.strip_prefix("writes to ").unwrap_or(stream);
        return Some(Difference::new(
            Kind::Output,
            stream,
            text(one),
            text(other),
        ));
    }
    Some(Difference::new(
        Kind::Events,
        "outside",
        text(one),
        text(other),
    ))
}

fn sum(taken: &[u64]) -> String {
    match taken.iter().sum::<u64>() {
        1 => "1 item".into(),
        many => format!("{many} items"),
    }
}

fn items(taken: &[Vec<u64>]) -> String {
    let steps: Vec<String> = taken.iter().map(|step| sum(step)).collect();
    steps.join(", then ")
}

#[cfg(test)]
mod tests {
    use super::super::rows::made;
    use super::*;

    fn result(rows: &[(u32, &str, &str, &str)]) -> Seen {
        Seen {
            value: made(rows),
            ..Seen::default()
        }
    }

    fn kind(old: &Seen, new: &Seen) -> Option<Kind> {
        difference(old, new, 0.0).map(|found| found.kind)
    }

    #[test]
    fn values_types_orders_and_identities_are_told_apart() {
        let list = |one: (&str, &str), other: (&str, &str)| {
            result(&[
                (0, "result", "list", "2"),
                (1, "[0]", one.0, one.1),
                (1, "[1]", other.0, other.1),
            ])
        };
        let old = list(("int", "1"), ("int", "2"));
        assert_eq!(kind(&old, &old), None);
        assert_eq!(
            kind(&old, &list(("int", "2"), ("int", "1"))),
            Some(Kind::Order)
        );
        assert_eq!(
            kind(&old, &list(("bool", "True"), ("int", "2"))),
            Some(Kind::Type)
        );
        assert_eq!(
            kind(&old, &list(("int", "1"), ("int", "3"))),
            Some(Kind::Value)
        );
        let same = result(&[(0, "result", "the same object", "argument 1")]);
        assert_eq!(kind(&old, &same), Some(Kind::Identity));
        let dict = |first: &str, second: &str| {
            result(&[
                (0, "result", "dict", "2"),
                (1, first, "int", "1"),
                (1, second, "int", "1"),
            ])
        };
        let found = difference(&dict("['a']", "['b']"), &dict("['b']", "['a']"), 0.0);
        let found = found.expect("the order differs");
        assert_eq!((found.kind, found.place.as_str()), (Kind::Order, "result"));
        assert_eq!(found.new, "['b'] first");
    }

    #[test]
    fn dictionaries_that_swap_values_are_not_merely_reordered() {
        let dict = |first: &str, second: &str| {
            result(&[
                (0, "result", "dict", "2"),
                (1, "['a']", "int", first),
                (1, "['b']", "int", second),
            ])
        };
        assert_eq!(kind(&dict("1", "2"), &dict("2", "1")), Some(Kind::Value));
    }

    #[test]
    fn ends_come_first_and_effects_before_them() {
        let old = result(&[(0, "result", "int", "1")]);
        let raised = Seen {
            raised: true,
            value: made(&[(0, "exception", "KeyError", "'x'")]),
            ..Seen::default()
        };
        assert_eq!(kind(&old, &raised), Some(Kind::Exception));
        let writes = Seen {
            events: vec![Event {
                kind: "opens for writing".into(),
                text: "x".into(),
                is_effect: true,
            }],
            ..raised.clone()
        };
        assert_eq!(kind(&old, &writes), Some(Kind::Events));
        let more = Seen {
            beyond: true,
            ..raised
        };
        assert_eq!(kind(&old, &more), Some(Kind::Consumption));
    }

    #[test]
    fn work_before_the_first_item_is_laziness_lost() {
        let lazy = |before: u64| Seen {
            drained: Some(true),
            taken: vec![vec![before], vec![5], vec![5]],
            ..result(&[(0, "result", "generator", "")])
        };
        assert_eq!(kind(&lazy(0), &lazy(5)), Some(Kind::Laziness));
        let list = result(&[(0, "result", "list", "0")]);
        assert_eq!(kind(&lazy(0), &list), Some(Kind::Laziness));
    }

    #[test]
    fn output_and_other_events_are_told_apart() {
        let wrote = |text: &str| Seen {
            events: vec![Event {
                kind: "writes to standard output".into(),
                text: text.into(),
                is_effect: false,
            }],
            ..Seen::default()
        };
        let found = difference(&wrote("a"), &wrote("b"), 0.0).expect("it differs");
        assert_eq!(
            (found.kind, found.place.as_str()),
            (Kind::Output, "standard output")
        );
        assert_eq!(kind(&wrote("a"), &Seen::default()), Some(Kind::Output));
        let read = Seen {
            events: vec![Event {
                kind: "reads".into(),
                text: "a".into(),
                is_effect: false,
            }],
            ..Seen::default()
        };
        assert_eq!(kind(&wrote("a"), &read), Some(Kind::Events));
    }
}

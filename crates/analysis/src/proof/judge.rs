//! Which calls can be compared, and the first that differs.

use super::{Difference, Finding, Kind, Pass, Seen, difference, same_rows};
use std::collections::BTreeMap;

/// What became of a call that was to be repeated.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It was repeated.
    Played(Box<Played>),
    /// It broke off: why.
    Broken(String),
    /// The function was not found: why.
    Missing(String),
    /// It was not tried: why.
    Skipped(String),
}

/// A call that was repeated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Played {
    /// The arguments as people read them, by name.
    pub shown: Vec<(String, String)>,
    /// What it does, in words.
    pub outcome: String,
    /// It changes its arguments.
    pub mutates: bool,
    /// How long the first turn took, in nanoseconds.
    pub took_ns: u64,
    /// What was seen in each turn.
    pub passes: BTreeMap<Pass, Seen>,
}

/// Everything that is known of one recorded call.
#[derive(Clone, Debug, PartialEq)]
pub struct Replays {
    /// Which call of its function it was.
    pub number: u64,
    /// What was seen in the recorded run; `None` of a result that is an iterator.
    pub recorded: Recorded,
    /// The old version, under two hash seeds.
    pub old: [Answer; 2],
    /// The new one, under the same two.
    pub new: [Answer; 2],
    /// What the old version uses that gives something else each time.
    pub uses: Vec<String>,
    /// Calls may do what others could notice.
    pub effects: bool,
}

/// What the recorded run itself saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// It raised an exception.
    pub raised: bool,
    /// The arguments after the call.
    pub arguments: Vec<super::Row>,
    /// The result or exception, if it is no iterator.
    pub value: Option<Vec<super::Row>>,
}

/// The judgement of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Judged {
    /// The new version does the same.
    Equal,
    /// It does not.
    Different(Box<Finding>),
    /// It cannot be compared: why.
    LeftOut(String),
}

/// Both replays of the old version, or why they are nothing to compare with.
fn usable(call: &Replays) -> Result<[&Played; 2], String> {
    let mut played = Vec::new();
    for answer in &call.old {
        match answer {
            Answer::Played(known) => played.push(known.as_ref()),
            Answer::Broken(why) => return Err(format!("the old version, called again, {why}")),
            Answer::Missing(why) => {
                return Err(format!("the old version is not found again: {why}"));
            }
            Answer::Skipped(why) => return Err(why.clone()),
        }
    }
    let [one, other] = played.as_slice() else {
        return Err("the old version was not called again".into());
    };
    let Some(first) = one.passes.get(&Pass::First) else {
        return Err("the old version was not called again".into());
    };
    if let Some(event) = first.events.iter().find(|event| event.is_effect)
        && !call.effects
    {
        return Err(format!(
            "it changes something outside ({}); --effects repeats such calls",
            event.kind
        ));
    }
    if first.beyond {
        return Err("it takes more of its input than in the recorded run".into());
    }
    let recorded = &call.recorded;
    let repeats = recorded.raised == first.raised
        && same_rows(&recorded.arguments, &first.arguments, 0.0)
        && recorded
            .value
            .as_ref()
            .is_none_or(|value| same_rows(value, &first.value, 0.0));
    if !repeats {
        return Err(if call.uses.is_empty() {
            "it gives something else when it is called again: it depends on more than its arguments"
                .into()
        } else {
            format!(
                "it gives something else when it is called again: it uses {}",
                call.uses.join(", ")
            )
        });
    }
    let second = other.passes.get(&Pass::First);
    if second.is_none_or(|second| difference(first, second, 0.0).is_some()) {
        return Err("it depends on the order of sets (PYTHONHASHSEED)".into());
    }
    Ok([one, other])
}

/// Why a call cannot be compared, as far as the old version alone tells; `None` if it can.
pub fn left_out(call: &Replays) -> Option<String> {
    usable(call).err()
}

/// Judges a call.
pub fn judge(call: &Replays, tolerance: f64) -> Judged {
    let old = match usable(call) {
        Ok(old) => old,
        Err(why) => return Judged::LeftOut(why),
    };
    let found = |pass: Pass, new: String, difference: Difference| {
        Judged::Different(Box::new(Finding {
            number: call.number,
            pass,
            arguments: old[0].shown.clone(),
            old: old[0].outcome.clone(),
            new,
            difference,
            calls: 1,
        }))
    };
    let gone = |kind: Kind, why: &str| Difference {
        kind,
        place: "the call".into(),
        old: "can be called".into(),
        new: why.to_owned(),
    };
    let mut new = Vec::new();
    for answer in &call.new {
        match answer {
            Answer::Played(known) => new.push(known.as_ref()),
            Answer::Broken(why) => {
                return found(Pass::First, why.clone(), gone(Kind::Crash, why));
            }
            Answer::Missing(why) => {
                return found(Pass::First, why.clone(), gone(Kind::Missing, why));
            }
            Answer::Skipped(why) => return Judged::LeftOut(why.clone()),
        }
    }
    for pass in Pass::ALL {
        // Both seeds decide: what the old version itself does in two ways is no law for the new one.
        if !is_steady(pass, &call.old) {
            continue;
        }
        for (old, new) in old.iter().zip(&new) {
            if let Some(known) = in_pass(pass, [&old.passes, &new.passes], tolerance) {
                return found(pass, new.outcome.clone(), known);
            }
        }
    }
    Judged::Equal
}

/// Whether the old version did the same in this turn under both hash seeds.
fn is_steady(pass: Pass, old: &[Answer; 2]) -> bool {
    let of = |answer: &Answer| match answer {
        Answer::Played(known) => known.passes.get(&pass).cloned(),
        _ => None,
    };
    match (of(&old[0]), of(&old[1])) {
        (Some(one), Some(other)) => difference(&one, &other, 0.0).is_none(),
        _ => false,
    }
}

/// The difference in one turn.
fn in_pass(
    pass: Pass,
    [old, new]: [&BTreeMap<Pass, Seen>; 2],
    tolerance: f64,
) -> Option<Difference> {
    let (before, now) = (old.get(&pass)?, new.get(&pass)?);
    match pass {
        Pass::First | Pass::Closed => difference(before, now, tolerance),
        // Shorter arguments were never recorded: all that counts is whether the result is the one
        // of the arguments as they were.
        Pass::Shortened => {
            let (old_first, new_first) = (old.get(&Pass::First)?, new.get(&Pass::First)?);
            let alike = |one: &Seen, other: &Seen| {
                one.raised == other.raised && same_rows(&one.value, &other.value, 0.0)
            };
            let is_stale = !alike(before, old_first) && alike(now, new_first);
            if !is_stale {
                return None;
            }
            let mut found = difference(before, now, tolerance)?;
            found.kind = Kind::Stale;
            Some(found)
        }
        Pass::Again | Pass::Fresh | Pass::Together => {
            let mut found = difference(before, now, tolerance)?;
            found.kind = Kind::Cache;
            Some(found)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Event;
    use super::super::rows::made;
    use super::*;

    fn seen(value: &str) -> Seen {
        Seen {
            value: made(&[(0, "result", "int", value)]),
            ..Seen::default()
        }
    }

    fn played(passes: &[(Pass, &str)]) -> Answer {
        Answer::Played(Box::new(Played {
            passes: passes
                .iter()
                .map(|(pass, value)| (*pass, seen(value)))
                .collect(),
            ..Played::default()
        }))
    }

    fn call(old: Answer, new: Answer) -> Replays {
        Replays {
            number: 1,
            recorded: Recorded {
                value: Some(made(&[(0, "result", "int", "1")])),
                ..Recorded::default()
            },
            old: [old.clone(), old],
            new: [new.clone(), new],
            uses: Vec::new(),
            effects: false,
        }
    }

    fn kind(judged: &Judged) -> Option<(Pass, Kind)> {
        match judged {
            Judged::Different(known) => Some((known.pass, known.difference.kind)),
            _ => None,
        }
    }

    #[test]
    fn a_later_turn_that_differs_is_a_cache() {
        let old = played(&[(Pass::First, "1"), (Pass::Fresh, "1")]);
        assert_eq!(judge(&call(old.clone(), old.clone()), 0.0), Judged::Equal);
        let new = played(&[(Pass::First, "1"), (Pass::Fresh, "2")]);
        let judged = judge(&call(old, new), 0.0);
        assert_eq!(kind(&judged), Some((Pass::Fresh, Kind::Cache)));
    }

    #[test]
    fn shortened_arguments_count_only_if_the_result_stays_as_it_was() {
        let old = played(&[(Pass::First, "1"), (Pass::Shortened, "2")]);
        let other = played(&[(Pass::First, "1"), (Pass::Shortened, "3")]);
        assert_eq!(judge(&call(old.clone(), other), 0.0), Judged::Equal);
        let stale = played(&[(Pass::First, "1"), (Pass::Shortened, "1")]);
        let judged = judge(&call(old, stale), 0.0);
        assert_eq!(kind(&judged), Some((Pass::Shortened, Kind::Stale)));
    }

    #[test]
    fn what_does_not_repeat_is_left_out_with_its_reason() {
        let once = played(&[(Pass::First, "1")]);
        let mut other = call(played(&[(Pass::First, "7")]), once.clone());
        other.uses = vec!["the clock".into()];
        assert!(matches!(judge(&other, 0.0), Judged::LeftOut(why) if why.contains("the clock")));
        let mut unsteady = call(once.clone(), once.clone());
        unsteady.old[1] = played(&[(Pass::First, "2")]);
        assert!(
            matches!(judge(&unsteady, 0.0), Judged::LeftOut(why) if why.contains("PYTHONHASHSEED"))
        );
        let mut writes = call(once.clone(), once);
        if let Answer::Played(known) = &mut writes.old[0]
            && let Some(first) = known.passes.get_mut(&Pass::First)
        {
            first.events.push(Event {
                kind: "opens for writing".into(),
                text: "x".into(),
                is_effect: true,
            });
        }
        assert!(matches!(judge(&writes, 0.0), Judged::LeftOut(why) if why.contains("--effects")));
    }

    #[test]
    fn a_new_version_that_breaks_is_different() {
        let old = played(&[(Pass::First, "1")]);
        let judged = judge(&call(old, Answer::Broken("did not end".into())), 0.0);
        assert_eq!(kind(&judged), Some((Pass::First, Kind::Crash)));
    }
}

//! The laws of what was watched instead of measured: arguments, queries, event loops.

use crate::id::{FrameId, FunctionId, Id, StringId};
use crate::profile::{BrokenLaw, Profile};

/// Checks them.
pub(crate) fn check(profile: &Profile) -> Result<(), BrokenLaw> {
    let broken = |table, index, law| Err(BrokenLaw { table, index, law });
    let text = |id: StringId| id.index() < profile.strings.len();
    let frame =
        |id: Option<FrameId>| id.is_none_or(|id| id.index() < profile.places.frames().len());
    let function = |id: FunctionId| id.index() < profile.places.functions().len();
    let arguments = &profile.arguments;
    let watched = arguments.functions.len();
    for (i, entry) in arguments.functions.iter().enumerate() {
        if !function(entry.function) {
            return broken("arguments", i, "names a function that is not there");
        }
        if entry.hits > entry.calls || entry.raised > entry.calls {
            return broken("arguments", i, "has more hits or exceptions than calls");
        }
        if entry.repeat_ns > entry.time_ns {
            return broken("arguments", i, "repeats for longer than it ran");
        }
    }
    for (i, entry) in arguments.repeated.iter().enumerate() {
        if entry.function as usize >= watched || !entry.text.is_none_or(text) {
            return broken(
                "repeated",
                i,
                "names a watched function or text that is not there",
            );
        }
    }
    for (i, entry) in arguments.reuse.iter().enumerate() {
        if entry.function as usize >= watched {
            return broken("reuse", i, "names a watched function that is not there");
        }
    }
    let queries = &profile.queries.queries;
    for (i, entry) in queries.iter().enumerate() {
        if !text(entry.text) || !text(entry.driver) {
            return broken("queries", i, "names a text that is not there");
        }
        if !frame(entry.place) || !frame(entry.caller) {
            return broken("queries", i, "names a frame that is not there");
        }
        if entry
            .parent
            .is_some_and(|parent| parent as usize >= queries.len())
        {
            return broken("queries", i, "names a query that is not there");
        }
    }
    for (i, entry) in profile.loops.blocking.iter().enumerate() {
        if !text(entry.what) || !frame(entry.place) {
            return broken("blocking", i, "names a text or frame that is not there");
        }
    }
    for (i, entry) in profile.loops.slow.iter().enumerate() {
        if !text(entry.label) || !entry.function.is_none_or(function) {
            return broken("slow", i, "names a text or function that is not there");
        }
    }
    sums(profile)
}

/// All counts and times of a table together fit 64 bits.
fn sums(profile: &Profile) -> Result<(), BrokenLaw> {
    let law = "adds up with those before it to more than 64 bits";
    let within = |table, all: &mut dyn Iterator<Item = Vec<u64>>| {
        let mut sum = 0_u64;
        for (index, numbers) in all.enumerate() {
            for number in numbers {
                sum = sum
                    .checked_add(number)
                    .ok_or(BrokenLaw { table, index, law })?;
            }
        }
        Ok(())
    };
    let arguments = &profile.arguments;
    let mut all = arguments.functions.iter().map(|f| {
        vec![
            f.calls, f.distinct, f.time_ns, f.agreed, f.differed, f.unknown,
        ]
    });
    within("arguments", &mut all)?;
    let mut all = arguments
        .repeated
        .iter()
        .map(|r| vec![r.calls, r.time_ns, r.repeat_ns]);
    within("repeated", &mut all)?;
    let mut all = arguments.reuse.iter().map(|r| vec![r.calls]);
    within("reuse", &mut all)?;
    let mut all = profile.queries.queries.iter().map(|q| {
        vec![
            q.count,
            q.time_ns,
            q.rows,
            q.raised,
            q.repeated,
            q.lone_commits,
            q.longest_ns,
        ]
    });
    within("queries", &mut all)?;
    let mut all = profile
        .loops
        .blocking
        .iter()
        .map(|b| vec![b.count, b.time_ns, b.longest_ns]);
    within("blocking", &mut all)?;
    let mut all = profile
        .loops
        .slow
        .iter()
        .map(|s| vec![s.count, s.time_ns, s.blocked_ns]);
    within("slow", &mut all)
}

#[cfg(test)]
mod tests {
    use crate::{BlockingCall, Id, Profile, Reuse, StringId};

    #[test]
    fn a_broken_law_of_evidence_is_named() {
        let law = |break_it: fn(&mut Profile)| {
            let mut profile = Profile::default();
            break_it(&mut profile);
            profile.check().expect_err("a law is broken").to_string()
        };
        let said = law(|profile| profile.arguments.reuse.push(Reuse::default()));
        assert_eq!(said, "reuse[0]: names a watched function that is not there");
        let said = law(|profile| {
            let call = BlockingCall {
                what: StringId::from_index(0),
                place: None,
                count: u64::MAX,
                time_ns: 1,
                longest_ns: 0,
            };
            profile.loops.blocking.push(call);
        });
        assert_eq!(
            said,
            "blocking[0]: adds up with those before it to more than 64 bits"
        );
    }
}

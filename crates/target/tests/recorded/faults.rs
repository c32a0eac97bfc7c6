//! One read fails, whichever it is: what comes back is a true part, and says why it is no more.

use crate::portrait::{self, Portrait};
use crate::recordings::{self, Recording};
use pitstop_cpython::{Code, ReadError, WalkEnd, interpreters, is_finalizing, threads};
use pitstop_target::recorded::{FailingAt, RecordedMemory};

/// Why a read fails, and how a walk then ends.
const REASONS: [(ReadError, WalkEnd); 4] = [
    (ReadError::Unmapped(0x1000), WalkEnd::Unreadable),
    (ReadError::Denied, WalkEnd::Unreadable),
    (ReadError::Gone, WalkEnd::Gone),
    (ReadError::Budget, WalkEnd::Budget),
];

/// More reads than any single question takes.
const MANY: u64 = 1000;

/// Asks with the first read failing, then the second, and so on until none is left to fail.
/// `check` judges each answer; `None` is the reason for the one without a fault.
fn with_each_fault<T>(
    memory: &RecordedMemory,
    ask: impl Fn(&FailingAt<&RecordedMemory>) -> T,
    check: impl Fn(T, Option<(ReadError, WalkEnd)>),
) {
    for reason in REASONS {
        let mut nth = 0;
        loop {
            assert!(nth < MANY, "this question never ends");
            let failing = FailingAt::new(memory, nth, reason.0);
            let answer = ask(&failing);
            if !failing.has_failed() {
                check(answer, None);
                break;
            }
            check(answer, Some(reason));
            nth += 1;
        }
        assert!(nth > 0, "a question that reads nothing");
    }
}

fn each() -> impl Iterator<Item = (&'static Recording, Portrait)> {
    recordings::all().iter().map(|recording| {
        let portrait = portrait::take(&recording.memory, &recording.layout, recording.runtime);
        (recording, portrait.expect("it was recorded whole"))
    })
}

#[test]
fn a_walk_is_cut_where_a_read_fails() {
    for (recording, portrait) in each() {
        let layout = &recording.layout;
        for thread in &portrait.threads {
            let whole = &thread.stack;
            let prefix = portrait::prefix(&recording.memory, layout, thread.state.address)
                .expect("it was recorded whole");
            with_each_fault(
                &recording.memory,
                |memory| portrait::stack(memory, layout, &prefix),
                |stack, reason| match reason {
                    None => assert_eq!(stack, *whole),
                    Some((_, end)) => {
                        assert_eq!(stack.end, end, "3.{}", recording.minor);
                        assert!(whole.frames.starts_with(&stack.frames));
                        assert!(stack.frames.len() < whole.frames.len());
                    }
                },
            );
        }
    }
}

#[test]
fn a_list_of_threads_is_cut_where_a_read_fails() {
    for (recording, portrait) in each() {
        let whole: Vec<_> = portrait.threads.iter().map(|thread| thread.state).collect();
        let interpreter = portrait.interpreters[0].address;
        with_each_fault(
            &recording.memory,
            |memory| threads(memory, &recording.layout, interpreter),
            |found, reason| match (found, reason) {
                (Ok(found), None) => assert_eq!(found, whole),
                (Ok(found), Some(_)) => {
                    assert!(whole.starts_with(&found) && found.len() < whole.len());
                }
                (Err(error), reason) => assert_eq!(Some(error), reason.map(|reason| reason.0)),
            },
        );
    }
}

#[test]
fn the_list_of_interpreters_is_whole_or_an_error() {
    for (recording, portrait) in each() {
        with_each_fault(
            &recording.memory,
            |memory| interpreters(memory, &recording.layout, recording.runtime),
            |found, reason| match reason {
                None => assert_eq!(found.as_ref(), Ok(&portrait.interpreters)),
                Some((error, _)) => assert_eq!(found, Err(error)),
            },
        );
        with_each_fault(
            &recording.memory,
            |memory| is_finalizing(memory, &recording.layout, recording.runtime),
            |answer, reason| assert_eq!(answer, reason.map_or(Ok(false), |(error, _)| Err(error))),
        );
    }
}

#[test]
fn a_code_object_is_whole_or_an_error() {
    for (recording, portrait) in each() {
        for thread in &portrait.threads {
            for (frame, place) in thread.stack.frames.iter().zip(&thread.places) {
                with_each_fault(
                    &recording.memory,
                    |memory| Code::read(memory, &recording.layout, frame.code),
                    |code, reason| match (code, reason) {
                        // Without its qualified name it goes by its name.
                        (Ok(mut code), Some(_)) => {
                            assert_eq!(code.qualname, code.name);
                            code.qualname.clone_from(&place.code.qualname);
                            assert_eq!(code, place.code);
                        }
                        (Ok(code), None) => assert_eq!(code, place.code),
                        (Err(error), reason) => {
                            assert_eq!(Some(error), reason.map(|reason| reason.0));
                        }
                    },
                );
            }
        }
    }
}

#[test]
fn a_portrait_with_a_fault_is_no_other_portrait() {
    for (recording, whole) in each() {
        with_each_fault(
            &recording.memory,
            |memory| portrait::take(memory, &recording.layout, recording.runtime),
            |portrait, reason| match (portrait, reason) {
                (Ok(portrait), None) => assert_eq!(portrait, whole),
                (Ok(portrait), Some(_)) => {
                    assert!(whole.fits || !portrait.fits);
                    assert!(
                        portrait
                            .fitting
                            .iter()
                            .all(|minor| whole.fitting.contains(minor))
                    );
                    assert_eq!(portrait.interpreters, whole.interpreters);
                    assert_eq!(portrait.gil, whole.gil);
                    let pairs = portrait.threads.iter().zip(&whole.threads);
                    for (thread, whole) in pairs {
                        assert_eq!(thread.state, whole.state);
                        assert!(whole.stack.frames.starts_with(&thread.stack.frames));
                    }
                }
                (Err(error), reason) => assert_eq!(Some(error), reason.map(|reason| reason.0)),
            },
        );
    }
}

//! Which instructions call, which never do, and where an instruction begins.
//!
//! Two questions are answered from the opcode at a frame's instruction pointer. A *leaf* frame
//! that stands at a call is inside C code (or about to push a frame): its time is native. And a
//! *parent* must stand at an instruction that can run Python code; one that stands at a
//! `LOAD_FAST` was read torn. For the second, [`OpcodeSets::never_calls`] is deliberately small:
//! practically every instruction reaches Python code through `__del__`, signal handlers or slots,
//! and a wrong verdict would throw a true sample away.
//!
//! Two things can make a member a caller all the same. Up to 3.11 a trace function set with
//! `sys.settrace` is called from any instruction, so the verdict is worth nothing while the
//! thread is traced (3.12 replaces the instruction, and the replaced ones are no members). And up
//! to 3.11 `LOAD_FAST` of an unbound local raises, which allocates, which may collect garbage.

use crate::opcode_sets;

/// The instructions of one minor version, sorted by whether they call.
#[derive(Debug, PartialEq, Eq)]
pub struct OpcodeSets {
    pub(crate) calls: [u64; 4],
    pub(crate) unsettled: [u64; 4],
    pub(crate) never_calls: [u64; 4],
    pub(crate) opaque: [u64; 4],
    pub(crate) cache_entries: [u8; 256],
}

/// What we know of a version we do not know: nothing calls and nothing never calls.
static UNKNOWN: OpcodeSets = OpcodeSets {
    calls: [0; 4],
    unsettled: [0; 4],
    never_calls: [0; 4],
    opaque: [u64::MAX; 4],
    cache_entries: [0; 256],
};

/// The sets of CPython 3.`minor`; for an unknown version sets from which nothing follows.
#[must_use]
pub fn for_version(minor: u8) -> &'static OpcodeSets {
    opcode_sets::known(minor).unwrap_or(&UNKNOWN)
}

impl OpcodeSets {
    /// True at an instruction whose work is a call of C code, as far as the instruction tells: the
    /// CALL family with its specialised and instrumented forms, intrinsics, `IMPORT_NAME`. Not the
    /// specialised forms that push a Python frame.
    #[must_use]
    pub fn calls(&self, opcode: u8) -> bool {
        contains(&self.calls, opcode)
    }

    /// True at a call that will be replaced by a specialised form once it has run a few times (3.11
    /// and later): whether it calls C code is better asked again.
    #[must_use]
    pub fn is_unsettled(&self, opcode: u8) -> bool {
        contains(&self.unsettled, opcode)
    }

    /// True at an instruction during which no Python code can run, so that its frame cannot be
    /// the parent of another.
    #[must_use]
    pub fn never_calls(&self, opcode: u8) -> bool {
        contains(&self.never_calls, opcode)
    }

    /// True for an instruction that stands in place of another one (instrumentation, compiled
    /// traces): neither what it does nor how long it is can be told from the bytecode.
    #[must_use]
    pub fn is_opaque(&self, opcode: u8) -> bool {
        contains(&self.opaque, opcode)
    }

    /// How many 2-byte units of inline cache follow an instruction (3.11 and later).
    #[must_use]
    pub fn cache_entries(&self, opcode: u8) -> usize {
        usize::from(self.cache_entries[usize::from(opcode)])
    }

    /// The unit at which the instruction begins that owns `unit`, an index of 2-byte units into
    /// `bytecode`; `None` outside the bytecode, or where an opaque instruction stands before it.
    ///
    /// On 3.11 and 3.12 a frame that called points at the *last cache entry* of its call, whose
    /// bytes are data and no opcode (`Python/ceval.c`: `JUMPBY(INLINE_CACHE_ENTRIES_CALL);
    /// frame->prev_instr = next_instr - 1;`). Only a walk from the beginning tells them apart.
    /// From 3.13 on `instr_ptr` stays at the instruction and this is not needed.
    #[must_use]
    pub fn instruction_start(&self, bytecode: &[u8], unit: usize) -> Option<usize> {
        if unit >= bytecode.len() / 2 {
            return None;
        }
        let mut start = 0;
        loop {
            let opcode = *bytecode.get(2 * start)?;
            if self.is_opaque(opcode) && start < unit {
                return None;
            }
            let next = start + 1 + self.cache_entries(opcode);
            if next > unit {
                return Some(start);
            }
            start = next;
        }
    }
}

fn contains(set: &[u64; 4], opcode: u8) -> bool {
    set[usize::from(opcode / 64)] >> (opcode % 64) & 1 == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_instruction_both_calls_and_never_does() {
        for minor in 8..=15 {
            let sets = for_version(minor);
            for opcode in 0..=255 {
                assert!(
                    !(sets.calls(opcode) && sets.never_calls(opcode)),
                    "3.{minor}: {opcode}"
                );
                assert!(!(sets.is_opaque(opcode) && sets.never_calls(opcode)));
            }
            assert!((0..=255).any(|opcode| sets.calls(opcode)));
            assert!((0..=255).any(|opcode| sets.never_calls(opcode)));
        }
    }

    #[test]
    fn nothing_follows_for_an_unknown_version() {
        let sets = for_version(16);
        assert!((0..=255).all(|opcode| !sets.calls(opcode) && !sets.never_calls(opcode)));
        assert_eq!(sets.instruction_start(&[0; 8], 2), None);
    }

    #[test]
    fn well_known_numbers_are_in_their_sets() {
        // CALL_FUNCTION and LOAD_FAST of 3.8, CALL and LOAD_FAST of 3.11: `Include/opcode.h`.
        assert!(for_version(8).calls(131) && for_version(8).never_calls(124));
        assert!(for_version(11).calls(171) && for_version(11).never_calls(124));
        // POP_TOP runs `__del__`.
        assert!(!for_version(8).never_calls(1) && !for_version(11).never_calls(1));
    }

    #[test]
    fn a_cache_entry_belongs_to_the_instruction_before_it() {
        // 3.11: LOAD_FAST; CALL with four cache entries whose data looks like LOAD_FAST; POP_TOP.
        let bytecode = [124, 0, 171, 1, 124, 9, 124, 9, 124, 9, 124, 9, 1, 0];
        let sets = for_version(11);
        assert_eq!(sets.cache_entries(171), 4);
        let starts: Vec<_> = (0..8)
            .map(|unit| sets.instruction_start(&bytecode, unit))
            .collect();
        let call = Some(1);
        assert_eq!(
            starts,
            [Some(0), call, call, call, call, call, Some(6), None]
        );
        assert_eq!(sets.instruction_start(&bytecode[..3], 0), Some(0));
    }

    #[test]
    fn behind_an_opaque_instruction_nothing_is_known() {
        // 3.12: INSTRUMENTED_LINE (254) hides what it replaced and how long that was.
        let bytecode = [254, 0, 124, 0];
        assert_eq!(for_version(12).instruction_start(&bytecode, 0), Some(0));
        assert_eq!(for_version(12).instruction_start(&bytecode, 1), None);
    }
}

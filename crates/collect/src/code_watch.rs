//! Which code objects were seen, and whether what is at their addresses is still the same.
//!
//! A sample has addresses of code objects only. Each is read along with the first stack it is seen
//! in, because it may be freed a moment later and its address be another's: the interpreter does
//! not tell. So an address at which that happened is looked at in every sample, and all are for a
//! while after the start, when imports free code all the time.

use crate::batch::{Batch, Mark, NewCode};
use crate::interpreter::Interpreter;
use pitstop_cpython::{Code, Fingerprint, read_fingerprint};
use rustc_hash::{FxHashMap, FxHashSet};

/// How long after the start of sampling every code object is looked at in every sample.
const START_NS: u64 = 1_000_000_000;
/// And how long after one was found to have taken the place of another.
const VERIFY_NS: u64 = 250_000_000;
/// So many code objects are remembered as having been looked at for this sample.
const LOOKED: usize = 4;
/// More addresses than this are not worth remembering one by one.
const MAX_REUSED: usize = 65_536;

/// The code objects of one process, as a reader of its stacks knows them.
pub(crate) struct CodeWatch {
    /// What was read already, by address.
    known: FxHashMap<u64, Option<Fingerprint>>,
    /// Addresses at which one code object took the place of another.
    reused: FxHashSet<u64>,
    /// Until then every code object is looked at in every sample.
    verify_until_ns: u64,
}

impl CodeWatch {
    pub(crate) fn new(now_ns: u64) -> Self {
        Self {
            known: FxHashMap::default(),
            reused: FxHashSet::default(),
            verify_until_ns: now_ns + START_NS,
        }
    }

    /// True while every code object is to be looked at in every sample.
    pub(crate) fn distrusts_all(&self, now_ns: u64) -> bool {
        now_ns < self.verify_until_ns
    }

    /// Forgets code objects whose addresses are used by others now, and has an eye on these
    /// addresses from now on, and on all for a while.
    pub(crate) fn forget(&mut self, addresses: &[u64], now_ns: u64) {
        for address in addresses {
            self.known.remove(address);
            self.reused.insert(*address);
        }
        self.verify_until_ns = self.verify_until_ns.max(now_ns + VERIFY_NS);
    }

    /// Reads the code objects of the samples added since `from` that were never seen before, or
    /// that took the place of another one. False if one of them is no code object at all.
    pub(crate) fn look(
        &mut self,
        interpreter: &Interpreter,
        batch: &mut Batch,
        from: Mark,
    ) -> bool {
        let (memory, layout) = (&interpreter.memory, &interpreter.layout);
        let now_ns = batch.samples.last().map_or(0, |sample| sample.time_ns);
        let all = self.distrusts_all(now_ns);
        let first = from.samples;
        let Batch { frames, codes, .. } = batch;
        let mut settled = !all;
        let mut all_are_code = true;
        // A recursion shows few code objects many times over.
        let mut looked = [0; LOOKED];
        let mut next = 0;
        for frame in &frames[from.frames..] {
            if looked.contains(&frame.code) {
                continue;
            }
            looked[next % LOOKED] = frame.code;
            next += 1;
            let known = self.known.contains_key(&frame.code);
            if known && !all && !self.reused.contains(&frame.code) {
                continue;
            }
            settled = false;
            let now = read_fingerprint(memory, layout, frame.code).ok();
            if known && self.known.get(&frame.code) == Some(&now) {
                continue;
            }
            if known {
                self.reused.insert(frame.code);
                self.verify_until_ns = self.verify_until_ns.max(now_ns + VERIFY_NS);
            }
            if let Ok(code) = Code::read(memory, layout, frame.code) {
                self.known.insert(frame.code, now);
                codes.push(NewCode {
                    sample: first,
                    address: frame.code,
                    code,
                });
            } else {
                self.known.remove(&frame.code);
                all_are_code = false;
            }
        }
        for sample in &mut batch.samples[first..] {
            sample.verified = all;
        }
        if batch.frames.len() > from.frames {
            batch.settle(settled);
        }
        if self.reused.len() > MAX_REUSED {
            self.reused.clear();
            self.verify_until_ns = now_ns + VERIFY_NS;
        }
        all_are_code
    }
}

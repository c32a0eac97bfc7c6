//! From addresses to places: which function and line a raw frame is.
//!
//! Code objects are read once and remembered. Their addresses are reused after they are freed,
//! and before 3.14 the interpreter does not tell; so the identity of every code object seen in a
//! batch of samples is checked again when the batch is resolved.

use crate::interpreter::Interpreter;
use crate::paths::Paths;
use pitstop_cpython::{Code, Fingerprint, RawFrame, read_fingerprint};
use pitstop_model::{File, Frame, FrameId, Function, FunctionId, Profile, Stack, StackId};
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use std::hash::{Hash, Hasher};

/// A process that makes more code objects than this starts with an empty memory again.
const MAX_CODES: usize = 65_536;
/// Likewise for remembered stacks.
const MAX_STACKS: usize = 262_144;
/// What CPython 3.12 and later call the code of their entry frames (`Python/specialize.c`).
const TRAMPOLINE: &str = "<interpreter trampoline>";

/// What a raw stack turned out to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resolved {
    /// The stack; `None` when not even the innermost frame could be resolved.
    pub(crate) stack: Option<StackId>,
    /// True if every frame could be resolved.
    pub(crate) whole: bool,
    /// True if the innermost frame stands at a call of a C function; told anew at every sample,
    /// as the interpreter specialises its instructions.
    pub(crate) in_c_call: bool,
    /// True if one of its code objects was freed, and its address used again, not long after it
    /// was read: the frame may have belonged to the later one.
    pub(crate) suspect: bool,
}

struct KnownCode {
    code: Code,
    function: FunctionId,
    /// The last batch in which its identity was checked.
    checked: u64,
    /// The batch it came with.
    defined: u64,
}

/// A stack that was resolved before.
struct KnownStack {
    places: Box<[(u64, u64)]>,
    resolved: Resolved,
    /// The last batch in which the identity of its code objects was checked.
    checked: u64,
}

impl KnownStack {
    fn is(&self, frames: &[RawFrame]) -> bool {
        self.places.len() == frames.len()
            && self
                .places
                .iter()
                .zip(frames)
                .all(|(place, frame)| *place == place_of(frame))
    }
}

/// What a frame is resolved by. Where the frame itself lies does not matter.
fn place_of(frame: &RawFrame) -> (u64, u64) {
    (frame.code, frame.instruction)
}

fn hash_of(frames: &[RawFrame]) -> u64 {
    let mut hasher = FxHasher::default();
    for frame in frames {
        place_of(frame).hash(&mut hasher);
    }
    hasher.finish()
}

#[derive(Clone, Copy)]
struct KnownFrame {
    frame: FrameId,
    in_c_call: bool,
    is_trampoline: bool,
    /// When to look at its instruction again, while that is not settled.
    look_again: Option<Look>,
}

/// A look at an instruction that the interpreter may have specialised meanwhile.
#[derive(Clone, Copy)]
struct Look {
    /// The batch it is due in.
    due: u64,
    /// How many batches after the last one that is; twice as many each time.
    pause: u64,
}

/// What is not specialised after so many batches will hardly be.
const LONGEST_PAUSE: u64 = 1024;

/// The memory of one process's code objects.
#[derive(Default)]
pub(crate) struct Resolver {
    codes: FxHashMap<u64, KnownCode>,
    frames: FxHashMap<(u64, u64), KnownFrame>,
    /// Whole stacks by the hash of their places. Of two with the same hash the later one stays.
    stacks: FxHashMap<u64, KnownStack>,
    /// Code objects whose address another one has now, found in this batch.
    stale: FxHashSet<u64>,
    batch: u64,
}

impl Resolver {
    fn clear(&mut self) {
        self.codes.clear();
        self.frames.clear();
        self.stacks.clear();
    }

    /// Begins a batch of samples. Code objects will be checked once more on first use.
    pub(crate) fn begin_batch(&mut self) {
        self.batch += 1;
        if self.codes.len() > MAX_CODES || self.stacks.len() > MAX_STACKS {
            self.clear();
        }
    }

    /// Takes the code object that is at `address` from the next sample on.
    pub(crate) fn define(
        &mut self,
        paths: &Paths,
        profile: &mut Profile,
        address: u64,
        code: Code,
    ) {
        let function = add_function(paths, profile, &code);
        let new = KnownCode {
            code,
            function,
            checked: 0,
            defined: self.batch,
        };
        if self.codes.insert(address, new).is_some() {
            self.frames.retain(|&(known, _), _| known != address);
            self.stacks.clear();
        }
        // Whatever was found out about the earlier one does not hold for this one.
        self.stale.remove(&address);
    }

    /// Ends a batch: forgets the code objects whose address is another's by now, and names them.
    pub(crate) fn end_batch(&mut self) -> Vec<u64> {
        let stale: Vec<u64> = self.stale.drain().collect();
        if !stale.is_empty() {
            self.codes.retain(|address, _| !stale.contains(address));
            self.frames
                .retain(|(address, _), _| !stale.contains(address));
            self.stacks.clear();
        }
        stale
    }

    /// Resolves a stack given from its innermost frame outwards. `verified` says that its code
    /// objects were looked at along with it.
    pub(crate) fn stack(
        &mut self,
        interpreter: &Interpreter,
        paths: &Paths,
        profile: &mut Profile,
        frames: &[RawFrame],
        verified: bool,
    ) -> Resolved {
        let hash = hash_of(frames);
        let known = self.stacks.get(&hash).filter(|known| known.is(frames));
        if let Some(known) = known
            && (known.checked == self.batch || verified)
        {
            let resolved = known.resolved;
            return Resolved {
                in_c_call: self.in_c_call(interpreter, frames),
                ..resolved
            };
        }
        let known = known.map(|known| known.resolved);
        let mut suspect = false;
        if !verified {
            for frame in frames {
                suspect |= self.check(interpreter, frame.code);
            }
        }
        let resolved = match known {
            Some(known) if !suspect => known,
            _ => self.resolve(interpreter, paths, profile, frames, suspect, verified),
        };
        if resolved.whole && !suspect {
            let places = frames.iter().map(place_of).collect();
            let stack = KnownStack {
                places,
                resolved,
                checked: self.batch,
            };
            self.stacks.insert(hash, stack);
        }
        Resolved {
            in_c_call: self.in_c_call(interpreter, frames),
            ..resolved
        }
    }

    /// True if the innermost frame stands at a call of a C function, as far as is known by now.
    fn in_c_call(&mut self, interpreter: &Interpreter, frames: &[RawFrame]) -> bool {
        for raw in frames {
            let Some(known) = self.frames.get_mut(&place_of(raw)) else {
                return false;
            };
            if known.is_trampoline {
                continue;
            }
            if let Some(look) = known.look_again
                && look.due <= self.batch
                && let Some(code) = self.codes.get(&raw.code)
            {
                let offset = code.code.offset_of(raw.instruction);
                let opcode =
                    offset.and_then(|offset| code.code.opcode_at(&interpreter.memory, offset).ok());
                if let Some(opcode) = opcode {
                    known.in_c_call = interpreter.opcodes.calls(opcode);
                }
                let unsettled =
                    opcode.is_some_and(|opcode| interpreter.opcodes.is_unsettled(opcode));
                let pause = 2 * look.pause;
                known.look_again = (unsettled && pause <= LONGEST_PAUSE).then_some(Look {
                    due: self.batch + pause,
                    pause,
                });
            }
            return known.in_c_call;
        }
        false
    }

    fn resolve(
        &mut self,
        interpreter: &Interpreter,
        paths: &Paths,
        profile: &mut Profile,
        frames: &[RawFrame],
        suspect: bool,
        verified: bool,
    ) -> Resolved {
        let mut whole = true;
        let mut inside_out: Vec<KnownFrame> = Vec::with_capacity(frames.len());
        for raw in frames {
            match self.frame(interpreter, paths, profile, *raw, verified) {
                // The frame through which the interpreter calls an `__init__`: no line of a program.
                Some(known) if known.is_trampoline => {}
                Some(known) => inside_out.push(known),
                // One frame that cannot be read must not cost the others, but what lies beyond
                // it may belong to another stack: keep the innermost part.
                None => {
                    whole = false;
                    break;
                }
            }
        }
        let stack = inside_out.iter().rev().fold(None, |parent, known| {
            Some(profile.places.add_stack(Stack {
                parent,
                frame: known.frame,
            }))
        });
        Resolved {
            stack,
            whole,
            in_c_call: false,
            suspect,
        }
    }

    fn frame(
        &mut self,
        interpreter: &Interpreter,
        paths: &Paths,
        profile: &mut Profile,
        raw: RawFrame,
        verified: bool,
    ) -> Option<KnownFrame> {
        // A code object of an earlier batch whose address is another's by now: which of the two
        // this frame belonged to cannot be told.
        let ambiguous = !verified
            && self.stale.contains(&raw.code)
            && self
                .codes
                .get(&raw.code)
                .is_some_and(|known| known.defined != self.batch);
        if ambiguous {
            return None;
        }
        if let Some(&known) = self.frames.get(&(raw.code, raw.instruction)) {
            return Some(known);
        }
        let known = self.code(interpreter, paths, profile, raw.code)?;
        let offset = known.code.offset_of(raw.instruction)?;
        let opcode = known.code.opcode_at(&interpreter.memory, offset).ok();
        let line = known.code.line_at(offset);
        let line = if line == 0 {
            known.code.first_line
        } else {
            line
        };
        let frame = Frame {
            function: known.function,
            line,
        };
        let unsettled = opcode.is_some_and(|opcode| interpreter.opcodes.is_unsettled(opcode));
        let known = KnownFrame {
            frame: profile.places.add_frame(frame),
            in_c_call: opcode.is_some_and(|opcode| interpreter.opcodes.calls(opcode)),
            is_trampoline: known.code.name == TRAMPOLINE,
            look_again: unsettled.then_some(Look {
                due: self.batch + 1,
                pause: 1,
            }),
        };
        self.frames.insert((raw.code, raw.instruction), known);
        Some(known)
    }

    fn code(
        &mut self,
        interpreter: &Interpreter,
        paths: &Paths,
        profile: &mut Profile,
        address: u64,
    ) -> Option<&KnownCode> {
        if !self.codes.contains_key(&address) {
            let code = Code::read(&interpreter.memory, &interpreter.layout, address).ok()?;
            let function = add_function(paths, profile, &code);
            let known = KnownCode {
                code,
                function,
                checked: self.batch,
                defined: 0,
            };
            self.codes.insert(address, known);
        }
        self.codes.get(&address)
    }

    /// Checks once a batch that a remembered code object is still the same; true if it is not.
    fn check(&mut self, interpreter: &Interpreter, address: u64) -> bool {
        let Some(known) = self.codes.get_mut(&address) else {
            return false;
        };
        if known.checked == self.batch {
            return self.stale.contains(&address);
        }
        known.checked = self.batch;
        let now: Result<Fingerprint, _> =
            read_fingerprint(&interpreter.memory, &interpreter.layout, address);
        // An unreadable one is gone with its process: what was remembered is all there will be.
        if now.is_err() || now == Ok(known.code.fingerprint) {
            return false;
        }
        self.stale.insert(address);
        true
    }
}

fn add_function(paths: &Paths, profile: &mut Profile, code: &Code) -> FunctionId {
    let (short, kind) = paths.classify(&code.filename);
    let file = File {
        path: profile.strings.intern(&code.filename),
        short: profile.strings.intern(&short),
        kind,
    };
    let function = Function {
        name: profile.strings.intern(&code.name),
        qualname: profile.strings.intern(&code.qualname),
        file: profile.places.add_file(file),
        first_line: code.first_line,
    };
    profile.places.add_function(function)
}

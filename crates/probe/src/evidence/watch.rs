//! Calls of chosen Python functions, from their first one on, wherever they were defined.
//!
//! From 3.12 on the interpreter tells of the watched code objects only, and the parameters are read
//! out of the frame, where keywords and defaults are in their places already. Up to 3.11 a function
//! of our own runs every frame (PEP 523) and looks at the name first.

use super::arguments::{self, Parameters, Slot};
use super::{Evidence, Local, MOST_DEPTH, Role, ask, evidence, handed, local, lose, queries};
use crate::api::Run;
use crate::callables;
use crate::monitor::{Arguments, running_frame};
use crate::object::{Object, field};
use crate::state::{api, entry, state, ticks};
use core::ptr;
use pitstop_wire::{Callable, Watched, watched};

/// Looked at, and not to be watched.
const NOT_CHOSEN: u32 = u32::MAX;

/// A running call of a watched function.
pub(crate) struct Call {
    pub(super) code: u64,
    pub(super) role: u32,
    pub(super) watched: u32,
    pub(super) began: u64,
    pub(super) hash: u64,
    pub(super) record: u32,
    pub(super) keys: u32,
    pub(super) query: queries::Running,
    pub(super) is_tracked: bool,
    pub(super) is_repeat: bool,
    pub(super) is_nested: bool,
    pub(super) in_repeat: bool,
}

/// True if a function of this name may be watched.
#[inline(always)]
unsafe fn is_named(code: *mut Object) -> bool {
    // SAFETY: the object is a code object; its name is interned, as ours are.
    unsafe {
        let evidence: *const Evidence = evidence();
        let name: *mut Object = field(code, (*state()).offsets.code_name);
        (0..(*evidence).name_count).any(|index| (*evidence).names[index] == name)
    }
}

/// What a code object is watched as; 0 if it is not.
#[inline]
unsafe fn watched_of(code: *mut Object) -> u32 {
    // SAFETY: the GIL is held and the object is a code object.
    unsafe {
        let known = callables::by_address(code as u64);
        let known = if known == 0 {
            callables::of_code(code)
        } else {
            known
        };
        if known == 0 {
            return 0;
        }
        match (*entry::<Callable>(known)).watched {
            0 => choose(code, known),
            NOT_CHOSEN => 0,
            unit => unit,
        }
    }
}

#[cold]
unsafe fn choose(code: *mut Object, callable: u32) -> u32 {
    // SAFETY: the GIL is held. The bootstrap may call `add`.
    unsafe {
        let callable = entry::<Callable>(callable);
        // Before it is asked: where its own functions are looked at they are not asked for again.
        (*callable).watched = NOT_CHOSEN;
        let answer = ask((*evidence()).decide, code);
        if !answer.is_null() {
            (api().decrease)(answer);
        }
        match (*callable).watched {
            NOT_CHOSEN => 0,
            unit => unit,
        }
    }
}

/// `watch(code, role, plan, skipped)`: watches a function from now on. The plan has 4 bytes for
/// each parameter, see [`Slot`].
///
/// # Safety
/// Called by the bootstrap, with the GIL held.
pub(crate) unsafe extern "C" fn add(_: *mut Object, values: Arguments, _: isize) -> *mut Object {
    // SAFETY: the bootstrap gives these arguments.
    unsafe {
        let api = api();
        let code = *values;
        let role = (api.long_value)(*values.add(1)) as u32;
        let plan = *values.add(2);
        let plan = core::slice::from_raw_parts(
            (api.bytes_data)(plan).cast::<u8>(),
            (api.bytes_size)(plan).max(0) as usize,
        );
        let skipped = (api.long_value)(*values.add(3)) != 0;
        // A forked process writes into its own file.
        if !local().is_null() {
            let callable = callables::of_code(code);
            if callable != 0 && matches!((*entry::<Callable>(callable)).watched, 0 | NOT_CHOSEN) {
                let flags = if skipped { watched::SKIPPED } else { 0 };
                let unit = if role == Role::Arguments as u32 {
                    arguments::add(callable, flags, plan)
                } else {
                    queries::add_function(callable, role, plan)
                };
                if unit != 0 && !skipped {
                    (*entry::<Callable>(callable)).watched = unit;
                }
            }
        }
        crate::module::none()
    }
}

unsafe fn parameters(watched: *const Watched, locals: *const u64) -> Parameters {
    // SAFETY: the plan was kept.
    unsafe {
        let plan = (*watched).plan;
        let minor = (*state()).minor;
        Parameters {
            locals,
            slots: entry::<Slot>(plan.unit),
            count: plan.length as usize / size_of::<Slot>(),
            tags: if minor >= 14 { 3 } else { 0 },
        }
    }
}

/// A watched function begins; null if that is not to be noted.
unsafe fn enter(code: *mut Object, unit: u32, locals: *const u64) -> *mut Local {
    // SAFETY: the GIL is held, the unit is one of a watched function.
    unsafe {
        let local = local();
        if local.is_null() {
            return local;
        }
        let (watched, depth) = (entry::<Watched>(unit), (*local).depth);
        if (*watched).reserved[0] == Role::HandOver as u64 {
            let parameters = parameters(watched, locals);
            if parameters.count > 0 {
                handed::hand_over(parameters.get(0).0, (*state()).minor >= 12);
            }
            return ptr::null_mut();
        }
        if depth >= MOST_DEPTH {
            lose();
            return ptr::null_mut();
        }
        let call = &raw mut (*local).calls[depth];
        ((*call).code, (*call).watched) = (code as u64, unit);
        (*call).role = (*watched).reserved[0] as u32;
        let parameters = parameters(watched, locals);
        if (*call).role == 0 {
            arguments::begin(local, &mut *call, watched, &parameters);
        } else {
            queries::enter(local, &mut *call, watched, &parameters);
        }
        (*local).depth = depth + 1;
        local
    }
}

/// It ends. `result` is null if that is by an exception.
#[inline]
unsafe fn exit(local: *mut Local, code: *mut Object, result: *mut Object, now: u64) {
    // SAFETY: the GIL is held.
    unsafe {
        let mut depth = (*local).depth;
        // An end that was not told leaves a call behind; it is passed over.
        while depth > 0 && (*local).calls[depth - 1].code != code as u64 {
            depth -= 1;
        }
        if depth == 0 {
            return;
        }
        (*local).depth = depth - 1;
        let call = &raw mut (*local).calls[depth - 1];
        let watched = entry::<Watched>((*call).watched);
        if (*call).role == 0 {
            arguments::end(&*call, watched, result, now);
        } else {
            queries::exit(local, &*call, result, now);
        }
    }
}

unsafe fn disabled() -> *mut Object {
    // SAFETY: the interpreter takes the reference.
    unsafe {
        let disable = (*evidence()).disable;
        if disable.is_null() {
            return (*state()).none;
        }
        (api().increase)(disable);
        disable
    }
}

/// A function begins: if it is not watched, this place is never told of again.
///
/// # Safety
/// Called by the interpreter, with the GIL held and the arguments of the event.
pub(crate) unsafe extern "C" fn start(_: *mut Object, values: Arguments, _: isize) -> *mut Object {
    // SAFETY: as above; the running frame is that of the code object.
    unsafe {
        let code = *values;
        if local().is_null() {
            return (*state()).none;
        }
        let mut unit = (*state()).timed_unit;
        if (*state()).timed_code != code as u64 {
            if !is_named(code) {
                return disabled();
            }
            unit = watched_of(code);
            if unit == 0 {
                return disabled();
            }
            ((*state()).timed_code, (*state()).timed_unit) = (code as u64, unit);
        }
        let frame = running_frame();
        let locals = frame + u64::from((*state()).offsets.frame_locals);
        enter(code, unit, locals as *const u64);
        (*state()).none
    }
}

/// It returns.
///
/// # Safety
/// As for [`start`].
pub(crate) unsafe extern "C" fn leave(_: *mut Object, values: Arguments, _: isize) -> *mut Object {
    // SAFETY: as above.
    unsafe {
        let now = ticks();
        let local = local();
        if !local.is_null() && (*local).depth > 0 {
            exit(local, *values, *values.add(2), now);
        }
        (*state()).none
    }
}

/// It ends with an exception.
///
/// # Safety
/// As for [`start`].
pub(crate) unsafe extern "C" fn unwind(_: *mut Object, values: Arguments, _: isize) -> *mut Object {
    // SAFETY: as above.
    unsafe {
        let now = ticks();
        let local = local();
        if !local.is_null() && (*local).depth > 0 {
            exit(local, *values, ptr::null_mut(), now);
        }
        (*state()).none
    }
}

static mut DEFAULT: Option<Run> = None;

/// Runs a frame: `(frame, throwing)` in 3.8, then `(thread state, frame, throwing)`.
unsafe extern "C" fn run(first: usize, second: usize, third: usize) -> *mut Object {
    // SAFETY: called by the interpreter, with the GIL held and a frame; the arguments are passed on.
    unsafe {
        let Some(default) = DEFAULT else {
            return ptr::null_mut();
        };
        let frame = if (*state()).minor == 8 { first } else { second };
        let offsets = &raw const (*state()).offsets;
        let code: *mut Object = field(frame as *const Object, (*offsets).frame_code);
        if !is_named(code) {
            return default(first, second, third);
        }
        if local().is_null() {
            return default(first, second, third);
        }
        let unit = watched_of(code);
        if unit == 0 {
            return default(first, second, third);
        }
        let locals = frame + (*offsets).frame_locals as usize;
        let local = enter(code, unit, locals as *const u64);
        let result = default(first, second, third);
        if !local.is_null() {
            exit(local, code, result, ticks());
        }
        result
    }
}

/// `watch_run_frame()`: runs every frame from now on, up to 3.11.
///
/// # Safety
/// Called by the bootstrap, with the GIL held.
pub(crate) unsafe extern "C" fn run_frames(_: *mut Object, _: Arguments, _: isize) -> *mut Object {
    let default = &raw const DEFAULT;
    // SAFETY: as above.
    unsafe {
        let api = api();
        if (*default).is_none() {
            let (Some(interpreter), Some(usual)) = (api.interpreter, api.run_frame) else {
                return crate::module::none();
            };
            let interpreter = interpreter();
            if let Some(set) = api.run_frame_set {
                DEFAULT = api
                    .run_frame_get
                    .map(|get| get(interpreter))
                    .or(Some(usual));
                set(interpreter, run);
            } else {
                set_field(interpreter.cast(), usual);
            }
        }
        crate::module::none()
    }
}

/// 3.8 has no function for it: the field lies in the first 2 KiB of the interpreter's state
/// (`Include/internal/pycore_pystate.h`) and is the one that holds the usual function.
unsafe fn set_field(interpreter: *mut usize, usual: Run) {
    for index in 0..256 {
        // SAFETY: the state is larger than that.
        unsafe {
            let place = interpreter.add(index);
            if *place == usual as usize {
                DEFAULT = Some(usual);
                *place = run as *const () as usize;
                return;
            }
        }
    }
}

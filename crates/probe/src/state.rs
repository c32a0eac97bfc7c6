//! Everything the probe knows, in one place. The GIL is its lock.

use crate::api::Api;
use crate::arch;
use crate::greenlets::Greenlets;
use crate::object::Object;
use crate::system;
use crate::table::Table;
use crate::threads::{SEEN, SEEN_GREENLETS};
use crate::waits::Waits;
use core::ptr;
use pitstop_wire::{Header, Node, Offsets, Settings, Thread, UNIT_BYTES};

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not opened: every event is ignored.
    Closed,
    /// Recording empty functions to find out what recording costs.
    Calibrating,
    /// Waiting for the first frame of the program's own code.
    Waiting,
    /// Recording.
    Recording,
}

/// The state. What the hot path needs comes first.
pub(crate) struct State {
    /// The thread pointer of the thread that ran last; 0 to look it up again.
    pub(crate) pointer: u64,
    /// Its record; null while it is not recorded.
    pub(crate) thread: *mut Thread,
    /// Where the file is mapped.
    pub(crate) base: *mut u8,
    /// The object that callbacks return.
    pub(crate) none: *mut Object,
    /// Ticks come from the processor.
    pub(crate) processor_ticks: bool,
    /// Calls are recorded, not only lines.
    pub(crate) records_calls: bool,
    /// So are those of functions without Python code.
    pub(crate) records_native: bool,
    /// Calls in time are kept.
    pub(crate) keeps_spans: bool,
    pub(crate) phase: Phase,
    pub(crate) minor: u8,
    pub(crate) python: u32,
    pub(crate) api: Option<Api>,
    pub(crate) offsets: Offsets,
    pub(crate) code_flags: u32,
    pub(crate) settings: Settings,
    pub(crate) main_dict: *mut Object,
    /// The thread that runs `__main__`.
    pub(crate) main_thread: *mut Thread,
    /// This process was forked and has no file of its own yet.
    pub(crate) is_forked: bool,
    /// A copy of what is in use, made before a fork: where, and how much.
    pub(crate) copy: usize,
    pub(crate) copy_bytes: usize,
    /// When this process began, in ticks, if it was forked.
    pub(crate) forked_ticks: u64,
    /// Records of threads by their pointers.
    pub(crate) seen: [u32; SEEN],
    /// The slot for our mark in code objects; negative without one.
    pub(crate) extra_index: isize,
    /// `tp_call`, `tp_init` and `tp_new` of classes that define them in Python.
    pub(crate) slot_call: usize,
    pub(crate) slot_init: usize,
    pub(crate) slot_new: usize,
    /// The type of a slot wrapper bound to an object.
    pub(crate) method_wrapper_type: *mut Object,
    /// This module.
    pub(crate) module: *mut Object,
    /// The str `_name`: the attribute of `threading.Thread` with its name.
    pub(crate) name_attribute: *mut Object,
    /// The package `greenlet`.
    pub(crate) greenlets: Greenlets,
    /// Records of greenlets by their addresses.
    pub(crate) seen_greenlets: [u32; SEEN_GREENLETS],
    /// The code object that was looked up last for its lines, and what was found.
    pub(crate) timed_code: u64,
    pub(crate) timed_unit: u32,
    /// The bootstrap's function that says whether lines of a code object are to be timed, and the
    /// object that ends an event for good.
    pub(crate) decide: *mut Object,
    pub(crate) disable: *mut Object,
    /// `_thread.start_new_thread`, and what new threads begin with, up to 3.11.
    pub(crate) start_original: *mut Object,
    pub(crate) start_begin: *mut Object,
    /// `sys.getprofile` or `sys.gettrace` of the interpreter, whichever hook is ours.
    pub(crate) get_hook: *mut Object,
    /// Everything that is found by hash.
    pub(crate) table: Table,
    /// When each suspended generator was suspended.
    pub(crate) waits: Waits,
    /// The directory of the file, and behind it the file's name, ending with NUL.
    pub(crate) path: [u8; PATH_BYTES],
    pub(crate) directory_length: usize,
    /// Where text is put together.
    pub(crate) scratch: [u8; SCRATCH_BYTES],
}

/// `PATH_MAX` of Linux.
pub(crate) const PATH_BYTES: usize = 4096;
/// Longer texts are cut: a file's name, a function's name and its qualified name together.
pub(crate) const SCRATCH_BYTES: usize = 16 * 1024;

static mut STATE: State = State {
    pointer: 0,
    thread: ptr::null_mut(),
    base: ptr::null_mut(),
    none: ptr::null_mut(),
    processor_ticks: false,
    records_calls: false,
    records_native: false,
    keeps_spans: false,
    phase: Phase::Closed,
    minor: 0,
    python: 0,
    api: None,
    offsets: NO_OFFSETS,
    code_flags: 0,
    settings: NO_SETTINGS,
    main_dict: ptr::null_mut(),
    main_thread: ptr::null_mut(),
    is_forked: false,
    copy: 0,
    copy_bytes: 0,
    forked_ticks: 0,
    seen: [0; SEEN],
    extra_index: 0,
    slot_call: 0,
    slot_init: 0,
    slot_new: 0,
    method_wrapper_type: ptr::null_mut(),
    module: ptr::null_mut(),
    name_attribute: ptr::null_mut(),
    greenlets: Greenlets::new(),
    seen_greenlets: [0; SEEN_GREENLETS],
    timed_code: 0,
    timed_unit: 0,
    decide: ptr::null_mut(),
    disable: ptr::null_mut(),
    start_original: ptr::null_mut(),
    start_begin: ptr::null_mut(),
    get_hook: ptr::null_mut(),
    table: Table::new(),
    waits: Waits::new(),
    path: [0; PATH_BYTES],
    directory_length: 0,
    scratch: [0; SCRATCH_BYTES],
};

const NO_OFFSETS: Offsets = Offsets {
    code_file: 0,
    code_name: 0,
    code_qualname: 0,
    code_first_line: 0,
    code_lines: 0,
    code_bytes: 0,
    str_length: 0,
    str_state: 0,
    str_ascii: 0,
    str_compact: 0,
    bytes_data: 0,
    thread_frame: 0,
    frame_instruction: 0,
    frame_code: 0,
    frame_previous: 0,
    frame_locals: 0,
    cframe_frame: 0,
    long_tag: 0,
    long_digits: 0,
};

const NO_SETTINGS: Settings = Settings {
    magic: 0,
    format: 0,
    options: 0,
    span_capacity: 0,
    most_units: 0,
    slow_us: 0,
    reserved: 0,
    offsets: [NO_OFFSETS; 8],
    places: [NO_OFFSETS; 8],
};

/// The state. Whoever goes through the pointer must hold the GIL.
#[inline(always)]
pub(crate) fn state() -> *mut State {
    &raw mut STATE
}

/// What the interpreter offers.
///
/// # Safety
/// The GIL is held and the module was initialized.
#[inline]
pub(crate) unsafe fn api() -> &'static Api {
    // SAFETY: the GIL is held, so nobody else writes; it is written once, before any use.
    match unsafe { &(*state()).api } {
        Some(api) => api,
        None => arch::stop(),
    }
}

/// The header of the file.
///
/// # Safety
/// The GIL is held and the file is mapped.
#[inline(always)]
pub(crate) unsafe fn header() -> *mut Header {
    // SAFETY: the GIL is held.
    unsafe { (*state()).base.cast() }
}

/// The entry at a unit.
///
/// # Safety
/// The GIL is held, the file is mapped, and the unit is one that [`crate::arena`] gave out, or 0.
#[inline(always)]
pub(crate) unsafe fn entry<T>(unit: u32) -> *mut T {
    // SAFETY: units that were given out lie inside of the mapping.
    unsafe { (*state()).base.add(unit as usize * UNIT_BYTES).cast() }
}

/// The path at a unit; for 0 the header, whose first word is the key of no path.
///
/// # Safety
/// As for [`entry`].
#[inline(always)]
pub(crate) unsafe fn node(unit: u32) -> *mut Node {
    // SAFETY: as the caller promises.
    unsafe { entry(unit) }
}

/// The clock, in ticks.
///
/// # Safety
/// The GIL is held.
#[inline(always)]
pub(crate) unsafe fn ticks() -> u64 {
    // SAFETY: the GIL is held.
    if unsafe { (*state()).processor_ticks } {
        arch::ticks()
    } else {
        // SAFETY: the GIL is held.
        unsafe { slow_ticks() }
    }
}

#[cold]
unsafe fn slow_ticks() -> u64 {
    // SAFETY: the GIL is held.
    system::now_ns(unsafe { (*state()).api.as_ref().and_then(|api| api.clock) })
}

/// Writes down what both clocks show now, so that ticks can be told in nanoseconds even if the
/// program is killed.
///
/// # Safety
/// The GIL is held and the file is mapped.
pub(crate) unsafe fn renew_anchor() {
    // SAFETY: as the caller promises.
    unsafe {
        (*header()).later_ns = slow_ticks();
        (*header()).later_ticks = ticks();
    }
}

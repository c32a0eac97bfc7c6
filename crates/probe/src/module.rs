//! The extension module: what the bootstrap in Python may call.
//!
//! It is loaded by its path and kept by the bootstrap alone; the program does not see it. Besides
//! the callbacks of [`crate::monitor`] there are a few functions for the start. They take what
//! the bootstrap gives them as it is: nobody else calls them.

use crate::api::Api;
use crate::arena;
use crate::calibration;
use crate::callables;
use crate::evidence::{self, swap, watch};
use crate::greenlets;
use crate::legacy;
use crate::line_hook;
use crate::lines;
use crate::monitor::{self, Arguments};
use crate::names;
use crate::object::{Object, Type, Writer, field, small_int};
use crate::state::{PATH_BYTES, Phase, api, header, state, ticks};
use crate::threads;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr;
use pitstop_wire::{FIRST_UNIT, Offsets, SETTINGS_BYTES, Settings, UNIT_BYTES, flag, option};

/// `METH_FASTCALL` of `Include/methodobject.h`: called with an array of arguments.
const FAST_CALL: c_int = 0x80;
/// `PYTHON_API_VERSION` of `Include/modsupport.h`, the same since Python 3.0.
const API_VERSION: c_int = 1013;
/// The room behind the directory for the name of a file.
const NAME_BYTES: usize = 64;
/// A file as large as this at most, and a smaller one where the address space is limited.
const LEAST_UNITS: u64 = (16 << 20) / UNIT_BYTES as u64;

type Function = unsafe extern "C" fn(*mut Object, Arguments, isize) -> *mut Object;

#[repr(C)]
struct Method {
    name: *const c_char,
    function: Option<Function>,
    flags: c_int,
    doc: *const c_char,
}

/// `PyModuleDef` of `Include/moduleobject.h`.
#[repr(C)]
struct Definition {
    object: Object,
    init: *const c_void,
    index: isize,
    copy: *const c_void,
    name: *const c_char,
    doc: *const c_char,
    size: isize,
    methods: *mut Method,
    rest: [*const c_void; 4],
}

const fn method(name: &'static CStr, function: Function) -> Method {
    Method {
        name: name.as_ptr(),
        function: Some(function),
        flags: FAST_CALL,
        doc: ptr::null(),
    }
}

static mut METHODS: [Method; 49] = [
    method(c"start", monitor::start),
    method(c"resume", monitor::resume),
    method(c"leave", monitor::leave),
    method(c"suspend", monitor::suspend),
    method(c"unwind", monitor::unwind),
    method(c"call", monitor::call),
    method(c"native_return", monitor::native_return),
    method(c"native_raise", monitor::native_raise),
    method(c"open", open),
    method(c"check", check),
    method(c"check_values", check_values),
    method(c"slots", slots),
    method(c"ticks", ticks_now),
    method(c"calibrate", calibrate),
    method(c"own", calibration::own),
    method(c"own_called", calibration::own_called),
    method(c"set_calibration", calibration::set_calibration),
    method(c"describe", describe),
    method(c"name_thread", names::tell),
    method(c"hook", legacy::install),
    method(c"hook_is_ours", legacy::is_ours),
    method(c"set_threads", legacy::set_threads),
    method(c"start_thread", legacy::start_thread),
    method(c"in_thread", legacy::in_thread),
    method(c"set_profile", legacy::set_profile),
    method(c"get_profile", legacy::get_profile),
    method(c"switch", threads::switch_greenlet),
    method(c"greenlets_are_followed", greenlets::are_followed),
    method(c"line_setup", lines::setup),
    method(c"line_add", lines::add),
    method(c"line_hook", line_hook::install),
    method(c"set_trace", line_hook::set_trace),
    method(c"line_own", calibration::line_own),
    method(c"line_start", lines::start),
    method(c"line_line", lines::line),
    method(c"line_leave", lines::leave),
    method(c"line_suspend", lines::suspend),
    method(c"line_resume", lines::resume),
    method(c"evidence_setup", evidence::setup),
    method(c"evidence_begin", evidence::begin),
    method(c"watch", watch::add),
    method(c"watch_run_frame", watch::run_frames),
    method(c"watch_start", watch::start),
    method(c"watch_leave", watch::leave),
    method(c"watch_unwind", watch::unwind),
    method(c"swap", swap::swap),
    method(c"swap_next", swap::swap_next),
    method(c"swap_place", swap::place),
    Method {
        name: ptr::null(),
        function: None,
        flags: 0,
        doc: ptr::null(),
    },
];

static mut DEFINITION: Definition = Definition {
    object: Object {
        references: 1,
        kind: ptr::null_mut(),
    },
    init: ptr::null(),
    index: 0,
    copy: ptr::null(),
    name: c"pitstop_probe".as_ptr(),
    doc: ptr::null(),
    size: -1,
    methods: ptr::null_mut(),
    rest: [ptr::null(); 4],
};

/// What the interpreter calls when it loads the module.
///
/// # Safety
/// Called by CPython with the GIL held.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn PyInit_pitstop_probe() -> *mut Object {
    // SAFETY: the process is a CPython interpreter, and the GIL is held.
    unsafe {
        let api = match Api::find() {
            Ok(api) => api,
            Err(missing) => {
                crate::api::raise_missing(missing);
                return ptr::null_mut();
            }
        };
        let state = state();
        (*state).none = api.none;
        let create = api.module_create;
        (*state).api = Some(api);
        DEFINITION.methods = (&raw mut METHODS).cast();
        if let Some(intern) = (*state).api.and_then(|api| api.intern) {
            (*state).name_attribute = intern(c"_name".as_ptr());
        }
        (*state).module = create((&raw mut DEFINITION).cast(), API_VERSION);
        (*state).module
    }
}

/// `None`, counted where it has to be.
pub(crate) unsafe fn none() -> *mut Object {
    // SAFETY: the GIL is held.
    unsafe {
        let api = api();
        (api.increase)(api.none);
        api.none
    }
}

/// Raises a RuntimeError.
///
/// # Safety
/// The GIL is held.
pub(crate) unsafe fn fail(text: &CStr) -> *mut Object {
    // SAFETY: the GIL is held.
    unsafe {
        let api = api();
        (api.error_set)(*api.runtime_error, text.as_ptr());
    }
    ptr::null_mut()
}

/// The value of an int.
///
/// # Safety
/// The GIL is held, and the object is an int.
pub(crate) unsafe fn number(object: *mut Object) -> i64 {
    // SAFETY: as the caller promises.
    unsafe { (api().long_value)(object) }
}

/// What a bytes object holds.
///
/// # Safety
/// The GIL is held, the object is a bytes object, and lives as long as the result is used.
pub(crate) unsafe fn bytes(object: *mut Object) -> &'static [u8] {
    // SAFETY: as the caller promises.
    unsafe {
        let data = (api().bytes_data)(object).cast::<u8>();
        let size = (api().bytes_size)(object);
        if data.is_null() || size < 0 {
            return &[];
        }
        core::slice::from_raw_parts(data, size as usize)
    }
}

/// `open(directory, settings, version, processor_ticks)`: makes the file of this process.
unsafe extern "C" fn open(_: *mut Object, arguments: Arguments, _: isize) -> *mut Object {
    // SAFETY: the bootstrap gives these arguments.
    unsafe {
        let directory = bytes(*arguments);
        let settings = bytes(*arguments.add(1));
        let python = number(*arguments.add(2)) as u32;
        let state = state();
        let Some(settings) = Settings::from_bytes(settings) else {
            return fail(c"the settings are not those of this version of pitstop");
        };
        if settings_size() != SETTINGS_BYTES || directory.len() + NAME_BYTES > PATH_BYTES {
            return fail(c"the directory of the results has too long a name");
        }
        let minor = (python >> 16) as u8;
        let Some(&known) = settings.offsets(minor) else {
            return fail(c"this version of Python is not known");
        };
        let described = settings.places(minor).map(|places| (places, api().runtime));
        let offsets = match described {
            None => known,
            Some((places, Some(runtime))) => match described_by(runtime, python, &known, places) {
                Some(offsets) => offsets,
                None => return fail(c"this build of Python describes itself in another form"),
            },
            Some((_, None)) => return fail(c"this build of Python does not describe itself"),
        };
        (*state).settings = settings;
        (*state).offsets = offsets;
        (*state).minor = minor;
        (*state).python = python;
        // `co_flags` (`Include/code.h`, `Include/cpython/code.h`).
        (*state).code_flags = if minor <= 10 {
            offsets.code_first_line - 4
        } else {
            48
        };
        (*state).processor_ticks = number(*arguments.add(3)) != 0;
        (*state).records_calls = settings.options & option::CALLS != 0;
        // Where calls are recorded the module's own code announces it.
        (*state).greenlets.is_awaited = !(*state).records_calls;
        (*state).records_native = settings.options & option::C_CALLS != 0;
        let path = &mut (*state).path;
        path[..directory.len()].copy_from_slice(directory);
        (*state).directory_length = directory.len();
        open_file(u64::from(settings.most_units))
    }
}

/// The offsets that the interpreter says of itself (`_Py_DebugOffsets` at the start of `_PyRuntime`,
/// from 3.13 on): after a cookie come its version and whether it is a build without the GIL.
unsafe fn described_by(
    runtime: *const u64,
    python: u32,
    known: &Offsets,
    places: &Offsets,
) -> Option<Offsets> {
    const COOKIE: u64 = u64::from_le_bytes(*b"xdebugpy");
    // SAFETY: the description has more fields than any place that the collector gives.
    let word = |place: u32| unsafe { runtime.add(place as usize).read() };
    let is_ours = word(0) == COOKIE && word(1) == u64::from(python) && word(2) == 0;
    is_ours.then(|| known.described(places, word)).flatten()
}

const fn settings_size() -> usize {
    size_of::<Settings>()
}

unsafe fn open_file(most_units: u64) -> *mut Object {
    // SAFETY: the GIL is held and the directory is set.
    unsafe {
        let state = state();
        let mut most = most_units;
        while let Err(_error) = arena::create(most) {
            most /= 2;
            if most < LEAST_UNITS {
                return fail(c"there is no room for the results");
            }
        }
        let options = (*state).settings.options;
        for (option, flag) in [
            (option::CALLS, flag::CALLS),
            (option::C_CALLS, flag::C_CALLS),
            (option::LINES, flag::LINES),
            (option::EVIDENCE, flag::EVIDENCE),
        ] {
            if options & option != 0 {
                (*header()).flags |= flag;
            }
        }
        if (*state).processor_ticks {
            (*header()).flags |= flag::PROCESSOR_TICKS;
        }
        crate::state::renew_anchor();
        (*header()).anchor_ticks = (*header()).later_ticks;
        (*header()).anchor_ns = (*header()).later_ns;
        let api = api();
        (*state).extra_index = match api.extra_index {
            Some(request) => request(Some(callables::died)),
            None => -1,
        };
        if let Some(at_fork) = api.at_fork {
            at_fork(
                Some(crate::fork::before),
                Some(crate::fork::in_parent),
                Some(crate::fork::in_child),
                ptr::null_mut(),
            );
        }
        none()
    }
}

/// `check(code, file, name, qualname, first_line, lines, flags)`: are things where we think? The code
/// is that of the caller, which has it as its first local variable.
unsafe extern "C" fn check(_: *mut Object, arguments: Arguments, _: isize) -> *mut Object {
    // SAFETY: the bootstrap gives a code object and what its attributes say. Offsets that are wrong
    // are small, so what is read for a comparison lies in mapped memory all the same.
    unsafe {
        let state = state();
        let offsets: &Offsets = &(*state).offsets;
        let code = *arguments;
        let same = |index: usize, offset: u32| {
            offset == Offsets::NONE || field::<*mut Object>(code, offset) == *arguments.add(index)
        };
        let holds = same(1, offsets.code_file)
            && same(2, offsets.code_name)
            && same(3, offsets.code_qualname)
            && same(5, offsets.code_lines)
            && i64::from(field::<u32>(code, offsets.code_first_line)) == number(*arguments.add(4))
            && i64::from(field::<u32>(code, (*state).code_flags)) == number(*arguments.add(6))
            && monitor_can_tell_frames(code);
        if holds {
            none()
        } else {
            fail(c"this build of Python keeps its objects in another form")
        }
    }
}

/// The running frame is that of the code object that the check was called from, and its first local
/// variable is that object.
unsafe fn monitor_can_tell_frames(code: *mut Object) -> bool {
    // SAFETY: the GIL is held; the frame is read only if there is one.
    unsafe {
        let offsets: &Offsets = &(*state()).offsets;
        let frame = monitor::running_frame();
        if frame == 0 {
            return false;
        }
        let executable: u64 = field(frame as *const Object, offsets.frame_code);
        let first_local: u64 = field(frame as *const Object, offsets.frame_locals);
        // From 3.14 on the lowest bits of a reference are a tag.
        executable & !3 == code as u64 && first_local & !3 == code as u64
    }
}

/// `check_values(number, (text, bytes)...)`: the same for numbers and texts. Each text is a str and
/// its UTF-8; the number is one of those that lines and offsets are.
unsafe extern "C" fn check_values(
    _: *mut Object,
    arguments: Arguments,
    count: isize,
) -> *mut Object {
    // SAFETY: the GIL is held.
    let (state, api) = (state(), unsafe { api() });
    // SAFETY: the bootstrap gives an int.
    let value = unsafe { number(*arguments) };
    // SAFETY: likewise. Only from 3.12 on ints are read where they lie.
    let mut holds =
        unsafe { (*state).minor < 12 || i64::from(small_int(state, *arguments)) == value };
    for index in 1..count {
        // SAFETY: `count` says how many there are; each is a pair.
        let pair = unsafe { *arguments.offset(index) };
        // SAFETY: likewise.
        let (text, encoded) = unsafe { ((api.tuple_item)(pair, 0), (api.tuple_item)(pair, 1)) };
        let mut buffer = [0; 64];
        let mut writer = Writer::new(&mut buffer);
        // SAFETY: it is a str. What is wrong about it is a length at most, which is cut.
        unsafe { writer.string(text, 64) };
        let length = writer.length();
        // SAFETY: it is a bytes object, which the pair keeps alive.
        let expected = unsafe { bytes(encoded) };
        // SAFETY: the GIL is held.
        let data = unsafe { (*state).offsets.bytes_data } as usize;
        // SAFETY: likewise.
        let place = unsafe { (api.bytes_data)(encoded) } as usize;
        holds &= buffer[..length] == *expected && encoded as usize + data == place;
    }
    if holds {
        // SAFETY: the GIL is held.
        unsafe { none() }
    } else {
        // SAFETY: the GIL is held.
        unsafe { fail(c"this build of Python keeps its texts and numbers in another form") }
    }
}

/// `slots(class, method_wrapper)`: what a class that defines `__call__`, `__init__` and `__new__`
/// in Python has in their slots, and the type of a bound slot wrapper, which has no public name.
unsafe extern "C" fn slots(_: *mut Object, arguments: Arguments, _: isize) -> *mut Object {
    // SAFETY: the bootstrap gives a class.
    unsafe {
        let class = (*arguments).cast::<Type>();
        let state = state();
        (*state).slot_call = (*class).call;
        (*state).slot_init = (*class).init;
        (*state).slot_new = (*class).new;
        (*state).method_wrapper_type = *arguments.add(1);
        none()
    }
}

/// `ticks()`: the clock.
unsafe extern "C" fn ticks_now(_: *mut Object, _: Arguments, _: isize) -> *mut Object {
    // SAFETY: the GIL is held.
    unsafe { (api().long_new)(ticks() as i64) }
}

/// `calibrate(on)`: records whatever runs, and with `on` 0 forgets all that and waits for
/// `__main__`.
unsafe extern "C" fn calibrate(_: *mut Object, arguments: Arguments, _: isize) -> *mut Object {
    // SAFETY: the GIL is held and the file is mapped.
    unsafe {
        let state = state();
        threads::forget();
        if number(*arguments) != 0 {
            (*state).phase = Phase::Calibrating;
            return none();
        }
        let header = header();
        let first = FIRST_UNIT as usize * UNIT_BYTES;
        let used = (*header).used_units as usize * UNIT_BYTES;
        ptr::write_bytes((*state).base.add(first), 0, used - first);
        (*header).used_units = u64::from(FIRST_UNIT);
        ((*header).threads, (*header).thread_count) = (0, 0);
        ((*header).callables, (*header).callable_count) = (0, 0);
        (*header).node_count = 0;
        (*header).lost = pitstop_wire::Lost::default();
        (*state).table.clear();
        ((*header).timed, (*header).timed_count) = (0, 0);
        (*state).timed_code = 0;
        (*state).main_thread = ptr::null_mut();
        (*state).main_dict = (api().module_dict)((api().module_get)(c"__main__".as_ptr()));
        if (*state).records_calls {
            (*state).phase = Phase::Waiting;
            make_ring();
        } else {
            // Functions are chosen one by one: there is nothing to wait for.
            (*state).phase = Phase::Recording;
            (*header).flags |= flag::BEGAN;
        }
        crate::state::renew_anchor();
        none()
    }
}

/// Makes room for calls in time, where they are wanted. If there is none they are all counted as
/// lost.
unsafe fn make_ring() {
    // SAFETY: the GIL is held and the file is mapped.
    unsafe {
        let capacity = (*state()).settings.span_capacity;
        if capacity == 0 || !capacity.is_power_of_two() {
            return;
        }
        let unit = arena::take(capacity.div_ceil(2));
        (*state()).keeps_spans = true;
        if unit != 0 {
            ((*header()).spans, (*header()).span_capacity) = (unit, capacity);
        }
    }
}

/// `describe(command)`: the command line of the process.
unsafe extern "C" fn describe(_: *mut Object, arguments: Arguments, _: isize) -> *mut Object {
    const MOST: usize = 4096;
    // SAFETY: the bootstrap gives bytes; the file is mapped.
    unsafe {
        let command = bytes(*arguments);
        (*header()).command = arena::keep(&command[..command.len().min(MOST)]);
        none()
    }
}

/// True for the code of a module, a script or a `-c`.
///
/// # Safety
/// The GIL is held and the object is a code object.
pub(crate) unsafe fn is_module_code(code: *const Object) -> bool {
    let mut buffer = [0; 16];
    let mut writer = Writer::new(&mut buffer);
    // SAFETY: as the caller promises.
    unsafe { writer.string(field(code, (*state()).offsets.code_name), 16) };
    let length = writer.length();
    &buffer[..length] == b"<module>"
}

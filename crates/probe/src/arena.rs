//! The file: made, grown, and given out in units.
//!
//! The mapping is as large as the file may become, and sparse. Before a unit is touched for the
//! first time the file system must have promised its room, because a page that cannot be had when
//! it is written to would kill the program with SIGBUS. The file is opened anew for that each
//! time: a descriptor kept open may be closed by the program and be another file's by then.

use crate::state::{State, header, state};
use crate::system::{self, Errno};
use core::ffi::CStr;
use pitstop_wire::{FIRST_UNIT, FORMAT, Header, MAGIC, Text, UNIT_BYTES};

/// How much room is asked for at a time.
const STEP_UNITS: u64 = (1 << 20) / UNIT_BYTES as u64;

/// Makes the file of this process and maps it, in place of an earlier mapping if there is one.
///
/// # Safety
/// The GIL is held, or the process has just been forked. The path in the state is a directory.
pub(crate) unsafe fn create(most_units: u64) -> Result<(), Errno> {
    // SAFETY: as the caller promises.
    unsafe {
        let state = state();
        let created_ns = system::now_ns((*state).api.as_ref().and_then(|api| api.clock));
        name(state, system::process(), created_ns);
        let path = CStr::from_ptr((&raw const (*state).path).cast());
        let file = system::open(path, true)?;
        let result = map(state, file, most_units, created_ns);
        system::close(file);
        result
    }
}

unsafe fn map(state: *mut State, file: usize, most: u64, created_ns: u64) -> Result<(), Errno> {
    let bytes = most as usize * UNIT_BYTES;
    system::truncate(file, bytes)?;
    system::allocate(file, 0, STEP_UNITS as usize * UNIT_BYTES)?;
    // SAFETY: an earlier mapping has the same size and is replaced by a copy of itself.
    unsafe {
        let old = (*state).base;
        let place = (!old.is_null()).then_some(old as usize);
        (*state).base = system::map_file(file, bytes, place)? as *mut u8;
        *header() = Header {
            format: FORMAT,
            unit_bytes: UNIT_BYTES as u32,
            pid: system::process(),
            parent: system::parent(),
            python: (*state).python,
            created_ns,
            used_units: u64::from(FIRST_UNIT),
            sure_units: STEP_UNITS,
            most_units: most,
            ..Header::default()
        };
        core::sync::atomic::compiler_fence(core::sync::atomic::Ordering::Release);
        (*header()).magic = MAGIC;
    }
    Ok(())
}

/// Puts `<pid>-<nanoseconds>.trace` behind the directory.
unsafe fn name(state: *mut State, pid: u32, created_ns: u64) {
    // SAFETY: the GIL is held; the directory was checked to leave 64 bytes.
    unsafe {
        let path = &mut (*state).path;
        let mut at = (*state).directory_length;
        let mut put = |byte: u8| {
            path[at] = byte;
            at += 1;
        };
        put(b'/');
        decimal(u64::from(pid), &mut put);
        put(b'-');
        decimal(created_ns, &mut put);
        b".trace\0".iter().for_each(|&byte| put(byte));
    }
}

fn decimal(number: u64, put: &mut impl FnMut(u8)) {
    let mut digits = [0; 20];
    let mut rest = number;
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    digits[first..].iter().for_each(|&digit| put(digit));
}

/// Gives out `units` units, all zero; 0 if there is no room.
///
/// # Safety
/// The GIL is held and the file is mapped.
pub(crate) unsafe fn take(units: u32) -> u32 {
    // SAFETY: as the caller promises.
    unsafe {
        let header = header();
        let first = (*header).used_units;
        let end = first + u64::from(units);
        if end > (*header).sure_units && !promise(end) {
            return 0;
        }
        (*header).used_units = end;
        first as u32
    }
}

/// Asks the file system for room up to `end`.
#[cold]
unsafe fn promise(end: u64) -> bool {
    // SAFETY: the GIL is held and the file is mapped.
    unsafe {
        let header = header();
        let sure = end.next_multiple_of(STEP_UNITS);
        if sure > (*header).most_units {
            return false;
        }
        let path = CStr::from_ptr((&raw const (*state()).path).cast());
        let Ok(file) = system::open(path, false) else {
            return false;
        };
        let from = (*header).sure_units;
        let unit = UNIT_BYTES as u64;
        let given = system::allocate(
            file,
            (from * unit) as usize,
            ((sure - from) * unit) as usize,
        );
        system::close(file);
        if given.is_ok() {
            (*header).sure_units = sure;
        }
        given.is_ok()
    }
}

/// Writes bytes down; an empty text, and the loss counted, if there is no room.
///
/// # Safety
/// The GIL is held and the file is mapped.
pub(crate) unsafe fn keep(bytes: &[u8]) -> Text {
    if bytes.is_empty() {
        return Text::default();
    }
    // SAFETY: as the caller promises; the units given out have room for the bytes.
    unsafe {
        let unit = take(bytes.len().div_ceil(UNIT_BYTES) as u32);
        if unit == 0 {
            (*header()).lost.texts += 1;
            return Text::default();
        }
        let place = crate::state::entry::<u8>(unit);
        core::ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len());
        Text {
            unit,
            length: bytes.len() as u32,
        }
    }
}

/// The bytes of a text that was kept.
///
/// # Safety
/// The GIL is held, the file is mapped, and the text is one of [`keep`].
pub(crate) unsafe fn text(text: Text) -> &'static [u8] {
    // SAFETY: as the caller promises; a text does not change.
    unsafe {
        let place = crate::state::entry::<u8>(text.unit);
        core::slice::from_raw_parts(place, text.length as usize)
    }
}

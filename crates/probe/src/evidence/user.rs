//! Whose code led here: the innermost frame that is not a library's, and the one that called it.

use super::evidence;
use crate::arena;
use crate::callables;
use crate::monitor::running_frame;
use crate::object::{Object, field, is};
use crate::state::{api, entry, state};
use pitstop_wire::{Callable, SITE_BITS};

/// How many frames are looked at.
const MOST_FRAMES: usize = 200;

/// A call site: a callable and where in it, in instruction units plus one.
pub(super) type Site = (u32, u32);

/// The user's innermost frame and the next one outwards; without one of the user's, the innermost.
/// `inside` leaves out the frame that runs: it is that of the function that was called.
///
/// # Safety
/// The GIL is held.
pub(super) unsafe fn sites(inside: bool) -> (Site, Site) {
    // SAFETY: a frame that runs is whole, and so are those that called it.
    unsafe {
        let (mut first, mut innermost) = ((0, 0), (0, 0));
        let mut frame = running_frame() as *const Object;
        let offsets = &raw const (*state()).offsets;
        if inside && !frame.is_null() {
            frame = field(frame, (*offsets).frame_previous);
        }
        for _ in 0..MOST_FRAMES {
            if frame.is_null() {
                break;
            }
            let code: u64 = field(frame, (*offsets).frame_code);
            let code = (code & !3) as *mut Object;
            // From 3.12 on there are frames of the interpreter itself, without code.
            if !code.is_null() && is(code, api().code_type) {
                let callable = callables::of_code(code);
                if callable != 0 {
                    let site = (callable, unit_of(frame, code));
                    if innermost.0 == 0 {
                        innermost = site;
                    }
                    if !is_library(callable) {
                        if first.0 != 0 {
                            return (first, site);
                        }
                        first = site;
                    }
                }
            }
            frame = field(frame, (*offsets).frame_previous);
        }
        if first.0 == 0 {
            (innermost, (0, 0))
        } else {
            (first, (0, 0))
        }
    }
}

/// The instruction that runs, in units of two bytes plus one; 0 if that is unknown.
unsafe fn unit_of(frame: *const Object, code: *const Object) -> u32 {
    // SAFETY: the offsets of this version were verified at the start.
    unsafe {
        let offsets = &raw const (*state()).offsets;
        let unit = match (*state()).minor {
            ..=9 => i64::from(field::<i32>(frame, (*offsets).frame_instruction)) >> 1,
            10 => i64::from(field::<i32>(frame, (*offsets).frame_instruction)),
            _ => {
                let at: i64 = field(frame, (*offsets).frame_instruction);
                (at - (code as i64 + i64::from((*offsets).code_bytes))) >> 1
            }
        };
        if (0..(1 << SITE_BITS) - 1).contains(&unit) {
            unit as u32 + 1
        } else {
            0
        }
    }
}

/// A number that is the same for all calls of one call site. 3.11 calls from one instruction or the
/// next, as it has specialized them or not; there it is the line.
///
/// # Safety
/// The GIL is held and the site is one of [`sites`].
pub(super) unsafe fn place(site: Site) -> u64 {
    // SAFETY: the callable is one whose code object runs.
    unsafe {
        let code = if site.0 == 0 {
            0
        } else {
            (*entry::<Callable>(site.0)).address
        };
        match api().code_line {
            Some(line) if (*state()).minor == 11 && site.1 != 0 && code != 0 => {
                line(code as *mut Object, (site.1 - 1) as i32 * 2) as u64
            }
            _ => u64::from(site.1),
        }
    }
}

/// True if the site is one in the user's own code.
///
/// # Safety
/// The GIL is held and the site is one of [`sites`].
pub(super) unsafe fn is_users(site: Site) -> bool {
    // SAFETY: the unit is one of a callable.
    site.0 != 0 && !unsafe { is_library(site.0) }
}

/// True for code of the standard library, of packages, and of our own bootstrap.
unsafe fn is_library(callable: u32) -> bool {
    // SAFETY: the unit is one of a callable.
    unsafe {
        let callable = entry::<Callable>(callable);
        if (*callable).owner == 0 {
            let file = arena::text((*callable).file);
            (*callable).owner = if lies_in_library(file) { 2 } else { 1 };
        }
        (*callable).owner == 2
    }
}

unsafe fn lies_in_library(file: &[u8]) -> bool {
    let has = |part: &[u8]| file.windows(part.len()).any(|window| window == part);
    // Text that a library made into code; what was typed in is the user's.
    let is_typed = [&b"<string>"[..], b"<stdin>", b"<ipython-input"]
        .iter()
        .any(|typed| file.starts_with(typed));
    if file.starts_with(b"<") && !is_typed || has(b"/site-packages/") || has(b"/dist-packages/") {
        return true;
    }
    // SAFETY: the bootstrap gave a bytes object.
    let libraries = unsafe {
        let libraries = (*evidence()).libraries;
        if libraries.is_null() {
            return false;
        }
        core::slice::from_raw_parts(
            (api().bytes_data)(libraries).cast::<u8>(),
            (api().bytes_size)(libraries).max(0) as usize,
        )
    };
    let mut directories = libraries.split(|&byte| byte == 0);
    directories.any(|directory| !directory.is_empty() && file.starts_with(directory))
}

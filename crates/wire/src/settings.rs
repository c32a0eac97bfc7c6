//! What the collector tells the probe: what to record, and where things lie in the interpreter.
//!
//! The probe has no table of its own. It gets the offsets of the one version it runs in. From 3.13
//! on the interpreter describes itself: there it also gets the place of each offset in that
//! description, and what the interpreter says counts. It holds all of them against objects whose
//! fields it knows, and refuses to work where they differ.

use core::mem::size_of;

/// What to record, bits of [`Settings::options`].
pub mod option {
    /// Every call of a Python function.
    pub const CALLS: u32 = 1;
    /// Calls of functions without Python code too.
    pub const C_CALLS: u32 = 2;
    /// Lines of chosen functions.
    pub const LINES: u32 = 4;
    /// Arguments of chosen functions.
    pub const ARGUMENTS: u32 = 8;
    /// Statements given to databases.
    pub const QUERIES: u32 = 16;
    /// What blocks event loops.
    pub const BLOCKING: u32 = 32;
    /// All that is no trace of calls or lines.
    pub const EVIDENCE: u32 = ARGUMENTS | QUERIES | BLOCKING;
}

/// Offsets in bytes; [`Offsets::NONE`] where the version has no such field.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offsets {
    /// `co_filename`.
    pub code_file: u32,
    /// `co_name`.
    pub code_name: u32,
    /// `co_qualname`.
    pub code_qualname: u32,
    /// `co_firstlineno`.
    pub code_first_line: u32,
    /// `co_lnotab` or `co_linetable`.
    pub code_lines: u32,
    /// `co_code_adaptive`, or the pointer `co_code` up to 3.10.
    pub code_bytes: u32,
    /// `length` of a str.
    pub str_length: u32,
    /// `state` of a str.
    pub str_state: u32,
    /// The text of a compact ASCII str.
    pub str_ascii: u32,
    /// The text of any other compact str.
    pub str_compact: u32,
    /// The bytes of a `bytes`.
    pub bytes_data: u32,
    /// `tstate->frame`, `cframe` or `current_frame`.
    pub thread_frame: u32,
    /// `f_lasti` (3.8 to 3.10), `prev_instr` or `instr_ptr`.
    pub frame_instruction: u32,
    /// The code object of a frame.
    pub frame_code: u32,
    /// The caller of a frame.
    pub frame_previous: u32,
    /// The first local variable of a frame.
    pub frame_locals: u32,
    /// `_PyCFrame.current_frame` where `thread_frame` is `cframe`, else [`Offsets::NONE`].
    pub cframe_frame: u32,
    /// `lv_tag` of an int from 3.12 on.
    pub long_tag: u32,
    /// Its digits.
    pub long_digits: u32,
}

impl Offsets {
    /// The version has no such field.
    pub const NONE: u32 = u32::MAX;

    /// The offsets that an interpreter says of itself: `word` reads a place of its description.
    /// What it does not describe stays, moved along with its neighbour. `None` if it says what
    /// cannot be: no struct that is meant here has 64 KiB.
    pub fn described(&self, places: &Self, mut word: impl FnMut(u32) -> u64) -> Option<Self> {
        const MOST: u64 = 1 << 16;
        let mut found = *self;
        for (offset, place) in found.numbers_mut().into_iter().zip(places.numbers()) {
            if place != Self::NONE {
                *offset = u32::try_from(word(place)).ok()?;
                if u64::from(*offset) >= MOST {
                    return None;
                }
            }
        }
        if places.str_compact == Self::NONE {
            // The larger header of a str is as much larger as it always was.
            let more = self.str_compact.checked_sub(self.str_ascii)?;
            found.str_compact = found.str_ascii + more;
        }
        Some(found)
    }
}

/// The bytes of a settings file.
pub const SETTINGS_BYTES: usize = size_of::<Settings>();

/// The first minor version with offsets here, and how many follow it.
const FIRST_MINOR: u8 = 8;
const MINORS: usize = 8;

/// The whole file.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// [`crate::MAGIC`].
    pub magic: u64,
    /// [`crate::FORMAT`].
    pub format: u32,
    /// Bits of [`option`].
    pub options: u32,
    /// Calls to keep in time, a power of two; 0 for none.
    pub span_capacity: u32,
    /// The most units a file may have.
    pub most_units: u32,
    /// A callback of an event loop is slow from so many microseconds on.
    pub slow_us: u32,
    /// Zero.
    pub reserved: u32,
    /// Offsets by minor version, from 3.8 on; all zero where there are none.
    pub offsets: [Offsets; MINORS],
    /// Where the interpreter itself says them, likewise: for each offset its place in
    /// `_Py_DebugOffsets` in words of 8 bytes, [`Offsets::NONE`] where it says nothing. All zero for
    /// versions that do not describe themselves.
    pub places: [Offsets; MINORS],
}

impl Settings {
    /// The offsets for CPython 3.`minor`.
    pub fn offsets(&self, minor: u8) -> Option<&Offsets> {
        Self::of(&self.offsets, minor)
    }

    /// The places of them in the description that CPython 3.`minor` gives of itself, if it does.
    pub fn places(&self, minor: u8) -> Option<&Offsets> {
        Self::of(&self.places, minor)
    }

    fn of(all: &[Offsets; MINORS], minor: u8) -> Option<&Offsets> {
        let index = usize::from(minor.checked_sub(FIRST_MINOR)?);
        all.get(index)
            .filter(|offsets| **offsets != Offsets::default())
    }

    /// Sets the offsets for CPython 3.`minor`, and their places where it describes itself; a
    /// version that has no place here is left out.
    pub fn set_offsets(&mut self, minor: u8, offsets: Offsets, places: Option<Offsets>) {
        let index = minor.checked_sub(FIRST_MINOR).map(usize::from);
        let Some(index) = index.filter(|index| *index < MINORS) else {
            return;
        };
        self.offsets[index] = offsets;
        self.places[index] = places.unwrap_or_default();
    }

    /// The bytes of the file.
    pub fn to_bytes(&self) -> [u8; SETTINGS_BYTES] {
        let mut bytes = [0; SETTINGS_BYTES];
        let mut rest = &mut bytes[..];
        let mut put = |value: &[u8]| {
            let (front, back) = core::mem::take(&mut rest).split_at_mut(value.len());
            front.copy_from_slice(value);
            rest = back;
        };
        put(&self.magic.to_le_bytes());
        for number in [
            self.format,
            self.options,
            self.span_capacity,
            self.most_units,
            self.slow_us,
            self.reserved,
        ] {
            put(&number.to_le_bytes());
        }
        for offsets in self.offsets.iter().chain(&self.places) {
            for number in offsets.numbers() {
                put(&number.to_le_bytes());
            }
        }
        bytes
    }

    /// Reads the bytes of a file; `None` if they are not one of this format.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.get(..SETTINGS_BYTES)?;
        let mut settings = Self {
            magic: u64::from_le_bytes(*rest.split_first_chunk()?.0),
            ..Self::default()
        };
        rest = &rest[8..];
        let mut take = || -> Option<u32> {
            let (front, back) = rest.split_first_chunk()?;
            rest = back;
            Some(u32::from_le_bytes(*front))
        };
        settings.format = take()?;
        settings.options = take()?;
        settings.span_capacity = take()?;
        settings.most_units = take()?;
        settings.slow_us = take()?;
        settings.reserved = take()?;
        for offsets in settings.offsets.iter_mut().chain(&mut settings.places) {
            for number in offsets.numbers_mut() {
                *number = take()?;
            }
        }
        (settings.magic == crate::MAGIC && settings.format == crate::FORMAT).then_some(settings)
    }
}

macro_rules! numbers {
    ($($field:ident)*) => {
        impl Offsets {
            fn numbers(&self) -> [u32; size_of::<Self>() / 4] {
                [$(self.$field),*]
            }
            fn numbers_mut(&mut self) -> [&mut u32; size_of::<Self>() / 4] {
                [$(&mut self.$field),*]
            }
        }
    };
}

numbers! {
    code_file code_name code_qualname code_first_line code_lines code_bytes
    str_length str_state str_ascii str_compact bytes_data
    thread_frame frame_instruction frame_code frame_previous frame_locals cframe_frame
    long_tag long_digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_were_written() {
        let mut settings = Settings {
            magic: crate::MAGIC,
            format: crate::FORMAT,
            options: option::CALLS,
            span_capacity: 1024,
            most_units: 77,
            ..Settings::default()
        };
        let offsets = Offsets {
            code_file: 1,
            long_digits: 18,
            ..Offsets::default()
        };
        let places = Offsets {
            code_file: 35,
            ..Offsets::default()
        };
        settings.set_offsets(8, offsets, None);
        settings.set_offsets(15, offsets, Some(places));
        settings.set_offsets(16, offsets, None);
        let bytes = settings.to_bytes();
        let read = Settings::from_bytes(&bytes).unwrap();
        assert_eq!(read, settings);
        assert_eq!(read.offsets(15), Some(&offsets));
        assert_eq!((read.places(8), read.places(15)), (None, Some(&places)));
        assert_eq!(
            (read.offsets(9), read.offsets(16), read.offsets(7)),
            (None, None, None)
        );
    }

    #[test]
    fn what_the_interpreter_says_of_itself_counts() {
        let mut none = Offsets::default();
        none.numbers_mut()
            .into_iter()
            .for_each(|n| *n = Offsets::NONE);
        let known = Offsets {
            str_ascii: 40,
            str_compact: 56,
            code_name: 8,
            ..Offsets::default()
        };
        let places = Offsets {
            str_ascii: 7,
            code_file: 3,
            ..none
        };
        let said = |place: u32| u64::from(place) * 10;
        let found = known.described(&places, said).unwrap();
        let expected = Offsets {
            str_ascii: 70,
            str_compact: 86,
            code_file: 30,
            ..known
        };
        assert_eq!(found, expected);
        for impossible in [1 << 16, u64::MAX] {
            assert_eq!(known.described(&places, |_| impossible), None);
        }
    }

    #[test]
    fn what_is_no_settings_file_is_refused() {
        let bytes = Settings::default().to_bytes();
        assert_eq!(Settings::from_bytes(&bytes), None);
        assert_eq!(Settings::from_bytes(&bytes[..9]), None);
        assert_eq!(Settings::from_bytes(&[]), None);
    }
}

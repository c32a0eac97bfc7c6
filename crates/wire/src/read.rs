//! Reading the file: every number in it is doubted.
//!
//! The program that it comes from may have overwritten it, or may still be writing. What does not
//! fit is left out, never followed: lists are followed only to older entries, so they end.

use crate::evidence::{
    Blocking, KeyRecord, OVERFLOW_KEYS, Query, REGISTERS, REUSE_BUCKETS, Slow, Watched,
};
use crate::layout::{
    Callable, Cold, FIRST_UNIT, FORMAT, Header, LineFrame, LineRecord, MAGIC, Node, SpanRecord,
    Text, Thread, TimedCode, UNIT_BYTES,
};
use core::fmt;
use core::mem::size_of;

/// Why a file cannot be read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It is too short for a header, or none was written.
    NotATrace,
    /// It has another layout: that of another version of Pitstop.
    Format(u32),
}

impl fmt::Display for Damage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotATrace => write!(out, "it holds no trace"),
            Self::Format(format) => write!(out, "its format is {format}, ours is {FORMAT}"),
        }
    }
}

impl core::error::Error for Damage {}

/// Structs of the layout: whole numbers only, so any bytes are one.
///
/// # Safety
/// The type must be `repr(C)` and made of integers only.
unsafe trait Plain: Copy {}

// SAFETY: all of them are `repr(C)` and made of integers only, see `layout.rs`.
unsafe impl Plain for Header {}
// SAFETY: likewise.
unsafe impl Plain for Thread {}
// SAFETY: likewise.
unsafe impl Plain for Callable {}
// SAFETY: likewise.
unsafe impl Plain for Node {}
// SAFETY: likewise.
unsafe impl Plain for Cold {}
// SAFETY: likewise.
unsafe impl Plain for SpanRecord {}
// SAFETY: likewise.
unsafe impl Plain for TimedCode {}
// SAFETY: likewise.
unsafe impl Plain for LineRecord {}
// SAFETY: likewise.
unsafe impl Plain for LineFrame {}
// SAFETY: likewise, see `evidence.rs`.
unsafe impl Plain for Watched {}
// SAFETY: likewise.
unsafe impl Plain for KeyRecord {}
// SAFETY: likewise.
unsafe impl Plain for Query {}
// SAFETY: likewise.
unsafe impl Plain for Blocking {}
// SAFETY: likewise.
unsafe impl Plain for Slow {}
// SAFETY: a number.
unsafe impl Plain for u64 {}

fn plain<T: Plain>(bytes: &[u8], offset: usize) -> Option<T> {
    let end = offset.checked_add(size_of::<T>())?;
    let piece = bytes.get(offset..end)?;
    // SAFETY: `piece` has as many bytes as `T`, and any bytes are a `T`.
    Some(unsafe { piece.as_ptr().cast::<T>().read_unaligned() })
}

/// A file, or the used part of one.
#[derive(Clone, Copy, Debug)]
pub struct Trace<'a> {
    bytes: &'a [u8],
    header: Header,
}

impl<'a> Trace<'a> {
    /// How many bytes of a file are worth reading, by its first page.
    ///
    /// # Errors
    /// See [`Damage`].
    pub fn used_bytes(page: &[u8]) -> Result<u64, Damage> {
        Ok(header(page)?.used_units.saturating_mul(UNIT_BYTES as u64))
    }

    /// Looks at the bytes of a file.
    ///
    /// # Errors
    /// See [`Damage`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, Damage> {
        Ok(Self {
            bytes,
            header: header(bytes)?,
        })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    fn entry<T: Plain>(&self, unit: u32) -> Option<T> {
        if unit < FIRST_UNIT {
            return None;
        }
        plain(self.bytes, unit as usize * UNIT_BYTES)
    }

    fn list<T: Plain>(
        &self,
        newest: u32,
        next: fn(&T) -> u32,
    ) -> impl Iterator<Item = (u32, T)> + use<'a, T> {
        let trace = *self;
        let mut unit = newest;
        core::iter::from_fn(move || {
            let entry: T = trace.entry(unit)?;
            let here = unit;
            // Only older entries are linked; anything else ends the list.
            unit = Some(next(&entry))
                .filter(|&older| older < here)
                .unwrap_or(0);
            Some((here, entry))
        })
    }

    /// All threads with their units, the newest first.
    pub fn threads(&self) -> impl Iterator<Item = (u32, Thread)> + use<'a> {
        self.list(self.header.threads, |thread: &Thread| thread.next)
    }

    /// All callables with their units, the newest first.
    pub fn callables(&self) -> impl Iterator<Item = (u32, Callable)> + use<'a> {
        self.list(self.header.callables, |callable: &Callable| callable.next)
    }

    /// All code objects whose lines were timed, the newest first.
    pub fn timed(&self) -> impl Iterator<Item = (u32, TimedCode)> + use<'a> {
        self.list(self.header.timed, |timed: &TimedCode| timed.next)
    }

    /// All functions whose arguments were watched, the newest first.
    pub fn watched(&self) -> impl Iterator<Item = Watched> + use<'a> {
        let all = self.list(self.header.evidence.watched, |entry: &Watched| entry.next);
        all.map(|(_, entry)| entry)
    }

    /// All statements with their units, the newest first.
    pub fn queries(&self) -> impl Iterator<Item = (u32, Query)> + use<'a> {
        self.list(self.header.evidence.queries, |entry: &Query| entry.next)
    }

    /// All calls that blocked an event loop, the newest first.
    pub fn blocking(&self) -> impl Iterator<Item = Blocking> + use<'a> {
        let all = self.list(self.header.evidence.blocking, |entry: &Blocking| entry.next);
        all.map(|(_, entry)| entry)
    }

    /// All slow callbacks, the newest first.
    pub fn slow(&self) -> impl Iterator<Item = Slow> + use<'a> {
        let all = self.list(self.header.evidence.slow, |entry: &Slow| entry.next);
        all.map(|(_, entry)| entry)
    }

    /// The combinations of arguments of a function, in no order; those beyond the full table last.
    pub fn keys(&self, watched: &Watched) -> impl Iterator<Item = KeyRecord> + use<'a> {
        let trace = *self;
        let within = move |first: u32, count: u32| {
            let count = if first < FIRST_UNIT { 0 } else { count };
            (0..count).map_while(move |index| trace.entry(first.checked_add(index)?))
        };
        let all = within(watched.keys, watched.key_capacity)
            .chain(within(watched.overflow, OVERFLOW_KEYS));
        all.filter(|key: &KeyRecord| key.hash != 0)
    }

    /// Calls of a function by the bucket of their distance to the one before with the same key.
    pub fn reuse(&self, watched: &Watched) -> impl Iterator<Item = u64> + use<'a> {
        let (bytes, first) = (self.bytes, watched.reuse as usize * UNIT_BYTES);
        let count = if watched.reuse < FIRST_UNIT {
            0
        } else {
            REUSE_BUCKETS
        };
        (0..count).map_while(move |index| plain(bytes, first + index * size_of::<u64>()))
    }

    /// The registers of the HyperLogLog of a function; empty without one.
    pub fn registers(&self, watched: &Watched) -> &'a [u8] {
        self.text(Text {
            unit: watched.registers,
            length: REGISTERS as u32,
        })
    }

    /// The path at a unit.
    pub fn node(&self, unit: u32) -> Option<Node> {
        self.entry(unit)
    }

    /// The children of a path, the newest first: entries younger than it that name it as parent.
    pub fn children(&self, parent: u32) -> impl Iterator<Item = (u32, Node)> + use<'a> {
        let newest = self.node(parent).map_or(0, |node| node.child);
        self.list(newest, |node: &Node| node.sibling)
            .take_while(move |&(unit, node)| unit > parent && node.parent == parent)
    }

    /// What else is known of a path.
    pub fn cold(&self, unit: u32, node: &Node) -> Cold {
        self.entry(node.cold)
            .filter(|cold: &Cold| cold.node == u64::from(unit))
            .unwrap_or_default()
    }

    /// The activations of timed code that run in a thread, from the innermost outwards; at most so
    /// many. They are used again and have no order in the file, so the list is bounded by that.
    pub fn line_frames(
        &self,
        thread: &Thread,
        most: usize,
    ) -> impl Iterator<Item = LineFrame> + use<'a> {
        let trace = *self;
        let mut unit = thread.line_frame;
        let frames = core::iter::from_fn(move || {
            let frame: LineFrame = trace.entry(unit)?;
            unit = frame.below;
            Some(frame)
        });
        frames.take_while(|frame| frame.code != 0).take(most)
    }

    /// The lines of a timed code object, in their order.
    pub fn lines(&self, timed: &TimedCode) -> impl Iterator<Item = (u32, LineRecord)> + use<'a> {
        let bytes = self.bytes;
        let first = timed.lines as usize * UNIT_BYTES;
        let (first_line, count) = (timed.first_line, timed.line_count);
        let count = if timed.lines < FIRST_UNIT { 0 } else { count };
        (0..count).map_while(move |index| {
            let at = first + index as usize * size_of::<LineRecord>();
            Some((first_line.checked_add(index)?, plain(bytes, at)?))
        })
    }

    /// The calls in time that are still there, the oldest first, and how many are not.
    pub fn spans(&self) -> (impl Iterator<Item = SpanRecord> + use<'a>, u64) {
        let header = self.header;
        let capacity = u64::from(header.span_capacity);
        let kept = header.span_count.min(capacity);
        let bytes = self.bytes;
        let first = header.spans as usize * UNIT_BYTES;
        let begin = header.span_count - kept;
        let spans = (0..kept).filter_map(move |index| {
            let number = begin + index;
            let place = (number % capacity.max(1)) as usize;
            let span: SpanRecord = plain(bytes, first + place * size_of::<SpanRecord>())?;
            (span.number == number + 1).then_some(span)
        });
        (spans, begin)
    }

    /// The bytes of a text; empty where it lies outside the file.
    pub fn text(&self, text: Text) -> &'a [u8] {
        if text.unit < FIRST_UNIT {
            return &[];
        }
        let start = text.unit as usize * UNIT_BYTES;
        let end = start + text.length as usize;
        self.bytes.get(start..end).unwrap_or(&[])
    }
}

fn header(bytes: &[u8]) -> Result<Header, Damage> {
    let header: Header = plain(bytes, 0).ok_or(Damage::NotATrace)?;
    if header.magic != MAGIC || header.unit_bytes as usize != UNIT_BYTES {
        return Err(Damage::NotATrace);
    }
    if header.format != FORMAT {
        return Err(Damage::Format(header.format));
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file with a header and `units` units, with entries to be put in.
    struct Made {
        bytes: Vec<u8>,
        header: Header,
    }

    impl Made {
        fn new(units: usize) -> Self {
            let header = Header {
                magic: MAGIC,
                format: FORMAT,
                unit_bytes: UNIT_BYTES as u32,
                used_units: u64::from(FIRST_UNIT) + units as u64,
                ..Header::default()
            };
            Self {
                bytes: vec![0; (FIRST_UNIT as usize + units) * UNIT_BYTES],
                header,
            }
        }

        fn put<T: Plain>(&mut self, unit: u32, entry: T) {
            let at = unit as usize * UNIT_BYTES;
            assert!(at + size_of::<T>() <= self.bytes.len());
            // SAFETY: the range was just checked; a `Plain` type may be copied byte by byte.
            unsafe {
                self.bytes
                    .as_mut_ptr()
                    .add(at)
                    .cast::<T>()
                    .write_unaligned(entry);
            }
        }

        fn finish(mut self) -> Vec<u8> {
            let header = self.header;
            self.put(0, header);
            self.bytes
        }
    }

    fn node(parent: u32, child: u32, sibling: u32) -> Node {
        Node {
            parent,
            child,
            sibling,
            ..Node::default()
        }
    }

    #[test]
    fn children_are_found_and_links_to_younger_or_foreign_ones_end_the_list() {
        let first = FIRST_UNIT;
        let mut made = Made::new(8);
        made.put(first, node(0, first + 3, 0));
        made.put(first + 3, node(first, 0, first + 2));
        made.put(first + 2, node(first, 0, first + 1));
        // A circle, and a child of somebody else.
        made.put(first + 1, node(first, 0, first + 3));
        let bytes = made.finish();
        let trace = Trace::new(&bytes).unwrap();
        let units: Vec<u32> = trace.children(first).map(|(unit, _)| unit).collect();
        assert_eq!(units, [first + 3, first + 2, first + 1]);
        let mut made = Made::new(8);
        made.put(first, node(0, first + 3, 0));
        made.put(first + 3, node(first + 1, 0, 0));
        let bytes = made.finish();
        assert_eq!(Trace::new(&bytes).unwrap().children(first).count(), 0);
    }

    #[test]
    fn what_lies_outside_the_file_is_empty() {
        let mut made = Made::new(1);
        made.header.threads = 4_000_000_000;
        made.header.spans = u32::MAX;
        made.header.span_capacity = 8;
        made.header.span_count = 100;
        let bytes = made.finish();
        let trace = Trace::new(&bytes).unwrap();
        assert_eq!(trace.threads().count(), 0);
        let (spans, gone) = trace.spans();
        assert_eq!((spans.count(), gone), (0, 92));
        let far = Text {
            unit: u32::MAX,
            length: u32::MAX,
        };
        assert_eq!(trace.text(far), b"");
        let timed = TimedCode {
            lines: FIRST_UNIT,
            line_count: 9,
            ..TimedCode::default()
        };
        assert_eq!(
            trace.lines(&timed).count(),
            1,
            "one record fits into the unit"
        );
    }

    #[test]
    fn a_file_cut_anywhere_is_read_without_harm() {
        let mut made = Made::new(4);
        let first = FIRST_UNIT;
        made.header.threads = first;
        made.put(
            first,
            Thread {
                root: first + 2,
                ..Thread::default()
            },
        );
        made.put(first + 2, node(0, 0, 0));
        let bytes = made.finish();
        for end in 0..=bytes.len() {
            let Ok(trace) = Trace::new(&bytes[..end]) else {
                assert!(end < size_of::<Header>());
                continue;
            };
            for (_, thread) in trace.threads() {
                assert!(trace.children(thread.root).count() == 0);
            }
        }
    }

    #[test]
    fn a_foreign_format_is_named() {
        let mut made = Made::new(0);
        made.header.format = 9;
        assert_eq!(Trace::new(&made.finish()).unwrap_err(), Damage::Format(9));
        assert_eq!(Trace::new(&[0; 4096]).unwrap_err(), Damage::NotATrace);
    }
}

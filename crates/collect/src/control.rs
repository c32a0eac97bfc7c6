//! The few words of an interpreter that every sample needs: the newest thread, whether the
//! collector is at work, and the GIL. Read together with the stacks, and the GIL last of all.

use pitstop_cpython::{Gil, Interpreter, Layout, Slice, gc_collecting_address};

/// Words closer together than this are fetched as one range: copying is cheaper than one more.
const MERGE_BYTES: u64 = 2048;

/// A plan for reading an interpreter's words, and the last copy of them.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    ranges: Vec<(u64, Vec<u8>)>,
    head: u64,
    collecting: Option<u64>,
    gil: u64,
}

impl Control {
    /// Plans the reads for one interpreter.
    pub(crate) fn new(layout: &Layout, runtime: u64, interpreter: &Interpreter) -> Self {
        let head = interpreter.address + layout.interpreter.threads_head;
        let collecting = gc_collecting_address(layout, runtime, interpreter.address);
        let gil = interpreter.gil;
        let mut words = vec![(head, 8)];
        words.extend(collecting.map(|address| (address, 4)));
        words.sort_unstable();
        // The GIL comes last: it vouches for everything read before it.
        words.push((gil, Gil::prefix_bytes(layout) as u64));
        let mut spans: Vec<(u64, u64)> = Vec::new();
        for (address, length) in words {
            let end = address + length;
            match spans.last_mut() {
                Some(last) if address >= last.0 && end - last.0 <= MERGE_BYTES => {
                    last.1 = last.1.max(end);
                }
                _ => spans.push((address, end)),
            }
        }
        let ranges = spans
            .into_iter()
            .map(|(start, end)| (start, vec![0; (end - start) as usize]))
            .collect();
        Self {
            ranges,
            head,
            collecting,
            gil,
        }
    }

    /// How many slices [`Control::slices`] appends.
    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Appends the ranges to a batch of slices to read.
    pub(crate) fn slices<'a>(&'a mut self, batch: &mut Vec<Slice<'a>>) {
        for (address, buffer) in &mut self.ranges {
            batch.push(Slice {
                address: *address,
                buffer,
            });
        }
    }

    /// The newest thread state of the interpreter at the last read.
    pub(crate) fn threads_head(&self) -> u64 {
        self.word::<8>(self.head).map_or(0, u64::from_ne_bytes)
    }

    /// Whether the collector was at work at the last read.
    pub(crate) fn is_collecting(&self) -> bool {
        let word = self.collecting.and_then(|address| self.word::<4>(address));
        word.is_some_and(|word| u32::from_ne_bytes(word) == 1)
    }

    /// The GIL at the last read.
    pub(crate) fn gil(&self, layout: &Layout) -> Gil {
        Gil::parse(layout, self.bytes_from(self.gil).unwrap_or_default())
    }

    fn word<const N: usize>(&self, address: u64) -> Option<[u8; N]> {
        self.bytes_from(address)?.get(..N)?.try_into().ok()
    }

    fn bytes_from(&self, address: u64) -> Option<&[u8]> {
        self.ranges.iter().find_map(|(start, bytes)| {
            let at = usize::try_from(address.checked_sub(*start)?).ok()?;
            bytes.get(at..).filter(|rest| !rest.is_empty())
        })
    }
}

//! A set of memory ranges copied together, and the guess of what the next copy will need.
//!
//! A stack lies in few places: one or two pages of the data stack, the generators' own memory,
//! on 3.8 to 3.10 the heap pages of its frame objects. Those places hardly change from one sample
//! to the next. So each walk notes which bytes it used, and the next sample fetches exactly
//! those, and a little more, in one system call; what the guess missed is fetched page by page.

use crate::memory::{Memory, ReadError, Slice};

const PAGE: u64 = 4096;
/// Bytes fetched beyond the last used one: room for the stack to grow by a few frames.
const SLACK: u64 = 512;
/// A guess of more ranges than this costs more than fetching on demand.
const MAX_GUESSES: usize = 24;
/// The longest single range of a guess: a chunk of the data stack.
const MAX_RANGE: u64 = 4 * PAGE;

/// A copied range.
#[derive(Clone, Debug, Default)]
struct Range {
    start: u64,
    bytes: Vec<u8>,
    valid: bool,
    used_from: u64,
    used_to: u64,
}

impl Range {
    fn contains(&self, address: u64, length: u64) -> bool {
        self.valid
            && address >= self.start
            && address - self.start + length <= self.bytes.len() as u64
    }
}

/// Copied memory of one thread's stack. Reused from sample to sample, so that a steady state
/// allocates nothing.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    ranges: Vec<Range>,
    live: usize,
    last: usize,
    fetches_left: u32,
    missed: bool,
}

impl Snapshot {
    /// Starts a new sample: turns the bytes used by the last walk into the guess for this one.
    ///
    /// `fetches` is how many further reads the walk may make on its own.
    pub fn begin(&mut self, fetches: u32) {
        self.begin_with_slack(fetches, SLACK);
    }

    /// Like [`Snapshot::begin`], with room for the stack to grow by `slack` bytes.
    pub fn begin_with_slack(&mut self, fetches: u32, slack: u64) {
        let mut kept = 0;
        for index in 0..self.live {
            let range = &mut self.ranges[index];
            if range.used_from >= range.used_to || kept == MAX_GUESSES {
                continue;
            }
            let start = range.used_from & !63;
            let end = (range.used_to + slack).min(start.saturating_add(MAX_RANGE));
            // The slack must not reach into a page the walk has not touched: it may not exist.
            let end = end.min((range.used_to + PAGE - 1) & !(PAGE - 1));
            range.start = start;
            range.bytes.resize((end - start) as usize, 0);
            range.used_from = u64::MAX;
            range.used_to = 0;
            range.valid = false;
            self.ranges.swap(kept, index);
            kept += 1;
        }
        self.live = kept;
        self.last = 0;
        self.fetches_left = fetches;
        self.missed = false;
    }

    /// Starts a sample with the guess of another snapshot that has just begun. The walk may make
    /// no reads of its own.
    pub fn begin_like(&mut self, other: &Self) {
        let guesses = &other.ranges[..other.live];
        if self.ranges.len() < guesses.len() {
            self.ranges.resize(guesses.len(), Range::default());
        }
        for (range, guess) in self.ranges.iter_mut().zip(guesses) {
            range.start = guess.start;
            range.bytes.resize(guess.bytes.len(), 0);
            range.used_from = u64::MAX;
            range.used_to = 0;
            range.valid = false;
        }
        self.live = guesses.len();
        self.last = 0;
        self.fetches_left = 0;
        self.missed = false;
    }

    /// Starts a new sample with the guess of the last one: its walk told nothing.
    pub fn begin_again(&mut self, fetches: u32) {
        for range in &mut self.ranges[..self.live] {
            range.used_from = u64::MAX;
            range.used_to = 0;
            range.valid = false;
        }
        self.last = 0;
        self.fetches_left = fetches;
        self.missed = false;
    }

    /// Appends the guessed ranges to a batch of slices to read.
    pub fn slices<'a>(&'a mut self, batch: &mut Vec<Slice<'a>>) {
        for range in &mut self.ranges[..self.live] {
            batch.push(Slice {
                address: range.start,
                buffer: &mut range.bytes,
            });
        }
    }

    /// The number of guessed ranges, that is of slices that [`Snapshot::slices`] appends.
    pub fn guesses(&self) -> usize {
        self.live
    }

    /// Declares the first `count` guessed ranges filled; the others are fetched when needed.
    pub fn filled(&mut self, count: usize) {
        for (index, range) in self.ranges[..self.live].iter_mut().enumerate() {
            range.valid = index < count;
        }
    }

    /// True if the walk needed bytes beyond the guess, so that they were read later than the rest.
    pub fn missed(&self) -> bool {
        self.missed
    }

    /// Copies `buffer.len()` bytes at `address` out of the snapshot, fetching their page first if
    /// it is not there.
    ///
    /// # Errors
    /// [`ReadError::Budget`] when the walk has used up its own reads, else why the page is not
    /// readable.
    pub fn get(
        &mut self,
        memory: &impl Memory,
        address: u64,
        buffer: &mut [u8],
    ) -> Result<(), ReadError> {
        let length = buffer.len() as u64;
        if address.checked_add(length + PAGE).is_none() {
            return Err(ReadError::Unmapped(address));
        }
        let index = match self.find(address, length) {
            Some(index) => index,
            None => self.fetch(memory, address, length)?,
        };
        let range = &mut self.ranges[index];
        let at = (address - range.start) as usize;
        buffer.copy_from_slice(&range.bytes[at..at + buffer.len()]);
        range.used_from = range.used_from.min(address);
        range.used_to = range.used_to.max(address + length);
        self.last = index;
        Ok(())
    }

    fn find(&self, address: u64, length: u64) -> Option<usize> {
        let live = &self.ranges[..self.live];
        if live
            .get(self.last)
            .is_some_and(|range| range.contains(address, length))
        {
            return Some(self.last);
        }
        live.iter()
            .position(|range| range.contains(address, length))
    }

    fn fetch(
        &mut self,
        memory: &impl Memory,
        address: u64,
        length: u64,
    ) -> Result<usize, ReadError> {
        self.fetches_left = self.fetches_left.checked_sub(1).ok_or(ReadError::Budget)?;
        self.missed = true;
        let start = address & !(PAGE - 1);
        let end = (address + length + PAGE - 1) & !(PAGE - 1);
        let index = self.live;
        if index == self.ranges.len() {
            self.ranges.push(Range::default());
        }
        let range = &mut self.ranges[index];
        range.start = start;
        range.bytes.resize((end - start) as usize, 0);
        range.used_from = u64::MAX;
        range.used_to = 0;
        range.valid = false;
        memory.read(start, &mut range.bytes)?;
        range.valid = true;
        self.live += 1;
        Ok(index)
    }
}

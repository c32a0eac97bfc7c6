//! When each suspended generator or coroutine was suspended, by the address of its frame.
//!
//! A frame of a generator lives inside of it and keeps its address. One that is dropped while it
//! is suspended leaves its entry behind; whoever gets the address next writes over it before
//! reading it, because nothing is resumed that was not suspended.

use crate::system;
use crate::table::mix;

#[derive(Clone, Copy)]
#[repr(C)]
struct Wait {
    frame: u64,
    since: u64,
    place: u64,
}

const FIRST_CAPACITY: usize = 1 << 10;
/// A program with more generators than this, suspended at once: 64 MiB.
const MOST_CAPACITY: usize = 1 << 22;

/// The table: open addressing, deletion by moving up.
pub(crate) struct Waits {
    entries: *mut Wait,
    capacity: usize,
    used: usize,
}

impl Waits {
    pub(crate) const fn new() -> Self {
        Self {
            entries: core::ptr::null_mut(),
            capacity: 0,
            used: 0,
        }
    }

    fn home(&self, frame: u64) -> usize {
        mix(frame, 0) as usize & (self.capacity - 1)
    }

    /// The entry of a frame, or the empty place for it.
    unsafe fn place(&self, frame: u64) -> usize {
        let mut place = self.home(frame);
        // SAFETY: places are below the capacity, and there are empty ones.
        unsafe {
            while (*self.entries.add(place)).frame != 0 && (*self.entries.add(place)).frame != frame
            {
                place = (place + 1) & (self.capacity - 1);
            }
        }
        place
    }

    /// A frame is suspended, at a place that means something to the caller. False if there is no room to remember that.
    ///
    /// # Safety
    /// The GIL is held.
    pub(crate) unsafe fn suspend(&mut self, frame: u64, now: u64, place: u64) -> bool {
        if self.used * 2 >= self.capacity && !self.grow() {
            return false;
        }
        // SAFETY: the place is below the capacity.
        unsafe {
            let entry = self.entries.add(self.place(frame));
            if (*entry).frame == 0 {
                self.used += 1;
            }
            *entry = Wait {
                frame,
                since: now,
                place,
            };
        }
        true
    }

    /// A frame is resumed: since when it was suspended and where, if that is known.
    ///
    /// # Safety
    /// The GIL is held.
    pub(crate) unsafe fn resume(&mut self, frame: u64) -> Option<(u64, u64)> {
        if self.used == 0 {
            return None;
        }
        // SAFETY: all places are below the capacity.
        unsafe {
            let mut hole = self.place(frame);
            let found = *self.entries.add(hole);
            if found.frame == 0 {
                return None;
            }
            self.used -= 1;
            let mut next = hole;
            loop {
                next = (next + 1) & (self.capacity - 1);
                let entry = *self.entries.add(next);
                if entry.frame == 0 {
                    break;
                }
                // An entry may move up to the hole unless its home lies between the two.
                let home = self.home(entry.frame);
                let distance = |from: usize| next.wrapping_sub(from) & (self.capacity - 1);
                if distance(home) >= distance(hole) {
                    *self.entries.add(hole) = entry;
                    hole = next;
                }
            }
            (*self.entries.add(hole)).frame = 0;
            Some((found.since, found.place))
        }
    }

    fn grow(&mut self) -> bool {
        let capacity = (self.capacity * 2).max(FIRST_CAPACITY);
        if capacity > MOST_CAPACITY {
            return false;
        }
        let bytes = capacity * size_of::<Wait>();
        let Ok(memory) = system::map_memory(bytes) else {
            return false;
        };
        let mut new = Self {
            entries: memory as *mut Wait,
            capacity,
            used: 0,
        };
        for index in 0..self.capacity {
            // SAFETY: below the capacity.
            let entry = unsafe { *self.entries.add(index) };
            if entry.frame != 0 {
                // SAFETY: the GIL is held, and the new table has room.
                unsafe { new.suspend(entry.frame, entry.since, entry.place) };
            }
        }
        let old = core::mem::replace(self, new);
        if old.capacity > 0 {
            // SAFETY: the old table is not used any more.
            unsafe { system::unmap(old.entries as usize, old.capacity * size_of::<Wait>()) };
        }
        true
    }
}

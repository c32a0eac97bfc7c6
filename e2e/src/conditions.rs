//! Waiting for something that announces itself in no pipe: a file that grows, a process that ends.

use crate::finished::LIMIT;
use std::time::{Duration, Instant};

/// How long to leave the CPU to others between two looks.
const PAUSE: Duration = Duration::from_millis(5);

/// Waits until a look finds something, and returns that. Panics after [`LIMIT`].
#[track_caller]
pub fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            begin.elapsed() < LIMIT,
            "waited {LIMIT:?} in vain for: {what}"
        );
        std::thread::park_timeout(PAUSE);
    }
}

//! Samples in time in version 1: three columns that hold only what could not be foreseen.
//!
//! A recording is mostly samples, and samples are mostly repetition: the clock ticks evenly, each
//! tick looks at the same threads in the same order, and most of them are where they were. So:
//!
//! ```text
//! │ n │ first time │ interval │ ticks t │ sizes │ times │ rows │ steady? │ weights │
//!
//! sizes    samples with the same time follow each other: a tick. Its size less that of the one
//!          before; t surprises.
//! times    from one tick to the next, less `interval`, the median: t - 1 residuals.
//! rows     0 for the expected row, else row + 1; n surprises. After a sample of thread A the
//!          thread that followed A last time is expected, in the row it was last seen in.
//! weights  less the time since the same thread's last sample or, if steady, less the weight of
//!          the sample before; n residuals. The writer takes what foresees more.
//! ```
//!
//! Nothing is carried from one delta to the next, so each can be read knowing only the tables.
//! Measured in `tests/hour.rs`, one hour at 1 kHz whose clock is up to 60 us late: 3.1 bytes a sample
//! for one busy thread, 0.9 for four threads of which two wait. The lateness alone, which is random,
//! is 2 bytes a tick; with times in whole microseconds a sample takes 1.8 and 0.6 bytes.

use super::MAX_ENTRIES;
use crate::column::{
    Flaw, Input, difference, put_residuals, put_surprises, put_varint, take_residuals,
    take_surprises, unzigzag, zigzag,
};
use pitstop_model::{Id, Moment, Row, RowId, Series, ThreadId};
use rustc_hash::FxHashMap;

type Result<T> = std::result::Result<T, Flaw>;

/// Writes `moments`, at least one and at most [`MAX_ENTRIES`]. Their rows are those of `series`.
pub(super) fn put_moments(out: &mut Vec<u8>, moments: &[Moment], series: &Series) {
    put_times(out, moments);
    let mut history = History::default();
    let mut last_weight = 0;
    let mut rows = Vec::with_capacity(moments.len());
    let mut by_thread = Vec::with_capacity(moments.len());
    let mut steady = Vec::with_capacity(moments.len());
    for moment in moments {
        let expected = history.expected();
        let surprise = u64::from(moment.row.0) + 1;
        rows.push(if expected == Some(moment.row) {
            0
        } else {
            surprise
        });
        let elapsed = history.saw(moment.time_ns, moment.row, series.row(moment.row));
        let foreseen = elapsed.unwrap_or(last_weight);
        by_thread.push(difference(foreseen, moment.weight_ns));
        steady.push(difference(last_weight, moment.weight_ns));
        last_weight = moment.weight_ns;
    }
    put_surprises(out, &rows);
    let misses = |residuals: &[i64]| residuals.iter().filter(|&&r| r != 0).count();
    let is_steady = misses(&steady) < misses(&by_thread);
    out.push(is_steady.into());
    put_residuals(out, if is_steady { &steady } else { &by_thread });
}

/// The inverse of [`put_moments`]: exactly `count` of them.
pub(super) fn take_moments(
    input: &mut Input<'_>,
    count: usize,
    series: &Series,
) -> Result<Vec<Moment>> {
    let times = take_times(input, count)?;
    let rows = take_surprises(input, count)?;
    let is_steady = input.byte()? != 0;
    let weights = take_residuals(input, count)?;
    let mut history = History::default();
    let mut last_weight = 0u64;
    let mut moments = Vec::with_capacity(count);
    for ((time_ns, symbol), residual) in times.into_iter().zip(rows).zip(weights) {
        let row = match symbol.checked_sub(1) {
            None => history.expected(),
            Some(row) => u32::try_from(row).ok().map(RowId),
        };
        let known = row.and_then(|id| Some((id, *series.rows().get(id.index())?)));
        let (id, row) = known.ok_or(Flaw("a sample names a row that is not there"))?;
        let elapsed = history.saw(time_ns, id, row);
        let foreseen = elapsed.filter(|_| !is_steady).unwrap_or(last_weight);
        last_weight = foreseen.wrapping_add_signed(residual);
        moments.push(Moment {
            time_ns,
            row: id,
            weight_ns: last_weight,
        });
    }
    Ok(moments)
}

fn put_times(out: &mut Vec<u8>, moments: &[Moment]) {
    let ticks: Vec<&[Moment]> = moments.chunk_by(|a, b| a.time_ns == b.time_ns).collect();
    let steps: Vec<i64> = ticks
        .windows(2)
        .map(|pair| difference(pair[0][0].time_ns, pair[1][0].time_ns))
        .collect();
    let interval = median(&steps);
    let mut last_size = 0;
    let sizes: Vec<u64> = ticks
        .iter()
        .map(|tick| {
            let size = tick.len() as u64;
            zigzag(difference(std::mem::replace(&mut last_size, size), size))
        })
        .collect();
    let residuals: Vec<i64> = steps
        .iter()
        .map(|step| step.wrapping_sub(interval))
        .collect();
    put_varint(out, moments.first().map_or(0, |moment| moment.time_ns));
    put_varint(out, zigzag(interval));
    put_varint(out, ticks.len() as u64);
    put_surprises(out, &sizes);
    put_residuals(out, &residuals);
}

fn take_times(input: &mut Input<'_>, count: usize) -> Result<Vec<u64>> {
    let mut time = input.varint()?;
    let interval = unzigzag(input.varint()?);
    let ticks = input.count(count)?;
    let sizes = take_surprises(input, ticks)?;
    let residuals = take_residuals(input, ticks.saturating_sub(1))?;
    let mut size = 0u64;
    let mut times = Vec::with_capacity(count);
    for (tick, symbol) in sizes.into_iter().enumerate() {
        if let Some(before) = tick.checked_sub(1) {
            let step = residuals[before].wrapping_add(interval);
            time = time.wrapping_add_signed(step);
        }
        size = size.wrapping_add_signed(unzigzag(symbol));
        let here = usize::try_from(size)
            .ok()
            .filter(|&here| here <= count - times.len());
        times.resize(times.len() + here.ok_or(WRONG_SIZES)?, time);
    }
    if times.len() == count {
        return Ok(times);
    }
    Err(WRONG_SIZES)
}

const WRONG_SIZES: Flaw = Flaw("the sizes of the ticks do not add up to the samples");

fn median(steps: &[i64]) -> i64 {
    debug_assert!(steps.len() < MAX_ENTRIES);
    let mut sorted = steps.to_vec();
    if sorted.is_empty() {
        return 0;
    }
    let middle = sorted.len() / 2;
    *sorted.select_nth_unstable(middle).1
}

/// What was seen of each thread so far in this delta. Writer and reader keep the same one.
#[derive(Default)]
struct History {
    threads: FxHashMap<ThreadId, Seen>,
    last: Option<ThreadId>,
}

struct Seen {
    time_ns: u64,
    row: RowId,
    /// The thread whose sample came after this one's.
    next: ThreadId,
}

impl History {
    /// The row that the next sample will most likely have.
    fn expected(&self) -> Option<RowId> {
        let last = self.threads.get(&self.last?)?;
        Some(self.threads.get(&last.next)?.row)
    }

    /// Notes a sample; returns the time since the same thread's last one.
    fn saw(&mut self, time_ns: u64, id: RowId, row: Row) -> Option<u64> {
        let thread = row.thread;
        if let Some(before) = self.last.and_then(|last| self.threads.get_mut(&last)) {
            before.next = thread;
        }
        self.last = Some(thread);
        if let Some(seen) = self.threads.get_mut(&thread) {
            let elapsed = time_ns.wrapping_sub(std::mem::replace(&mut seen.time_ns, time_ns));
            seen.row = id;
            return Some(elapsed);
        }
        let seen = Seen {
            time_ns,
            row: id,
            next: thread,
        };
        self.threads.insert(thread, seen);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_model::{ThreadState, Verdict};
    use proptest::prelude::*;

    /// A series of `rows` rows on `threads` threads.
    fn series(rows: u32, threads: u32) -> Series {
        let mut series = Series::default();
        for row in 0..rows {
            series.intern(Row {
                thread: ThreadId(row % threads),
                stack: Some(pitstop_model::StackId(row)),
                state: ThreadState::Python,
                wait: None,
                verdict: Verdict::Exact,
            });
        }
        series
    }

    fn size_of(moments: &[Moment], series: &Series) -> usize {
        let mut out = Vec::new();
        put_moments(&mut out, moments, series);
        let mut input = Input::new(&out);
        let back = take_moments(&mut input, moments.len(), series).expect("they come back");
        assert_eq!(back, moments);
        assert!(input.is_empty());
        out.len()
    }

    fn number() -> impl Strategy<Value = u64> {
        prop_oneof![0..4u64, 0..2_000_000u64, any::<u64>()]
    }

    proptest! {
        #[test]
        fn any_moments_come_back(moments in prop::collection::vec((number(), 0..9u32, number()), 1..60)) {
            let moments: Vec<Moment> = moments
                .into_iter()
                .map(|(time_ns, row, weight_ns)| Moment { time_ns, row: RowId(row), weight_ns })
                .collect();
            size_of(&moments, &series(9, 3));
        }
    }

    #[test]
    fn threads_that_wait_cost_nothing_but_the_jitter_of_the_clock() {
        let mut moments = Vec::new();
        let mut last = 0;
        for tick in 1..=1000u64 {
            let time_ns = tick * 1_000_000 + (tick * 7919) % 200;
            for row in 0..4 {
                moments.push(Moment {
                    time_ns,
                    row: RowId(row),
                    weight_ns: time_ns - last,
                });
            }
            last = time_ns;
        }
        assert!(size_of(&moments, &series(4, 4)) < 2 * 1000 + 100);
    }

    #[test]
    fn a_steady_clock_and_steady_weights_cost_nothing() {
        let moment = |tick: u64| Moment {
            time_ns: tick * 1_000_000,
            row: RowId(0),
            weight_ns: 1_000_000,
        };
        let moments: Vec<Moment> = (0..5000).map(moment).collect();
        assert!(size_of(&moments, &series(1, 1)) < 60);
    }
}

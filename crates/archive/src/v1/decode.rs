//! Reading version 1: records into deltas, deltas into a profile that grows.

use super::evidence;
use super::meta::take_meta;
use super::moments::take_moments;
use super::traced::{self, Losses, TakenLines};
use super::trials::{kept_bytes, take_trials};
use super::{DELTA, END, MAX_ENTRIES, tables, tag};
use crate::column::{Flaw, Input};
use crate::error::Error;
use crate::open::HEAD_BYTES;
use crate::reader::{Detail, End, Loaded, close};
use crate::record::{Next, Record, Records};
use pitstop_model::{Id, Profile, RowId};
use std::io::Read;
use std::path::Path;

/// The most memory that a loaded profile may take, estimated, in bytes. An honest recording of a
/// day needs a fiftieth of it; a forged file of a few kilobytes can ask for more than there is.
const MAX_KEPT_BYTES: u64 = 4 << 30;

/// What one table entry takes in memory at most, with its share of the hash table beside it.
const ENTRY_BYTES: u64 = 96;

/// Reads everything behind the head of the file.
pub(crate) fn read(source: impl Read, name: &Path, detail: Detail) -> Result<Loaded, Error> {
    read_within(source, name, detail, MAX_KEPT_BYTES)
}

/// As [`read`], in at most `most_bytes` of memory.
fn read_within(
    source: impl Read,
    name: &Path,
    detail: Detail,
    most_bytes: u64,
) -> Result<Loaded, Error> {
    let failed = |cause| Error::Io {
        path: name.into(),
        action: "read",
        cause,
    };
    let damaged = |offset, what: &str| Error::Damaged {
        path: name.into(),
        offset,
        what: what.to_owned(),
    };
    let mut records = Records::new(source, HEAD_BYTES as u64);
    let mut decoder = Decoder::new(detail);
    let end = loop {
        let record = match records.next().map_err(failed)? {
            Next::Record(record) => record,
            Next::End => break End::Missing,
            Next::Cut => break End::Cut,
            Next::Garbage => break End::Garbage,
        };
        let read = decoder.record(&record);
        let is_end = read.map_err(|Flaw(what)| damaged(record.offset, what))?;
        if decoder.kept_bytes() > most_bytes {
            return Err(Error::TooLarge {
                path: name.into(),
                what: decoder.too_large(),
            });
        }
        if is_end {
            break End::Clean;
        }
    };
    decoder.profile.line_times.functions = decoder.lines.finish();
    let whole = records.whole();
    let lost_bytes = records.lost().map_err(failed)?;
    decoder
        .profile
        .check()
        .map_err(|law| damaged(whole, &law.to_string()))?;
    if decoder.unknown_parts {
        decoder.profile.meta.notes.push(UNKNOWN_PARTS.to_owned());
    }
    Ok(close(
        decoder.profile,
        decoder.last_ns,
        end,
        whole,
        lost_bytes,
    ))
}

const UNKNOWN_PARTS: &str =
    "the archive holds parts that this pitstop does not know: update it to see them";

struct Decoder {
    profile: Profile,
    detail: Detail,
    samples: u64,
    deltas: u64,
    /// The weight of all samples. That it fits 64 bits lets the model add up any of them.
    weight_ns: u64,
    /// The time of the last sample.
    last_ns: u64,
    /// The length of all texts and sources.
    text_bytes: u64,
    unknown_parts: bool,
    lines: TakenLines,
}

impl Decoder {
    fn new(detail: Detail) -> Self {
        Self {
            profile: Profile::default(),
            detail,
            samples: 0,
            deltas: 0,
            weight_ns: 0,
            last_ns: 0,
            text_bytes: 0,
            unknown_parts: false,
            lines: TakenLines::default(),
        }
    }

    /// Takes in one record; returns whether it was the end.
    fn record(&mut self, record: &Record) -> Result<bool, Flaw> {
        match record.kind {
            DELTA => {
                self.delta(Input::new(&record.content()?))?;
                self.deltas += 1;
            }
            END => self.end(Input::new(&record.content()?))?,
            _ => self.unknown_parts = true,
        }
        Ok(record.kind == END)
    }

    fn delta(&mut self, mut input: Input<'_>) -> Result<(), Flaw> {
        let mut last_tag = 0;
        while !input.is_empty() {
            let tag = input.byte()?;
            let length = usize::try_from(input.varint()?).unwrap_or(usize::MAX);
            let body = input.bytes(length)?;
            // Ascending, so that no table comes twice in one delta: that bounds what one may hold.
            if tag <= last_tag {
                return Err(Flaw("the sections of a delta are out of order"));
            }
            last_tag = tag;
            self.section(tag, Input::new(body))?;
        }
        Ok(())
    }

    fn section(&mut self, tag: u8, mut body: Input<'_>) -> Result<(), Flaw> {
        if matches!(tag, tag::BENCHMARKS..=tag::UNITS) {
            take_trials(tag, &mut body, &mut self.profile.trials)?;
        } else if tag == tag::META {
            self.profile.meta = take_meta(&mut body)?;
        } else if tag == tag::LOSSES {
            Losses::take(&mut body, &mut self.profile)?;
        } else if tag == tag::TOTALS {
            evidence::take_totals(&mut body, &mut self.profile)?;
        } else if tag > tag::TOTALS || tag == 0 || (tag::LOSSES + 1..tag::WATCHED).contains(&tag) {
            self.unknown_parts = true;
            return Ok(());
        } else {
            if matches!(tag, tag::TEXTS | tag::SOURCES) {
                self.text_bytes += body.len() as u64;
            }
            let count = body.count(MAX_ENTRIES)?;
            self.entries(tag, &mut body, count)?;
        }
        if body.is_empty() {
            return Ok(());
        }
        Err(Flaw("a section is longer than its content"))
    }

    fn entries(&mut self, tag: u8, body: &mut Input<'_>, count: usize) -> Result<(), Flaw> {
        let profile = &mut self.profile;
        match tag {
            tag::TEXTS => tables::take_strings(body, count, profile),
            tag::FILES => tables::take_files(body, count, profile),
            tag::FUNCTIONS => tables::take_functions(body, count, profile),
            tag::FRAMES => tables::take_frames(body, count, profile),
            tag::STACKS => tables::take_stacks(body, count, profile),
            tag::WAITS => tables::take_waits(body, count, profile),
            tag::PROCESSES => tables::take_processes(body, count, profile),
            tag::THREADS => tables::take_threads(body, count, profile),
            tag::ROWS => tables::take_rows(body, count, profile),
            tag::CURVE => tables::take_curve(body, count, profile),
            tag::SOURCES => tables::take_sources(body, count, profile),
            tag::MOMENTS => self.moments(body, count),
            tag::UNTIMED => self.untimed(body, count),
            tag::CALLS => traced::take_calls(body, count, &mut profile.calls),
            tag::TIMED => self.lines.take_timed(body, count),
            tag::LINES => self.lines.take_lines(body, count),
            tag::SPANS => traced::take_spans(body, count, &mut profile.spans),
            tag::WATCHED => evidence::take_watched(body, count, profile),
            tag::REPEATED => evidence::take_repeated(body, count, profile),
            tag::REUSE => evidence::take_reuse(body, count, profile),
            tag::QUERIES => evidence::take_queries(body, count, profile),
            tag::BLOCKING => evidence::take_blocking(body, count, profile),
            tag::SLOW => evidence::take_slow(body, count, profile),
            _ => unreachable!("the caller passes over tags it does not know"),
        }
    }

    fn moments(&mut self, body: &mut Input<'_>, count: usize) -> Result<(), Flaw> {
        let moments = take_moments(body, count, &self.profile.series)?;
        for moment in &moments {
            self.add(moment.row, 1, moment.weight_ns)?;
            self.last_ns = self.last_ns.max(moment.time_ns);
        }
        if self.detail == Detail::Moments {
            self.profile.series.moments.extend(moments);
        }
        Ok(())
    }

    fn untimed(&mut self, body: &mut Input<'_>, count: usize) -> Result<(), Flaw> {
        for entry in tables::take_untimed(body, count)? {
            self.add(entry.row, entry.samples, entry.weight_ns)?;
        }
        Ok(())
    }

    fn add(&mut self, row: RowId, samples: u64, weight_ns: u64) -> Result<(), Flaw> {
        const TOO_MUCH: Flaw = Flaw("the samples add up to more than 64 bits");
        if row.index() >= self.profile.series.len() {
            return Err(Flaw("a sample names a row that is not there"));
        }
        self.samples = self.samples.checked_add(samples).ok_or(TOO_MUCH)?;
        self.weight_ns = self.weight_ns.checked_add(weight_ns).ok_or(TOO_MUCH)?;
        self.profile.series.add_many(row, samples, weight_ns);
        Ok(())
    }

    fn end(&self, mut input: Input<'_>) -> Result<(), Flaw> {
        let said = (input.varint()?, input.varint()?);
        if said == (self.samples, self.deltas) {
            return Ok(());
        }
        Err(Flaw("the end names other totals than those read"))
    }

    /// The memory that the profile takes, about.
    fn kept_bytes(&self) -> u64 {
        let Profile {
            strings,
            places,
            waits,
            series,
            timeline,
            calls,
            spans,
            arguments,
            queries,
            loops,
            trials,
            ..
        } = &self.profile;
        let entries = strings.len()
            + places.files().len()
            + places.functions().len()
            + places.frames().len()
            + places.stacks().len()
            + waits.len()
            + series.len()
            + timeline.processes.len()
            + timeline.threads.len()
            + timeline.curve.len()
            + calls.len()
            + spans.spans.len()
            + 2 * arguments.functions.len()
            + arguments.repeated.len()
            + arguments.reuse.len()
            + 2 * queries.queries.len()
            + loops.blocking.len()
            + loops.slow.len()
            + self.lines.len();
        let moments = size_of_val(series.moments.as_slice());
        self.text_bytes + entries as u64 * ENTRY_BYTES + moments as u64 + kept_bytes(trials)
    }

    fn too_large(&self) -> &'static str {
        match self.detail {
            Detail::Moments => "its samples need more than 4 GiB, open it without their times",
            Detail::Totals => "its tables need more than 4 GiB, record for a shorter time",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::column::put_varint;
    use crate::record::Framer;
    use crate::v1::tables::put_rows;
    use pitstop_model::{Row, ThreadId, ThreadState, Verdict};

    /// A file of a few kilobytes with 65536 samples a record, lawful but for its thread.
    fn flood(records: usize) -> Vec<u8> {
        let row = Row {
            thread: ThreadId(0),
            stack: None,
            state: ThreadState::Python,
            wait: None,
            verdict: Verdict::Exact,
        };
        let mut rows = vec![1];
        put_rows(&mut rows, &[row]);
        let mut moments = Vec::new();
        put_varint(&mut moments, MAX_ENTRIES as u64);
        let moment = pitstop_model::Moment {
            time_ns: 0,
            row: RowId(0),
            weight_ns: 1,
        };
        let mut series = pitstop_model::Series::default();
        series.intern(row);
        super::super::moments::put_moments(&mut moments, &[moment; MAX_ENTRIES], &series);
        let section = |tag, body: &[u8]| [&[tag, body.len() as u8], body].concat();
        let mut framer = Framer::new().expect("zstd starts");
        let mut frame = |content: &[u8]| framer.frame(DELTA, content).expect("zstd works");
        let mut file = frame(&section(tag::ROWS, &rows));
        let record = frame(&section(tag::MOMENTS, &moments));
        file.extend(record.repeat(records));
        file
    }

    #[test]
    fn samples_beyond_the_limit_are_refused_before_memory_is() {
        let file = flood(100);
        assert!(file.len() < 10_000);
        let read = |detail| read_within(&*file, Path::new("x"), detail, 16 << 20);
        let error = read(Detail::Moments).expect_err("it needs 150 MiB");
        assert_eq!(
            error.to_string(),
            "`x` is too large to load: its samples need more than 4 GiB, open it without their times"
        );
        let error = read(Detail::Totals).expect_err("its row has no thread");
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
    }
}

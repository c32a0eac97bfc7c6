//! Making deltas: what a profile holds that the file does not hold yet.

use super::evidence::{self, Totals};
use super::meta::put_meta;
use super::moments::put_moments;
use super::tables::{self, Untimed};
use super::traced::{self, Call, LineAt, Losses, Timed};
use super::trials::{put_benchmarks, put_runs, put_units, room};
use super::{FULL_BYTES, MAX_ENTRIES, MAX_TEXT_BYTES, tag};
use crate::column::put_varint;
use pitstop_model::{
    FileId, Id, LineCost, Meta, Moment, Process, Profile, Room, Run, SourceText, StringId, Thread,
};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// How many entries of each growing table a file holds.
#[derive(Clone, Copy, Debug)]
struct Counts {
    texts: usize,
    files: usize,
    functions: usize,
    frames: usize,
    stacks: usize,
    waits: usize,
    rows: usize,
    curve: usize,
    spans: usize,
    watched: usize,
    repeated: usize,
    reuse: usize,
    queries: usize,
    blocking: usize,
    slow: usize,
    benchmarks: usize,
    runs: usize,
}

/// What a file holds: counts of what only grows, copies of the little that also changes.
#[derive(Debug)]
pub(crate) struct Written {
    counts: Counts,
    processes: Vec<Process>,
    threads: Vec<Thread>,
    /// Shares its texts with the profile.
    sources: BTreeMap<FileId, SourceText>,
    /// As it was encoded.
    meta: Vec<u8>,
    calls: Vec<Call>,
    timed: Vec<Timed>,
    lines: BTreeMap<LineAt, LineCost>,
    losses: Losses,
    totals: Totals,
    /// As it was encoded.
    room: Vec<u8>,
    samples: u64,
    deltas: u64,
}

impl Default for Written {
    /// A file without records: its reader starts from an empty profile, which has the empty text
    /// and the default meta.
    fn default() -> Self {
        let counts = Counts {
            texts: 1,
            files: 0,
            functions: 0,
            frames: 0,
            stacks: 0,
            waits: 0,
            rows: 0,
            curve: 0,
            spans: 0,
            watched: 0,
            repeated: 0,
            reuse: 0,
            queries: 0,
            blocking: 0,
            slow: 0,
            benchmarks: 0,
            runs: 0,
        };
        let mut meta = Vec::new();
        put_meta(&mut meta, &Meta::default(), &[]);
        Self {
            counts,
            processes: Vec::new(),
            threads: Vec::new(),
            sources: BTreeMap::new(),
            meta,
            calls: Vec::new(),
            timed: Vec::new(),
            lines: BTreeMap::new(),
            losses: Losses::default(),
            totals: Totals::default(),
            room: room(&Room::default()),
            samples: 0,
            deltas: 0,
        }
    }
}

impl Written {
    /// Notes that `delta` is in the file.
    pub(crate) fn commit(&mut self, delta: Delta) {
        self.counts = delta.counts;
        update(&mut self.processes, &delta.processes);
        update(&mut self.threads, &delta.threads);
        self.sources.extend(delta.sources);
        if let Some(meta) = delta.meta {
            self.meta = meta;
        }
        update(&mut self.calls, &delta.calls);
        update(&mut self.timed, &delta.timed);
        self.lines.extend(delta.lines);
        self.losses = delta.losses;
        self.totals = delta.totals;
        if let Some(room) = delta.room {
            self.room = room;
        }
        self.samples += delta.samples;
        self.deltas += 1;
    }
}

fn update<T: Copy>(entries: &mut Vec<T>, changed: &[(usize, T)]) {
    for &(index, entry) in changed {
        match entries.get_mut(index) {
            Some(known) => *known = entry,
            None => entries.push(entry),
        }
    }
}

/// What is to be written beside the tables.
#[derive(Clone, Copy)]
pub(crate) struct News<'a> {
    /// Samples in time.
    pub(crate) moments: &'a [Moment],
    /// Samples whose time is not kept.
    pub(crate) untimed: &'a [Untimed],
    /// Notes for the end of the meta's own.
    pub(crate) notes: &'a [String],
}

/// The content of one delta record, and what the file will hold once it is written.
pub(crate) struct Delta {
    pub(crate) content: Vec<u8>,
    /// How many of the moments are in it.
    pub(crate) moments: usize,
    /// How many of the untimed entries are in it.
    pub(crate) untimed: usize,
    samples: u64,
    counts: Counts,
    processes: Vec<(usize, Process)>,
    threads: Vec<(usize, Thread)>,
    sources: Vec<(FileId, SourceText)>,
    meta: Option<Vec<u8>>,
    calls: Vec<(usize, Call)>,
    timed: Vec<(usize, Timed)>,
    lines: Vec<(LineAt, LineCost)>,
    losses: Losses,
    totals: Totals,
    room: Option<Vec<u8>>,
}

/// The next delta: what is new in `profile` and `news`, as far as one record may hold it. Its
/// content is empty when the file is up to date. `Err` for a text that is too long for any record.
pub(crate) fn encode(
    profile: &Profile,
    written: &Written,
    news: News<'_>,
) -> Result<Delta, &'static str> {
    let mut delta = Delta {
        content: Vec::new(),
        moments: 0,
        untimed: 0,
        samples: 0,
        counts: written.counts,
        processes: Vec::new(),
        threads: Vec::new(),
        sources: Vec::new(),
        meta: None,
        calls: Vec::new(),
        timed: Vec::new(),
        lines: Vec::new(),
        losses: written.losses,
        totals: written.totals,
        room: None,
    };
    match delta.fill(profile, written, news) {
        ControlFlow::Break(Stop::TextTooLong) => Err("a text is longer than 16 MiB"),
        ControlFlow::Break(Stop::RunTooLong) => Err("a process was measured over 65536 times"),
        ControlFlow::Break(Stop::Full) | ControlFlow::Continue(()) => Ok(delta),
    }
}

/// The content of the end record.
pub(crate) fn end(written: &Written) -> Vec<u8> {
    let mut content = Vec::new();
    put_varint(&mut content, written.samples);
    put_varint(&mut content, written.deltas);
    content
}

/// Why nothing more is added to a delta.
enum Stop {
    /// It holds as much as it may; the rest goes to the next one.
    Full,
    /// The next entry fits no delta.
    TextTooLong,
    /// The next run fits no delta.
    RunTooLong,
}

type Flow = ControlFlow<Stop>;

impl Delta {
    /// Adds section after section, as long as each is complete: a later one may point into it.
    fn fill(&mut self, profile: &Profile, written: &Written, news: News<'_>) -> Flow {
        let Profile {
            strings: _,
            places,
            calls: _,
            line_times: _,
            spans: _,
            arguments: _,
            queries: _,
            loops: _,
            waits,
            series,
            timeline,
            sources: _,
            meta: _,
            trials: _,
        } = profile;
        let out = &mut self.content;
        let counts = &mut self.counts;
        texts(out, &mut counts.texts, profile)?;
        let (files, functions) = (places.files(), places.functions());
        let (frames, stacks) = (places.frames(), places.stacks());
        table(out, tag::FILES, &mut counts.files, files, tables::put_files)?;
        table(
            out,
            tag::FUNCTIONS,
            &mut counts.functions,
            functions,
            tables::put_functions,
        )?;
        table(
            out,
            tag::FRAMES,
            &mut counts.frames,
            frames,
            tables::put_frames,
        )?;
        table(
            out,
            tag::STACKS,
            &mut counts.stacks,
            stacks,
            tables::put_stacks,
        )?;
        table(out, tag::WAITS, &mut counts.waits, waits, tables::put_waits)?;
        let (known, now) = (&written.processes, timeline.processes.iter().copied());
        changed(
            out,
            tag::PROCESSES,
            known,
            now,
            &mut self.processes,
            tables::put_processes,
        )?;
        let (known, now) = (&written.threads, timeline.threads.iter().copied());
        changed(
            out,
            tag::THREADS,
            known,
            now,
            &mut self.threads,
            tables::put_threads,
        )?;
        table(
            out,
            tag::ROWS,
            &mut counts.rows,
            series.rows(),
            tables::put_rows,
        )?;
        table(
            out,
            tag::CURVE,
            &mut counts.curve,
            &timeline.curve,
            tables::put_curve,
        )?;
        self.sources(profile, written)?;
        self.samples(profile, news)?;
        self.meta(profile, written, news.notes);
        if self.content.len() > FULL_BYTES {
            return FULL;
        }
        self.traced(profile, written)?;
        if self.content.len() > FULL_BYTES {
            return FULL;
        }
        self.evidence(profile)?;
        if self.content.len() > FULL_BYTES {
            return FULL;
        }
        self.trials(profile, written)
    }

    /// Arguments, queries, event loops.
    fn evidence(&mut self, profile: &Profile) -> Flow {
        let (out, counts) = (&mut self.content, &mut self.counts);
        let (arguments, queries) = (&profile.arguments, &profile.queries);
        let (functions, loops) = (&arguments.functions, &profile.loops);
        let watched = &mut counts.watched;
        table(out, tag::WATCHED, watched, functions, evidence::put_watched)?;
        let (count, entries) = (&mut counts.repeated, &arguments.repeated);
        table(out, tag::REPEATED, count, entries, evidence::put_repeated)?;
        let (count, entries) = (&mut counts.reuse, &arguments.reuse);
        table(out, tag::REUSE, count, entries, evidence::put_reuse)?;
        let (count, entries) = (&mut counts.queries, &queries.queries);
        table(out, tag::QUERIES, count, entries, evidence::put_queries)?;
        let (count, entries) = (&mut counts.blocking, &loops.blocking);
        table(out, tag::BLOCKING, count, entries, evidence::put_blocking)?;
        let (count, entries) = (&mut counts.slow, &loops.slow);
        table(out, tag::SLOW, count, entries, evidence::put_slow)?;
        let totals = evidence::totals(profile);
        if totals != self.totals {
            let mut body = Vec::new();
            evidence::put_totals(&mut body, &totals);
            put_section(out, tag::TOTALS, &body);
            self.totals = totals;
        }
        Flow::Continue(())
    }

    /// Calls, timed lines, spans, and what of them was lost.
    fn traced(&mut self, profile: &Profile, written: &Written) -> Flow {
        let Profile {
            calls,
            line_times,
            spans,
            ..
        } = profile;
        let out = &mut self.content;
        let (known, now) = (&written.calls, calls.iter());
        changed(
            out,
            tag::CALLS,
            known,
            now,
            &mut self.calls,
            traced::put_calls,
        )?;
        let (known, now) = (&written.timed, traced::timed(line_times));
        changed(
            out,
            tag::TIMED,
            known,
            now,
            &mut self.timed,
            traced::put_timed,
        )?;
        let mut lines =
            traced::lines(line_times).filter(|(at, cost)| written.lines.get(at) != Some(cost));
        self.lines.extend(lines.by_ref().take(MAX_ENTRIES));
        section(out, tag::LINES, &self.lines, traced::put_lines);
        complete(lines.next().is_none())?;
        table(
            out,
            tag::SPANS,
            &mut self.counts.spans,
            &spans.spans,
            traced::put_spans,
        )?;
        let losses = Losses::of(profile);
        if losses != written.losses {
            let mut body = Vec::new();
            losses.put(&mut body);
            put_section(out, tag::LOSSES, &body);
            self.losses = losses;
        }
        Flow::Continue(())
    }

    /// Repeated measurements.
    fn trials(&mut self, profile: &Profile, written: &Written) -> Flow {
        let trials = &profile.trials;
        let (out, counts) = (&mut self.content, &mut self.counts);
        let (benchmarks, runs) = (&trials.benchmarks, &trials.runs);
        let first = counts.benchmarks;
        table(
            out,
            tag::BENCHMARKS,
            &mut counts.benchmarks,
            benchmarks,
            put_benchmarks,
        )?;
        let flow = runs_beyond(out, &mut counts.runs, runs);
        let room = room(&trials.room);
        if flow.is_continue() && room != written.room {
            put_section(out, tag::ROOM, &room);
            self.room = Some(room);
        }
        // With their benchmarks, whatever has to wait.
        if let Some(units) = put_units(first, &benchmarks[first..counts.benchmarks]) {
            put_section(out, tag::UNITS, &units);
        }
        flow
    }

    /// New and replaced source texts. One too long for a record is left out; the meta says so.
    fn sources(&mut self, profile: &Profile, written: &Written) -> Flow {
        let mut bytes = 0;
        let mut flow = Flow::Continue(());
        for (file, source) in profile.sources.iter().filter(|(_, source)| fits(source)) {
            if written.sources.get(&file) == Some(source) {
                continue;
            }
            if bytes >= FULL_BYTES || self.sources.len() >= MAX_ENTRIES {
                flow = FULL;
                break;
            }
            bytes += source.text.len();
            self.sources.push((file, source.clone()));
        }
        section(
            &mut self.content,
            tag::SOURCES,
            &self.sources,
            tables::put_sources,
        );
        flow
    }

    /// Samples, with their time and without.
    fn samples(&mut self, profile: &Profile, news: News<'_>) -> Flow {
        let moments = first(news.moments);
        self.moments = moments.len();
        section(&mut self.content, tag::MOMENTS, moments, |out, moments| {
            put_moments(out, moments, &profile.series);
        });
        let untimed = first(news.untimed);
        self.untimed = untimed.len();
        section(
            &mut self.content,
            tag::UNTIMED,
            untimed,
            tables::put_untimed,
        );
        let without_time: u64 = untimed.iter().map(|entry| entry.samples).sum();
        self.samples = moments.len() as u64 + without_time;
        complete(moments.len() == news.moments.len() && untimed.len() == news.untimed.len())
    }

    /// The meta, if it changed.
    fn meta(&mut self, profile: &Profile, written: &Written, notes: &[String]) {
        let mut notes = notes.to_vec();
        let left_out = profile.sources.iter().filter(|(_, source)| !fits(source));
        notes.extend(left_out.map(|(file, _)| {
            let path = profile.text(profile.places.file(file).path);
            format!("the source of `{path}` was not kept: it is longer than 16 MiB")
        }));
        let mut meta = Vec::new();
        put_meta(&mut meta, &profile.meta, &notes);
        if meta != written.meta {
            put_section(&mut self.content, tag::META, &meta);
            self.meta = Some(meta);
        }
    }
}

const FULL: Flow = Flow::Break(Stop::Full);

/// Goes on to the next section if this one took all there was.
fn complete(is_complete: bool) -> Flow {
    if is_complete {
        Flow::Continue(())
    } else {
        FULL
    }
}

fn fits(source: &SourceText) -> bool {
    source.text.len() <= MAX_TEXT_BYTES
}

/// As many entries as a section may have.
fn first<T>(entries: &[T]) -> &[T] {
    &entries[..entries.len().min(MAX_ENTRIES)]
}

fn put_section(out: &mut Vec<u8>, tag: u8, body: &[u8]) {
    out.push(tag);
    put_varint(out, body.len() as u64);
    out.extend_from_slice(body);
}

/// Adds a section of these entries, if there are any.
fn section<T>(out: &mut Vec<u8>, tag: u8, entries: &[T], put: impl Fn(&mut Vec<u8>, &[T])) {
    if entries.is_empty() {
        return;
    }
    let mut body = Vec::new();
    put_varint(&mut body, entries.len() as u64);
    put(&mut body, entries);
    put_section(out, tag, &body);
}

/// Adds what a growing table has beyond `count`, which moves on.
fn table<T>(
    out: &mut Vec<u8>,
    tag: u8,
    count: &mut usize,
    entries: &[T],
    put: fn(&mut Vec<u8>, &[T]),
) -> Flow {
    let new = first(&entries[*count..]);
    section(out, tag, new, put);
    *count += new.len();
    complete(*count == entries.len())
}

/// Adds the runs beyond `count`, which moves on; as many as have the batches of one section.
fn runs_beyond(out: &mut Vec<u8>, count: &mut usize, runs: &[Run]) -> Flow {
    let mut batches = 0;
    let new = runs[*count..].iter().take(MAX_ENTRIES).take_while(|run| {
        batches += run.batches.len();
        batches <= MAX_ENTRIES
    });
    let new = new.count();
    if new == 0 && *count < runs.len() {
        return Flow::Break(Stop::RunTooLong);
    }
    section(out, tag::RUNS, &runs[*count..*count + new], put_runs);
    *count += new;
    complete(*count == runs.len())
}

/// Adds the texts beyond `count`, which moves on.
fn texts(out: &mut Vec<u8>, count: &mut usize, profile: &Profile) -> Flow {
    let mut new = Vec::new();
    let mut bytes = 0;
    while *count < profile.strings.len() && new.len() < MAX_ENTRIES && bytes < FULL_BYTES {
        let text = profile.text(StringId::from_index(*count));
        if text.len() > MAX_TEXT_BYTES {
            return Flow::Break(Stop::TextTooLong);
        }
        bytes += text.len();
        new.push(text);
        *count += 1;
    }
    section(out, tag::TEXTS, &new, tables::put_strings);
    complete(*count == profile.strings.len())
}

/// Adds the entries that are not as `known`, and lists them in `differ`.
fn changed<T: Copy + PartialEq>(
    out: &mut Vec<u8>,
    tag: u8,
    known: &[T],
    entries: impl Iterator<Item = T>,
    differ: &mut Vec<(usize, T)>,
    put: fn(&mut Vec<u8>, &[(usize, T)]),
) -> Flow {
    let mut all = entries
        .enumerate()
        .filter(|(index, entry)| known.get(*index) != Some(entry));
    differ.extend(all.by_ref().take(MAX_ENTRIES));
    section(out, tag, differ, put);
    complete(all.next().is_none())
}

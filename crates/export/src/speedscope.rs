//! The file of speedscope, a flame graph viewer in the browser.
//!
//! Written from its `file-format-spec.ts`: a table of frames, and one `sampled` profile a thread
//! whose `samples` are lists of frames from outermost to innermost, with their `weights`. Two
//! frames are the same to speedscope when name, file, line and column are equal, so by default the
//! line is the one of the `def`: the executing line would take functions apart.
//!
//! When the profile kept all its moments, samples are in time order and time without a selected sample
//! is an empty stack, so that threads line up. Otherwise each row is one sample.

use crate::Options;
use crate::names::{Names, clean, title};
use crate::place::{Place, places};
use crate::selection::{Selected, selected};
use pitstop_model::{Id, Profile, RowId, ThreadId};
use rustc_hash::FxHashMap;
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    exporter: String,
    name: String,
    active_profile_index: usize,
    shared: Shared,
    profiles: Vec<Sampled<'a>>,
}

#[derive(Serialize)]
struct Shared {
    frames: Vec<Frame>,
}

#[derive(Serialize, Clone, PartialEq, Eq, Hash)]
struct Frame {
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    file: String,
    #[serde(skip_serializing_if = "is_unknown")]
    line: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_unknown(line: &u32) -> bool {
    *line == 0
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Sampled<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: String,
    unit: &'static str,
    start_value: u64,
    end_value: u64,
    samples: Vec<&'a [usize]>,
    weights: Vec<u64>,
}

pub(crate) fn write(profile: &Profile, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let rows: Vec<Selected> = selected(profile, options.selection).collect();
    let mut frames = Frames::default();
    let stacks: Vec<Vec<usize>> = rows
        .iter()
        .map(|one| {
            places(profile, one.row, options.granularity)
                .into_iter()
                .map(|place| frames.index(profile, place))
                .collect()
        })
        .collect();
    let steps = time_order(profile, &rows).unwrap_or_else(|| row_order(&rows));
    let names = Names::new(profile);
    let file = File {
        schema: "https://www.speedscope.app/file-format-schema.json",
        exporter: format!("pitstop {}", profile.meta.tool_version)
            .trim_end()
            .to_owned(),
        name: title(profile, options.title.as_deref()),
        active_profile_index: 0,
        shared: Shared {
            frames: frames.table,
        },
        profiles: thread_ids(profile)
            .filter_map(|thread| Some((thread, steps.get(&thread)?)))
            .map(|(thread, steps)| sampled(names.full(thread), steps, &stacks))
            .collect(),
    };
    serde_json::to_writer(&mut *out, &file)?;
    out.write_all(b"\n")
}

/// A stretch of a thread's time: which of the selected rows it shows, if any.
struct Step {
    row: Option<usize>,
    weight_ns: u64,
}

fn thread_ids(profile: &Profile) -> impl Iterator<Item = ThreadId> {
    (0..profile.timeline.threads.len()).map(ThreadId::from_index)
}

fn sampled<'a>(name: String, steps: &[Step], stacks: &'a [Vec<usize>]) -> Sampled<'a> {
    let mut samples: Vec<&[usize]> = Vec::new();
    let mut weights: Vec<u64> = Vec::new();
    for step in steps {
        let stack = step.row.map_or(&[][..], |row| &stacks[row][..]);
        match weights.last_mut() {
            // Neighbours with one stack are one sample to speedscope as well.
            Some(weight) if samples.last() == Some(&stack) => *weight += step.weight_ns,
            _ => {
                samples.push(stack);
                weights.push(step.weight_ns);
            }
        }
    }
    Sampled {
        kind: "sampled",
        name,
        unit: "nanoseconds",
        start_value: 0,
        end_value: weights.iter().sum(),
        samples,
        weights,
    }
}

/// One step a row.
fn row_order(rows: &[Selected]) -> FxHashMap<ThreadId, Vec<Step>> {
    let mut steps: FxHashMap<ThreadId, Vec<Step>> = FxHashMap::default();
    for (index, one) in rows.iter().enumerate() {
        steps.entry(one.row.thread).or_default().push(Step {
            row: Some(index),
            weight_ns: one.wall_ns,
        });
    }
    steps
}

/// One step a moment. A moment stands for the time before it; what no selected moment stands for
/// becomes a step without a row, once it is longer than the moment beside it (shorter gaps are
/// jitter of the sampler's clock). `None` when the moments kept are not all there were.
fn time_order(profile: &Profile, rows: &[Selected]) -> Option<FxHashMap<ThreadId, Vec<Step>>> {
    let positions: FxHashMap<RowId, usize> = rows
        .iter()
        .enumerate()
        .map(|(index, one)| (one.id, index))
        .collect();
    let mut missing_ns: u64 = rows.iter().map(|one| one.wall_ns).sum();
    let mut steps: FxHashMap<ThreadId, (u64, Vec<Step>)> = FxHashMap::default();
    for moment in &profile.series.moments {
        let Some(&row) = positions.get(&moment.row) else {
            continue;
        };
        let (now_ns, steps) = steps.entry(rows[row].row.thread).or_default();
        let weight_ns = moment.weight_ns;
        missing_ns = missing_ns.checked_sub(weight_ns)?;
        let gap_ns = moment
            .time_ns
            .saturating_sub(weight_ns)
            .saturating_sub(*now_ns);
        if gap_ns > weight_ns {
            steps.push(Step {
                row: None,
                weight_ns: gap_ns,
            });
            *now_ns += gap_ns;
        }
        steps.push(Step {
            row: Some(row),
            weight_ns,
        });
        *now_ns += weight_ns;
    }
    let steps = steps
        .into_iter()
        .map(|(thread, (_, steps))| (thread, steps));
    (missing_ns == 0).then(|| steps.collect())
}

/// The frame table while it grows.
#[derive(Default)]
struct Frames {
    table: Vec<Frame>,
    by_place: FxHashMap<Place, usize>,
    by_frame: FxHashMap<Frame, usize>,
}

impl Frames {
    fn index(&mut self, profile: &Profile, place: Place) -> usize {
        if let Some(&index) = self.by_place.get(&place) {
            return index;
        }
        let frame = Frame {
            name: clean(&place.name(profile)),
            file: clean(place.short_file(profile)),
            line: place.line(),
        };
        let index = *self.by_frame.entry(frame.clone()).or_insert_with(|| {
            self.table.push(frame);
            self.table.len() - 1
        });
        self.by_place.insert(place, index);
        index
    }
}

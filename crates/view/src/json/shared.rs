//! The pieces that several documents are made of.

use pitstop_analysis::{Cost, Place, WaitFor};
use pitstop_model::{Descriptor, FileKind, ThreadState};
use pitstop_stats::ShareInterval;
use serde::Serialize;
use std::collections::BTreeMap;

/// Whole nanoseconds.
pub(super) fn ns(value: f64) -> u64 {
    value.round() as u64
}

/// A time by state.
#[derive(Serialize)]
pub(super) struct CostJson {
    ns: u64,
    samples: u64,
    by_state_ns: BTreeMap<&'static str, u64>,
}

impl From<&Cost> for CostJson {
    fn from(cost: &Cost) -> Self {
        Self {
            ns: ns(cost.total_ns()),
            samples: cost.samples,
            by_state_ns: by_state_ns(cost),
        }
    }
}

/// The states that have time, with it.
pub(super) fn by_state_ns(cost: &Cost) -> BTreeMap<&'static str, u64> {
    ThreadState::ALL
        .into_iter()
        .filter(|&state| cost.state_ns(state) > 0.0)
        .map(|state| (state.key(), ns(cost.state_ns(state))))
        .collect()
}

/// A line, or a function by the line of its `def`.
#[derive(Serialize)]
pub(super) struct PlaceJson<'a> {
    file: &'a str,
    path: &'a str,
    kind: &'static str,
    line: u32,
    function: &'a str,
    source: Option<&'a str>,
}

impl<'a> From<&'a Place> for PlaceJson<'a> {
    fn from(place: &'a Place) -> Self {
        Self {
            file: &place.file,
            path: &place.path,
            kind: match place.kind {
                FileKind::Project => "project",
                FileKind::StandardLibrary => "standard_library",
                FileKind::Package => "package",
                FileKind::Generated => "generated",
                FileKind::Native => "native",
            },
            line: place.line,
            function: &place.function,
            source: place.source.as_deref(),
        }
    }
}

/// What a thread waits for.
#[derive(Serialize)]
pub(super) struct WaitJson<'a> {
    state: &'static str,
    syscall: &'a str,
    descriptor: &'static str,
    name: &'a str,
}

impl<'a> From<&'a WaitFor> for WaitJson<'a> {
    fn from(wait: &'a WaitFor) -> Self {
        Self {
            state: wait.state.key(),
            syscall: &wait.syscall,
            descriptor: descriptor(wait.descriptor),
            name: &wait.name,
        }
    }
}

pub(super) fn descriptor(descriptor: Descriptor) -> &'static str {
    match descriptor {
        Descriptor::None => "none",
        Descriptor::File => "file",
        Descriptor::Pipe => "pipe",
        Descriptor::Socket => "socket",
        Descriptor::Device => "device",
        Descriptor::Event => "event",
    }
}

/// A share with the range it lies in, at 95 % confidence.
#[derive(Serialize)]
pub(super) struct ShareJson {
    share: f64,
    share_low: f64,
    share_high: f64,
}

impl ShareJson {
    pub(super) fn new(share: f64, interval: ShareInterval) -> Self {
        Self {
            share,
            share_low: interval.low,
            share_high: interval.high,
        }
    }
}

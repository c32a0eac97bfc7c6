//! What comes out of reading, whatever the version: a profile, and how much of the file it is.

use pitstop_model::{Profile, VerdictTotals};

/// How much of the samples to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Their totals by row. Memory follows what is different, not how long it ran.
    Totals,
    /// Also each of them with its time: 24 bytes a sample.
    Moments,
}

/// An archive, loaded.
#[derive(Debug)]
pub struct Loaded {
    /// What it holds. Every law of the model holds for it.
    pub profile: Profile,
    /// True if the recording was finished; false if it was cut short, or still goes on. Then the
    /// profile is that of its last whole record, and a note in its meta says so.
    pub complete: bool,
    /// The bytes at the end of the file that are no whole record.
    pub lost_bytes: u64,
}

/// How the records of a file ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With the record that says so.
    Clean,
    /// After a whole record.
    Missing,
    /// Within a record.
    Cut,
    /// With bytes that are no record.
    Garbage,
}

/// Rounds off a profile whose records ended at `whole`, its last sample at `last_ns`.
pub(crate) fn close(
    mut profile: Profile,
    last_ns: u64,
    end: End,
    whole: u64,
    lost_bytes: u64,
) -> Loaded {
    let complete = end == End::Clean;
    if !complete {
        derive_meta(&mut profile, last_ns);
    }
    profile.meta.notes.extend(note(end, whole, lost_bytes));
    Loaded {
        profile,
        complete,
        lost_bytes,
    }
}

fn note(end: End, whole: u64, lost_bytes: u64) -> Option<String> {
    match end {
        End::Clean if lost_bytes == 0 => None,
        End::Clean => Some(format!(
            "{lost_bytes} bytes behind the end of the archive were passed over"
        )),
        End::Missing => Some(
            "recording was cut short: the archive has no end, what was written last is here".into(),
        ),
        End::Cut => Some(format!(
            "recording was cut short: the last {lost_bytes} bytes are not whole, \
             everything before them is here"
        )),
        End::Garbage => Some(format!(
            "recording was cut short: the archive is damaged at byte {whole}, \
             the {lost_bytes} bytes from there on are lost, everything before them is here"
        )),
    }
}

/// Fills in what a recorder only knows at the end, from what it wrote before.
fn derive_meta(profile: &mut Profile, last_ns: u64) {
    let timeline = &profile.timeline;
    let curve_ns = timeline.curve.iter().map(|point| point.time_ns).max();
    let curve_cpu_ns = timeline.curve.iter().map(|point| point.cpu_ns).max();
    let mut verdicts = VerdictTotals::default();
    for (row, samples, _) in profile.series.iter() {
        verdicts.add(row.verdict, samples);
    }
    let meta = &mut profile.meta;
    meta.duration_ns = meta.duration_ns.max(last_ns).max(curve_ns.unwrap_or(0));
    meta.cpu_ns = meta.cpu_ns.max(curve_cpu_ns.unwrap_or(0));
    meta.quality.verdicts = verdicts;
    meta.interrupted = true;
}

//! The file of `go tool pprof`: a gzipped protobuf message that many stores and viewers read.
//!
//! Each row is a sample with four values (of a trace two: calls and time), so that one file answers "where does the time go", "where
//! is a CPU used" and "where do threads wait for the GIL" (`-sample_index=wall|cpu|gil_wait`).
//! Thread, process, state and what was waited for are string labels: `-tagroot=thread`,
//! `-tagfocus=state=blocked`. Locations always carry the executing line; pprof groups them by
//! function itself, or by line with `-lines`.

mod proto;

use crate::Options;
use crate::names::{Names, clean, title, wait_text};
use crate::place::{Place, places};
use crate::selection::{Granularity, Selected, selected};
use flate2::Compression;
use flate2::write::GzEncoder;
use pitstop_model::{Id, Method, ProcessId, Profile, ThreadState};
use prost::Message;
use rustc_hash::FxHashMap;
use std::io::{self, Write};

/// The sample types and their units, in the order of each sample's values.
const SAMPLE_TYPES: [(&str, &str); 4] = [
    ("samples", "count"),
    ("wall", "nanoseconds"),
    ("cpu", "nanoseconds"),
    ("gil_wait", "nanoseconds"),
];

/// The same of a trace, which counts calls and knows no states.
const TRACE_TYPES: [(&str, &str); 2] = [("calls", "count"), ("wall", "nanoseconds")];

/// Writes the message as it is.
pub(crate) fn write(profile: &Profile, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    out.write_all(&message(profile, options).encode_to_vec())
}

/// Writes the message compressed, without a time stamp: the same profile gives the same bytes.
pub(crate) fn write_gzip(
    profile: &Profile,
    options: &Options,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut gzip = GzEncoder::new(out, Compression::default());
    gzip.write_all(&message(profile, options).encode_to_vec())?;
    gzip.finish()?;
    Ok(())
}

fn message(profile: &Profile, options: &Options) -> proto::Profile {
    let meta = &profile.meta;
    let mut tables = Tables::new(profile);
    let types = if meta.method == Method::Tracing {
        &TRACE_TYPES[..]
    } else {
        &SAMPLE_TYPES[..]
    };
    let sample_type: Vec<_> = types
        .iter()
        .map(|(kind, unit)| tables.value_type(kind, unit))
        .collect();
    let names = Names::new(profile);
    let (mut samples, mut total_samples, mut total_ns) = (Vec::new(), 0, 0);
    for one in selected(profile, options.selection) {
        total_samples += one.samples;
        total_ns += one.wall_ns;
        let mut sample = tables.sample(&names, &one);
        sample.value.truncate(types.len());
        samples.push(sample);
    }
    let program = match profile.timeline.processes.first() {
        Some(_) => names.process(ProcessId::from_index(0)).to_owned(),
        None => "python".to_owned(),
    };
    let period_ns = match meta.quality.rates.first() {
        #[expect(clippy::cast_possible_truncation, reason = "`as` from f64 saturates")]
        Some(rate) if rate.rate_hz > 0.0 => (1e9 / rate.rate_hz).round() as i64,
        _ => signed(total_ns / total_samples.max(1)),
    };
    let comment = comments(profile, options)
        .iter()
        .map(|line| tables.text(line))
        .collect();
    proto::Profile {
        mapping: vec![proto::Mapping {
            id: 1,
            filename: tables.text(&program),
            has_functions: true,
            has_filenames: true,
            has_line_numbers: true,
        }],
        time_nanos: signed(meta.start_unix_s.saturating_mul(1_000_000_000)),
        duration_nanos: signed(meta.duration_ns),
        period_type: Some(tables.value_type("wall", "nanoseconds")),
        period: period_ns,
        comment,
        default_sample_type: tables.text("wall"),
        sample_type,
        sample: samples,
        location: tables.locations,
        function: tables.functions,
        string_table: tables.texts,
    }
}

/// What ran, and how far the numbers can be trusted; `go tool pprof -comments` shows it.
fn comments(profile: &Profile, options: &Options) -> Vec<String> {
    let meta = &profile.meta;
    let verdicts = &meta.quality.verdicts;
    let mut lines = vec![
        format!("title: {}", title(profile, options.title.as_deref())),
        format!("made by: pitstop {}", meta.tool_version),
    ];
    if meta.method.is_exact() {
        lines.push("times: own time of every call, without what tracing took".to_owned());
    } else {
        lines.push(format!("samples: {}", options.selection.description()));
    }
    if !meta.host.is_empty() {
        lines.push(format!("host: {}", clean(&meta.host)));
    }
    if verdicts.total() > 0 && !meta.method.is_exact() {
        lines.push(format!(
            "stacks: {} trusted, {} partial, {} not read",
            verdicts.trusted(),
            verdicts.partial_total(),
            verdicts.failed_total()
        ));
    }
    lines.extend(
        meta.notes
            .iter()
            .map(|note| format!("note: {}", clean(note))),
    );
    lines
}

/// The tables of the message while they grow.
struct Tables<'a> {
    profile: &'a Profile,
    texts: Vec<String>,
    by_text: FxHashMap<String, i64>,
    functions: Vec<proto::Function>,
    by_function: FxHashMap<Place, u64>,
    locations: Vec<proto::Location>,
    by_place: FxHashMap<Place, u64>,
}

impl<'a> Tables<'a> {
    fn new(profile: &'a Profile) -> Self {
        let mut tables = Self {
            profile,
            texts: Vec::new(),
            by_text: FxHashMap::default(),
            functions: Vec::new(),
            by_function: FxHashMap::default(),
            locations: Vec::new(),
            by_place: FxHashMap::default(),
        };
        tables.text("");
        tables
    }

    fn text(&mut self, text: &str) -> i64 {
        if let Some(&index) = self.by_text.get(text) {
            return index;
        }
        let index = signed(self.texts.len() as u64);
        self.texts.push(text.to_owned());
        self.by_text.insert(text.to_owned(), index);
        index
    }

    fn value_type(&mut self, kind: &str, unit: &str) -> proto::ValueType {
        proto::ValueType {
            kind: self.text(kind),
            unit: self.text(unit),
        }
    }

    fn sample(&mut self, names: &Names, one: &Selected) -> proto::Sample {
        let row = one.row;
        let only = |chosen: bool| if chosen { signed(one.wall_ns) } else { 0 };
        let mut stack = places(self.profile, row, Granularity::Line);
        stack.reverse();
        let wait = row.wait.map_or(String::new(), |wait| {
            wait_text(self.profile, &self.profile.waits[wait.index()])
        });
        proto::Sample {
            location_id: stack
                .into_iter()
                .map(|place| self.location(place))
                .collect(),
            value: vec![
                signed(one.samples),
                signed(one.wall_ns),
                only(row.state.is_running()),
                only(row.state == ThreadState::GilWait),
            ],
            label: [
                ("thread", names.thread(row.thread)),
                ("process", names.process(names.process_of(row.thread))),
                ("state", row.state.key()),
                ("wait", &wait),
            ]
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| proto::Label {
                key: self.text(key),
                str: self.text(value),
            })
            .collect(),
        }
    }

    fn location(&mut self, place: Place) -> u64 {
        if let Some(&id) = self.by_place.get(&place) {
            return id;
        }
        let function_id = self.function(place);
        let id = self.locations.len() as u64 + 1;
        self.locations.push(proto::Location {
            id,
            mapping_id: 1,
            line: vec![proto::Line {
                function_id,
                line: i64::from(place.line()),
            }],
        });
        self.by_place.insert(place, id);
        id
    }

    fn function(&mut self, place: Place) -> u64 {
        let (whole, path, first_line) = match place.function() {
            Some(id) => {
                let function = self.profile.places.function(id);
                let file = self.profile.places.file(function.file);
                let line = function.first_line;
                let whole = Place::Code { function: id, line };
                (whole, self.profile.text(file.path), line)
            }
            None => (place, "", 0),
        };
        if let Some(&id) = self.by_function.get(&whole) {
            return id;
        }
        let id = self.functions.len() as u64 + 1;
        let function = proto::Function {
            id,
            name: self.text(&clean(&place.name(self.profile))),
            system_name: 0,
            filename: self.text(&clean(path)),
            start_line: i64::from(first_line),
        };
        self.functions.push(function);
        self.by_function.insert(whole, id);
        id
    }
}

/// The format counts in `int64`; no recording reaches its end (292 years).
fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selection::{Selection, total_ns};
    use crate::testing::hostile;

    #[test]
    fn the_message_keeps_the_laws_of_the_format() {
        let profile = hostile();
        for selection in Selection::ALL {
            let options = Options {
                selection,
                ..Options::default()
            };
            let mut bytes = Vec::new();
            write(&profile, &options, &mut bytes).expect("writes into memory");
            let message = proto::Profile::decode(&bytes[..]).expect("its own message");
            let text = |index: i64| message.string_table[index as usize].as_str();
            assert_eq!(message.string_table[0], "");
            assert_eq!(text(message.default_sample_type), "wall");
            let kinds: Vec<_> = message.sample_type.iter().map(|t| text(t.kind)).collect();
            assert_eq!(kinds, ["samples", "wall", "cpu", "gil_wait"]);
            assert_eq!(message.period, 1_000_000);
            for (i, function) in message.function.iter().enumerate() {
                assert_eq!(function.id, i as u64 + 1);
                assert_eq!(function.system_name, 0);
            }
            for (i, location) in message.location.iter().enumerate() {
                assert_eq!((location.id, location.mapping_id), (i as u64 + 1, 1));
            }
            let mut self_ns: FxHashMap<&str, i64> = FxHashMap::default();
            for sample in &message.sample {
                assert_eq!(sample.value.len(), SAMPLE_TYPES.len());
                let leaf = &message.location[sample.location_id[0] as usize - 1];
                let leaf = &message.function[leaf.line[0].function_id as usize - 1];
                *self_ns.entry(text(leaf.name)).or_default() += sample.value[1];
            }
            let sum: i64 = self_ns.values().sum();
            assert_eq!(sum, signed(total_ns(&profile, selection)));
            let top = self_ns.into_iter().max_by_key(|(_, ns)| *ns);
            assert_eq!(top, Some(("Report.dedupe", 1_500_000_000)));
        }
    }

    #[test]
    fn running_and_gil_waiting_samples_count_as_such() {
        let profile = hostile();
        let message = message(&profile, &Options::default());
        let sum = |index: usize| message.sample.iter().map(|s| s.value[index]).sum::<i64>();
        let of = |wanted: fn(ThreadState) -> bool| {
            selected(&profile, Selection::All)
                .filter(|one| wanted(one.row.state))
                .map(|one| one.wall_ns)
                .sum()
        };
        assert_eq!(sum(2), signed(of(ThreadState::is_running)));
        assert_eq!(sum(3), signed(of(|state| state == ThreadState::GilWait)));
    }
}

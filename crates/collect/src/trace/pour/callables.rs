//! The callables of a process as functions of the Profile, and the lines of call sites.

use crate::paths::Paths;
use pitstop_cpython::layout::LineTableStyle;
use pitstop_cpython::{line_at, tables};
use pitstop_model::{File, FileKind, Frame, FrameId, Function, FunctionId, Profile};
use pitstop_wire::{Callable, Header, Kind, Trace};
use rustc_hash::FxHashMap;

/// The file of what has no Python code: the name that `pstats` gives it.
const NATIVE_FILE: &str = "~";

/// A callable.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) kind: Kind,
    pub(super) function: FunctionId,
    first_line: u32,
    lines: &'a [u8],
}

/// All callables of one process.
pub(super) struct Callables<'a> {
    known: FxHashMap<u32, Known<'a>>,
    style: Option<LineTableStyle>,
    sites: FxHashMap<(u32, u32), FrameId>,
}

impl<'a> Callables<'a> {
    pub(super) fn new(
        trace: &Trace<'a>,
        header: &Header,
        profile: &mut Profile,
        paths: &Paths,
    ) -> Self {
        let [_, _, minor, _] = header.python.to_le_bytes();
        let style = tables::for_version(minor).map(|layout| layout.code.line_table_style);
        let mut known = FxHashMap::default();
        let mut all: Vec<(u32, Callable)> = trace.callables().collect();
        all.reverse();
        for (unit, callable) in all {
            let Some(kind) = Kind::from_number(callable.kind) else {
                continue;
            };
            let entry = Known {
                kind,
                function: function_of(trace, &callable, kind, profile, paths),
                first_line: callable.first_line,
                lines: trace.text(callable.lines),
            };
            known.insert(unit, entry);
        }
        Self {
            known,
            style,
            sites: FxHashMap::default(),
        }
    }

    pub(super) fn get(&self, unit: u32) -> Option<Known<'a>> {
        self.known.get(&unit).copied()
    }

    /// The frame of a callable while it calls from a site, in instruction units plus one.
    pub(super) fn frame_at(
        &mut self,
        profile: &mut Profile,
        unit: u32,
        site: u32,
    ) -> Option<FrameId> {
        if let Some(&frame) = self.sites.get(&(unit, site)) {
            return Some(frame);
        }
        let known = self.get(unit)?;
        let line = match (site, known.kind, self.style) {
            (1.., Kind::Python, Some(style)) => {
                let offset = u64::from(site - 1) * 2;
                line_at(style, known.lines, known.first_line, offset).unwrap_or(0)
            }
            _ => 0,
        };
        let frame = profile.places.add_frame(Frame {
            function: known.function,
            line,
        });
        self.sites.insert((unit, site), frame);
        Some(frame)
    }
}

fn function_of(
    trace: &Trace<'_>,
    callable: &Callable,
    kind: Kind,
    profile: &mut Profile,
    paths: &Paths,
) -> FunctionId {
    let text = |text| String::from_utf8_lossy(trace.text(text)).into_owned();
    let (path, short, file_kind) = if kind == Kind::Python {
        let path = text(callable.file);
        let (short, kind) = paths.classify(&path);
        (path, short, kind)
    } else {
        (NATIVE_FILE.into(), NATIVE_FILE.into(), FileKind::Native)
    };
    let file = File {
        path: profile.strings.intern(&path),
        short: profile.strings.intern(&short),
        kind: file_kind,
    };
    let mut qualname = text(callable.qualname);
    // Functions that look the same and lived at the same time are several functions.
    if callable.ordinal > 0 {
        qualname = format!("{qualname}#{}", callable.ordinal + 1);
    }
    let function = Function {
        name: profile.strings.intern(&text(callable.name)),
        qualname: profile.strings.intern(&qualname),
        file: profile.places.add_file(file),
        first_line: callable.first_line,
    };
    profile.places.add_function(function)
}

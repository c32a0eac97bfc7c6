//! Which formats there are, and which one a file name or a `--format` asks for.

use std::path::Path;

/// A format a profile can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// One line a stack with its time: what flame graph scripts and most viewers read.
    Collapsed,
    /// The file of <https://www.speedscope.app>.
    Speedscope,
    /// The file of `go tool pprof`, compressed as it asks for.
    Pprof,
    /// The same without compression.
    PprofPlain,
    /// What `pstats.Stats` loads: the file of `cProfile`.
    Pstats,
    /// What `python -m line_profiler` loads: the file of `kernprof -l`.
    Lprof,
    /// A flame graph as one self-contained picture.
    Svg,
    /// The file of callgrind, for KCachegrind.
    Callgrind,
    /// A picture of who calls whom, for Graphviz.
    Dot,
    /// A timeline of single calls, for Perfetto.
    Chrome,
    /// Pitstop's own JSON: every row of the profile, for scripts.
    Json,
}

impl Format {
    /// Every format, in the order help texts list them.
    pub const ALL: [Self; 11] = [
        Self::Svg,
        Self::Speedscope,
        Self::Pprof,
        Self::PprofPlain,
        Self::Pstats,
        Self::Lprof,
        Self::Callgrind,
        Self::Dot,
        Self::Chrome,
        Self::Collapsed,
        Self::Json,
    ];

    /// The name `--format` takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Collapsed => "collapsed",
            Self::Speedscope => "speedscope",
            Self::Pprof => "pprof",
            Self::PprofPlain => "pprof-plain",
            Self::Pstats => "pstats",
            Self::Lprof => "lprof",
            Self::Svg => "svg",
            Self::Callgrind => "callgrind",
            Self::Dot => "dot",
            Self::Chrome => "chrome",
            Self::Json => "json",
        }
    }

    /// What it is, in one line for help texts.
    pub fn description(self) -> &'static str {
        match self {
            Self::Collapsed => "one line a stack with its time in microseconds, thread first",
            Self::Speedscope => "for speedscope.app: one profile a thread",
            Self::Pprof => "for go tool pprof, gzip: wall, CPU and GIL wait time with labels",
            Self::PprofPlain => "the same as pprof, not compressed",
            Self::Lprof => "for line_profiler: the lines that `lines --exact` timed",
            Self::Pstats => {
                "for Python's pstats and its viewers; of a sampled profile, ncalls are samples"
            }
            Self::Svg => "flame graph as one picture, coloured by what threads were doing",
            Self::Callgrind => "for KCachegrind and callgrind_annotate, with the lines of calls",
            Self::Dot => "for Graphviz: who calls whom, as a picture",
            Self::Chrome => "for Perfetto: every call in time, of a trace with --timeline",
            Self::Json => "every row of the profile, versioned, for scripts",
        }
    }

    /// The endings of file names that mean this format; the first is the one to suggest.
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Collapsed => &[".collapsed.txt", ".collapsed", ".folded", ".txt"],
            Self::Speedscope => &[".speedscope.json"],
            Self::Pprof => &[".pb.gz", ".pprof"],
            Self::PprofPlain => &[".pb"],
            Self::Pstats => &[".prof", ".pstats"],
            Self::Lprof => &[".lprof"],
            Self::Svg => &[".svg"],
            Self::Callgrind => &[".callgrind", ".callgrind.out"],
            Self::Dot => &[".dot", ".gv"],
            Self::Chrome => &[".trace.json"],
            Self::Json => &[".json"],
        }
    }

    /// The format whose name is `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The format the ending of a file name asks for; the longest ending that fits decides, so
    /// that `a.speedscope.json` is not taken for `a.json`.
    pub fn from_path(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
        // The one format that is known by how names begin: valgrind's `callgrind.out.4711`.
        if name.starts_with("callgrind.out") {
            return Some(Self::Callgrind);
        }
        Self::ALL
            .into_iter()
            .flat_map(|format| format.extensions().iter().map(move |end| (end, format)))
            .filter(|(end, _)| name.ends_with(**end) && name.len() > end.len())
            .max_by_key(|(end, _)| end.len())
            .map(|(_, format)| format)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_ask_for_formats() {
        let asked = |name: &str| Format::from_path(Path::new(name));
        for (name, format) in [
            ("a.collapsed", Format::Collapsed),
            ("a.collapsed.txt", Format::Collapsed),
            ("a.folded", Format::Collapsed),
            ("dir.svg/a.TXT", Format::Collapsed),
            ("a.speedscope.json", Format::Speedscope),
            ("a.json", Format::Json),
            ("a.pb.gz", Format::Pprof),
            ("a.pprof", Format::Pprof),
            ("a.pb", Format::PprofPlain),
            ("a.prof", Format::Pstats),
            ("a.pstats", Format::Pstats),
            ("a.py.lprof", Format::Lprof),
            ("flame.svg", Format::Svg),
            ("a.callgrind", Format::Callgrind),
            ("callgrind.out", Format::Callgrind),
            ("callgrind.out.4711", Format::Callgrind),
            ("a.gv", Format::Dot),
            ("a.trace.json", Format::Chrome),
        ] {
            assert_eq!(asked(name), Some(format), "{name}");
        }
        for name in ["a", "a.gz", ".svg", "a.svg/", "-", "", "a.html"] {
            let expected = (name == "a.svg/").then_some(Format::Svg);
            assert_eq!(asked(name), expected, "{name}");
        }
    }

    #[test]
    fn every_format_is_found_by_its_name_and_its_endings() {
        for format in Format::ALL {
            assert_eq!(Format::from_name(format.name()), Some(format));
            for end in format.extensions() {
                let path = format!("x{end}");
                assert_eq!(Format::from_path(Path::new(&path)), Some(format));
            }
        }
        assert_eq!(Format::from_name("Pprof "), None);
    }
}

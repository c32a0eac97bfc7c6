//! Exact times by line, as line_profiler prints them: byte for byte what `python -m line_profiler`
//! 5.1 shows, so that whoever reads that text, by eye or by script, goes on reading ours.
//!
//! `wide` adds what line_profiler does not know, behind its own columns.

use crate::paint::printf::{fixed, general};
use crate::paint::{Style, Tint, text};
use pitstop_analysis::{FunctionLines, LineStats, LineTime, Listing};

/// How to print.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The seconds in one unit of what is shown.
    pub unit_s: f64,
    /// Leave out functions that never ran.
    pub skip_zero: bool,
    /// Functions with the least time first, instead of in the order they were met.
    pub sort: bool,
    /// A line for each function at the end.
    pub summarize: bool,
    /// Also own time and waiting.
    pub wide: bool,
    /// Make what the program calls itself safe for a terminal. Elsewhere it is passed on as it is.
    pub safe: bool,
}

impl Default for Options {
    /// What line_profiler shows without options.
    fn default() -> Self {
        Self {
            unit_s: 1e-6,
            skip_zero: false,
            sort: false,
            summarize: false,
            wide: false,
            safe: false,
        }
    }
}

/// Renders times beside source. `listings` are those of the functions, in their order.
///
/// Colour is used if the style has it. Nothing is cut to the style's width.
pub fn render(stats: &LineStats, listings: &[Listing], options: &Options, style: &Style) -> String {
    let mut picture = Picture {
        out: String::new(),
        options,
        style,
        scale: stats.unit_s / options.unit_s,
        unit_s: stats.unit_s,
    };
    picture.push(&format!(
        "Timer unit: {} s\n\n",
        general(options.unit_s, 0, 6)
    ));
    let mut functions: Vec<(&FunctionLines, &Listing)> =
        stats.functions.iter().zip(listings).collect();
    if options.sort {
        functions.sort_by_key(|(function, _)| function.time());
    }
    for (function, listing) in &functions {
        if !(options.skip_zero && function.hits() == 0) {
            picture.function(function, listing);
        }
    }
    if options.summarize {
        for (function, _) in &functions {
            let time_s = function.time() as f64 * stats.unit_s;
            if !options.skip_zero || time_s != 0.0 {
                let (file, name) = (picture.name(&function.file), picture.name(&function.name));
                let seconds = fixed(time_s, 6, 2);
                let line = function.first_line;
                picture.push(&format!("{seconds} seconds - {file}:{line} - {name}\n"));
            }
        }
    }
    picture.out
}

/// The least widths of the columns (`line_profiler/rc/line_profiler.toml`).
const LINE: usize = 6;
const HITS: usize = 9;
const TIME: usize = 12;
const PER_HIT: usize = 8;
const PERCENT: usize = 8;

/// The numbers of a line as they are shown, in the order of the columns; all empty for a line that
/// never ran.
type Cells = Vec<String>;

struct Picture<'a> {
    out: String,
    options: &'a Options,
    style: &'a Style,
    /// What a unit of the times is in units of what is shown.
    scale: f64,
    unit_s: f64,
}

impl Picture<'_> {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    /// A name or a line of source.
    fn name(&self, name: &str) -> String {
        if self.options.safe {
            text::safe(name, *self.style)
        } else {
            name.to_owned()
        }
    }

    fn tinted(&self, tint: Tint, text: &str) -> String {
        match tint.code() {
            "" => text.to_owned(),
            _ if !self.style.color => text.to_owned(),
            code => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }

    fn function(&mut self, function: &FunctionLines, listing: &Listing) {
        let total_s = function.time() as f64 * self.unit_s;
        self.push(&format!("Total time: {} s\n", general(total_s, 0, 6)));
        if listing.found {
            let (file, name) = (self.name(&function.file), self.name(&function.name));
            let line = function.first_line;
            let name = self.tinted(Tint::Strong, &name);
            self.push(&format!("File: {file}\nFunction: {name} at line {line}\n"));
        } else {
            let file = self.name(&function.file);
            self.push(&format!(
                "\nCould not find file {file}\n\
                 Are you sure you are running this program from the same directory\n\
                 that you ran the profiler from?\n\
                 Continuing without the function's contents.\n"
            ));
        }
        if let (true, Some(calls)) = (self.options.wide, function.calls) {
            self.push(&format!("Calls: {calls}\n"));
        }
        self.table(function, listing);
    }

    fn table(&mut self, function: &FunctionLines, listing: &Listing) {
        let total = function.time();
        let lines: Vec<(&LineTime, Cells)> = function
            .lines
            .iter()
            .map(|line| (line, self.cells(line, total)))
            .collect();
        let mut titles = vec!["Hits", "Time", "Per Hit", "% Time"];
        let mut widths = vec![HITS, TIME, PER_HIT, PERCENT];
        if self.options.wide {
            titles.extend(["Own Time", "Wait"]);
            widths.extend([TIME, TIME]);
        }
        for (_, cells) in &lines {
            for (width, cell) in widths.iter_mut().zip(cells) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let row = |number: &str, cells: &[&str]| {
            let mut row = format!("{number:>LINE$}");
            for (index, width) in widths.iter().enumerate() {
                let cell = cells.get(index).copied().unwrap_or_default();
                row.push_str(&format!(" {cell:>width$}"));
            }
            row + "  "
        };
        let header = row("Line #", &titles) + "Line Contents";
        let rule = "=".repeat(header.chars().count());
        let header = self.tinted(Tint::Strong, &header);
        self.push(&format!("\n{header}\n{rule}\n"));
        let costliest = function.lines.iter().map(|line| line.time).max();
        for (number, source) in (u64::from(function.first_line)..).zip(&listing.lines) {
            // Of two entries for a line the later one counts, as in a dict.
            let known = lines
                .iter()
                .rfind(|(line, _)| u64::from(line.line) == number);
            let cells: Vec<&str> = known.map_or_else(Vec::new, |(_, cells)| {
                cells.iter().map(String::as_str).collect()
            });
            let tint = match known {
                None => Tint::Quiet,
                Some((line, _)) if Some(line.time) == costliest && line.time > 0 => Tint::Worse,
                Some(_) => Tint::None,
            };
            let text = row(&number.to_string(), &cells) + &self.name(source);
            let text = self.tinted(tint, &text);
            self.push(&text);
            self.push("\n");
        }
        self.push("\n");
    }

    fn cells(&self, line: &LineTime, total: u128) -> Cells {
        let time = line.time as f64;
        let hits = line.hits.to_string();
        let hits = if hits.len() > HITS {
            general(line.hits as f64, 0, 6)
        } else {
            hits
        };
        let per_hit = if line.hits == 0 {
            String::new()
        } else {
            short(time * self.scale / line.hits as f64, PER_HIT)
        };
        let percent = if total == 0 {
            String::new()
        } else {
            fixed((100 * u128::from(line.time)) as f64 / total as f64, 5, 1)
        };
        let mut cells = vec![hits, short(time * self.scale, TIME), per_hit, percent];
        if self.options.wide {
            cells.extend(match line.more {
                None => [String::new(), String::new()],
                Some(more) => {
                    [more.own, more.waited].map(|time| short(time as f64 * self.scale, TIME))
                }
            });
        }
        cells
    }
}

/// With one decimal, or with three digits where that is too wide for the column.
fn short(number: f64, width: usize) -> String {
    let text = fixed(number, 5, 1);
    if text.chars().count() > width {
        general(number, 5, 3)
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_analysis::MoreTime;

    fn line(line: u32, hits: u64, time: u64) -> LineTime {
        LineTime {
            line,
            hits,
            time,
            more: Some(MoreTime {
                own: time / 2,
                waited: 7_000,
            }),
        }
    }

    fn stats() -> (LineStats, Vec<Listing>) {
        let f = FunctionLines {
            file: "a.py".into(),
            first_line: 1,
            name: "A.f".into(),
            calls: Some(3),
            lines: vec![line(2, 3, 2_000_000), line(3, 12_345_678_901, 6_000_000)],
        };
        let g = FunctionLines {
            file: "gone.py".into(),
            first_line: 9,
            name: "g".into(),
            calls: Some(0),
            lines: Vec::new(),
        };
        let source = ["def f():", "    \x1b[2Jé", "    b"];
        let listings = vec![
            Listing {
                lines: source.map(str::to_owned).to_vec(),
                found: true,
            },
            Listing {
                lines: vec![String::new()],
                found: false,
            },
        ];
        let functions = vec![f, g];
        (
            LineStats {
                unit_s: 1e-9,
                functions,
            },
            listings,
        )
    }

    fn text(options: Options, style: Style) -> String {
        let (stats, listings) = stats();
        render(&stats, &listings, &options, &style)
    }

    #[test]
    fn text_is_that_of_line_profiler() {
        let options = Options {
            summarize: true,
            ..Options::default()
        };
        assert_eq!(
            text(options, Style::plain(80)),
            "Timer unit: 1e-06 s\n\nTotal time: 0.008 s\nFile: a.py\nFunction: A.f at line 1\n\n\
             Line #        Hits         Time  Per Hit   % Time  Line Contents\n\
             ================================================================\n     \
             1                                             def f():\n     \
             2           3       2000.0    666.7     25.0      \x1b[2Jé\n     \
             3 1.23457e+10       6000.0      0.0     75.0      b\n\n\
             Total time: 0 s\n\nCould not find file gone.py\n\
             Are you sure you are running this program from the same directory\n\
             that you ran the profiler from?\nContinuing without the function's contents.\n\n\
             Line #      Hits         Time  Per Hit   % Time  Line Contents\n\
             ==============================================================\n     \
             9                                           \n\n  \
             0.01 seconds - a.py:1 - A.f\n  0.00 seconds - gone.py:9 - g\n"
        );
    }

    #[test]
    fn json_has_nanoseconds_and_only_text_that_is_known() {
        let (mut stats, listings) = stats();
        stats.unit_s = 1e-6;
        stats.functions[1].lines.push(line(9, 1, 5));
        let text = crate::json::line_times(&stats, &listings);
        let json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(json["schema"], "pitstop/line-times@1");
        let line = &json["functions"][0]["lines"][1];
        assert_eq!(line["text"], "    b");
        assert_eq!(line["time_ns"], 6_000_000_000_u64);
        assert_eq!(line["waited_ns"], 7_000_000);
        assert_eq!(json["functions"][0]["time_ns"], 8_000_000_000_u64);
        let unknown = &json["functions"][1]["lines"][0]["text"];
        assert!(unknown.is_null(), "{text}");
    }

    #[test]
    fn functions_are_sorted_and_those_that_never_ran_left_out() {
        let options = Options {
            sort: true,
            summarize: true,
            ..Options::default()
        };
        let sorted = text(options, Style::plain(80));
        assert!(sorted.find("gone.py") < sorted.find("a.py:1"), "{sorted}");
        let skip_zero = true;
        let options = Options {
            skip_zero,
            ..options
        };
        assert!(!text(options, Style::plain(80)).contains("gone.py"));
    }

    #[test]
    fn wide_adds_columns_and_the_terminal_is_safe() {
        let options = Options {
            wide: true,
            safe: true,
            unit_s: 1e-3,
            ..Options::default()
        };
        let text = text(options, Style::colored(80));
        assert!(text.contains("Calls: 3\n"), "{text}");
        let row = "     2           3          2.0      0.7     25.0          1.0          0.0  ";
        assert!(
            text.contains(&format!("{row}    \\u{{1b}}[2Jé\n")),
            "{text}"
        );
        assert!(text.contains("\x1b[31m     3"), "{text}");
        assert!(text.contains("\x1b[1mLine #"), "{text}");
    }
}

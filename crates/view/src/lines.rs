//! The picture of a line table: source with its time beside it.

use crate::legend::{LEAST_WIDTH, titled};
use crate::paint::bar::stacked;
use crate::paint::number::{TimeScale, count, counted, share, time};
use crate::paint::{Line, Page, Style, Tint, text};
use pitstop_analysis::LineTable;
use pitstop_analysis::lines::{FileLines, LineRow};
use pitstop_model::SourceOrigin;

/// Renders a table of lines.
pub fn render(table: &LineTable, style: &Style) -> String {
    let mut page = Page::new(*style);
    let layout = Layout::of(table, *style);
    for (index, file) in table.files.iter().enumerate() {
        page.blank();
        let title = title(&page, file);
        if index == 0 {
            let rows = table.files.iter().flat_map(|file| &file.rows);
            let costs = rows.filter_map(|row| row.cost.as_ref());
            titled(&mut page, title, costs.map(|cost| &cost.own));
            titles(&mut page, &layout);
        } else {
            page.push(title);
        }
        rows(&mut page, file, &layout);
    }
    page.blank();
    footer(&mut page, table);
    page.finish()
}

/// The columns that all files share.
struct Layout {
    scale: TimeScale,
    time: usize,
    bar: usize,
    full_ns: f64,
    number: usize,
}

/// The column a share is set flush right in: `100 %` and the space before it.
const SHARE: usize = 7;

impl Layout {
    fn of(table: &LineTable, style: Style) -> Self {
        let rows = || table.files.iter().flat_map(|file| &file.rows);
        let costs = || rows().filter_map(|row| row.cost.as_ref());
        let largest_ns = costs().map(|cost| cost.total_ns).fold(0.0, f64::max);
        let scale = TimeScale::of(largest_ns);
        let times = costs().map(|cost| text::width(&scale.format(cost.total_ns)));
        let last = rows().map(|row| row.number).max().unwrap_or(0);
        Self {
            time: times.max().unwrap_or(0).max(5),
            scale,
            bar: match style.width {
                100.. => 12,
                80.. => 8,
                LEAST_WIDTH.. => 5,
                _ => 0,
            },
            full_ns: costs().map(|cost| cost.own.total_ns()).fold(0.0, f64::max),
            number: last.to_string().len().max(4),
        }
    }

    /// The column that the number of a line begins at.
    fn numbers(&self) -> usize {
        let bar = if self.bar > 0 { self.bar + 2 } else { 0 };
        1 + self.time + SHARE + 2 + bar + self.time + 2
    }
}

fn title(page: &Page, file: &FileLines) -> Line {
    let mut line = page.line().gap(1).tinted(Tint::Strong, &file.file);
    let remark = match file.origin {
        Some(SourceOrigin::DiskChanged) => "changed since the run: lines may not match",
        Some(SourceOrigin::Linecache) => "text from the interpreter's cache",
        Some(SourceOrigin::Zip) => "text from a zip archive",
        Some(SourceOrigin::Disk | SourceOrigin::CommandLine) => "",
        None => "source not captured",
    };
    if !remark.is_empty() {
        line = line.tinted(Tint::Quiet, &format!(" · {remark}"));
    }
    line
}

fn titles(page: &mut Page, layout: &Layout) {
    let line = page
        .line()
        .gap(1)
        .right(Tint::Quiet, "own", layout.time)
        .right(Tint::Quiet, "share", SHARE)
        .to(layout.numbers() - 2 - layout.time)
        .right(Tint::Quiet, "total", layout.time)
        .gap(2)
        .right(Tint::Quiet, "line", layout.number);
    page.push(line);
}

fn rows(page: &mut Page, file: &FileLines, layout: &Layout) {
    let mut before: Option<u32> = None;
    for row in &file.rows {
        if before.is_some_and(|number| row.number > number + 1) {
            let gap = page.line().to(layout.numbers());
            page.push(gap.right(Tint::Quiet, "⋮", layout.number));
        }
        before = Some(row.number);
        let line = costs(page.line(), row, layout);
        page.push(source(line, row, layout));
    }
}

/// Time, share, bar and total: blank where no sample fell.
fn costs(line: Line, row: &LineRow, layout: &Layout) -> Line {
    let Some(cost) = &row.cost else {
        return line;
    };
    let own_ns = cost.own.total_ns();
    let mut line = line.gap(1);
    if own_ns > 0.0 {
        line = line
            .right(Tint::None, &layout.scale.format(own_ns), layout.time)
            .right(Tint::None, &share(cost.share), SHARE)
            .gap(2);
        line = stacked(line, &cost.own, layout.full_ns, layout.bar);
    }
    line.to(layout.numbers() - 2 - layout.time).right(
        Tint::None,
        &layout.scale.format(cost.total_ns),
        layout.time,
    )
}

fn source(line: Line, row: &LineRow, layout: &Layout) -> Line {
    let number = row.number.to_string();
    let line = line
        .to(layout.numbers())
        .right(Tint::None, &number, layout.number);
    let marker = if row.hottest { " ▶ " } else { "   " };
    let tint = match (&row.cost, row.hottest) {
        (_, true) => Tint::Strong,
        (None, _) => Tint::Quiet,
        _ => Tint::None,
    };
    line.tinted(Tint::Strong, marker)
        .tinted(tint, row.text.as_deref().unwrap_or(""))
}

fn footer(page: &mut Page, table: &LineTable) {
    for name in &table.unmatched {
        let line = page.line().gap(1);
        let said = format!("nothing was measured in a function or file called {name}");
        page.wrapped(line, Tint::None, &said);
    }
    let line = page.line().gap(1);
    if table.files.is_empty() {
        if table.unmatched.is_empty() {
            page.wrapped(line, Tint::None, "No line of Python was seen.");
        }
        return;
    }
    let mut said = format!(
        "{}, {} of {} shown",
        counted(table.functions as u64, "function"),
        count(table.shown as u64),
        counted(table.lines as u64, "line"),
    );
    if table.shown < table.lines {
        said += " · --all shows every line · -n 40 for the 40 hottest";
    }
    page.wrapped(line, Tint::Quiet, &said);
    let line = page.line().gap(1);
    if table.is_traced {
        let said = format!(
            "Shares of {} elapsed · calls were timed, not lines: what a function did itself is at \
             its def, what it called is at the line of the call · pitstop lines --exact times lines",
            time(table.whole_ns)
        );
        page.wrapped(line, Tint::Quiet, &said);
        return;
    }
    let said = format!(
        "Shares of {} elapsed · 1 sample = {} · own time includes library calls, total also \
         the functions called",
        time(table.whole_ns),
        time(table.sample_ns).replacen(".00 ", " ", 1)
    );
    page.wrapped(line, Tint::Quiet, &said);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use pitstop_analysis::{Elapsed, LinesOptions};

    fn table(profile: &pitstop_model::Profile, select: &[&str]) -> LineTable {
        let options = LinesOptions {
            select: select.iter().map(|&name| name.to_owned()).collect(),
            ..LinesOptions::default()
        };
        pitstop_analysis::lines::lines(profile, &Elapsed::of(profile), &options)
    }

    fn check(table: &LineTable, style: Style, expect: &str) {
        let text = render(table, &style);
        assert!(text == expect, "{text}");
    }

    #[test]
    fn of_a_trace_the_lines_are_those_that_call() {
        let text = render(&table(&cases::traced(), &["parse"]), &Style::plain(100));
        let has = |line: &str| text.lines().any(|found| found.starts_with(line));
        assert!(
            has("  45 ms   22 %") && text.contains("1   def parse(lines):"),
            "{text}"
        );
        assert!(
            has(" 160 ms") && text.contains("2 ▶     return [one(l)"),
            "{text}"
        );
        assert!(
            !text.contains("sample") && text.contains("calls were timed, not lines"),
            "{text}"
        );
    }

    #[test]
    fn lines_at_80_columns() {
        check(
            &table(&cases::slow_report(), &[]),
            Style::plain(80),
            r#" slow_report.py                  █ Python  ▓ native  ▚ GC  ▒ GIL wait  ░ waiting
    own  share             total  line
                                     8   def parse(lines):
                                     9       out = []
 0.00 s   <1 %  ▏         0.00 s    10       for line in lines:
 0.05 s    2 %  ▓         0.05 s    11           row = json.loads(line)
 0.10 s    4 %  ▋         0.10 s    12           row["when"] = datetime.datetim…
 0.03 s    1 %  ▚         0.03 s    13           out.append(row)
                                    14       return out
                                     ⋮
                                    17   def dedupe(rows):
                                    18       seen = []
                                    19       for r in rows:
 1.12 s   46 %  ████████  1.12 s    20 ▶         if r["id"] not in seen:
 0.01 s   <1 %  ▏         0.01 s    21               seen.append(r["id"])
                                     ⋮
                                    25   def fetch_rate(currency):
 0.55 s   23 %  ░░░░      0.55 s    26       time.sleep(0.01)
                                    27       return 1.1
                                     ⋮
                                    34   def worker(rows):
                                    35       total = 0
                                    36       for r in rows:
 0.42 s   17 %  ▓▒▒       0.42 s    37           total += len(hashlib.sha256(re…
                                    38       return total

 4 functions, 20 of 52 lines shown · --all shows every line · -n 40 for the 40
 hottest
 Shares of 2.43 s elapsed · 1 sample = 1 ms · own time includes library calls,
 total also the functions called
"#,
        );
    }

    #[test]
    fn lines_at_60_columns_of_ascii() {
        check(
            &table(&cases::recursion(), &[]),
            Style::ascii(60),
            r" fib.py
    own  share   total  line
                           1   def fib(n):
 0.48 s   44 %  0.48 s     2       if n < 2:
                           3           return n
 0.60 s   56 %  1.08 s     4 >     return fib(n - 1) + fib..

 1 function, 4 of 7 lines shown | --all shows every line |
 -n 40 for the 40 hottest
 Shares of 1.08 s elapsed | 1 sample = 1 ms | own time
 includes library calls, total also the functions called
",
        );
    }

    #[test]
    fn what_is_not_there_is_said() {
        let text = render(&table(&cases::tiny(), &["nowhere"]), &Style::plain(80));
        assert_eq!(
            text,
            " nothing was measured in a function or file called nowhere\n"
        );
        let empty = render(&LineTable::default(), &Style::plain(80));
        assert_eq!(empty, " No line of Python was seen.\n");
    }
}

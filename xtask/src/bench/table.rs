//! The table that is printed at the end: a line a figure, ours beside theirs.

use super::statistics::Median;

/// One line. A cell that nobody could fill is `-`.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) what: String,
    pub(super) target: String,
    pub(super) pitstop: String,
    /// CPython 3.15's `profiling.sampling`.
    pub(super) cpython: String,
    pub(super) py_spy: String,
    /// None where nothing is to be reached.
    pub(super) reached: Option<bool>,
    /// True if chance may have decided that.
    pub(super) unsure: bool,
}

impl Row {
    /// A line whose other cells are still empty.
    pub(super) fn new(what: impl Into<String>, target: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            target: target.into(),
            pitstop: nothing(),
            cpython: nothing(),
            py_spy: nothing(),
            reached: None,
            unsure: false,
        }
    }

    /// Judges a median, which must not be above the limit.
    pub(super) fn judge(&mut self, median: Median, limit: f64) {
        self.reached = Some(median.value <= limit);
        self.unsure = (median.low <= limit) != (median.high <= limit);
    }

    fn cells(&self) -> [&str; 6] {
        let reached = match (self.reached, self.unsure) {
            (Some(true), false) => "yes",
            (Some(true), true) => "yes?",
            (Some(false), false) => "NO",
            (Some(false), true) => "NO?",
            (None, _) => "",
        };
        [
            &self.what,
            &self.target,
            &self.pitstop,
            &self.cpython,
            &self.py_spy,
            reached,
        ]
    }

    pub(super) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "what": self.what,
            "target": self.target,
            "pitstop": self.pitstop,
            "cpython_3_15": self.cpython,
            "py_spy": self.py_spy,
            "reached": self.reached,
            "unsure": self.unsure,
        })
    }
}

/// What stands in an empty cell.
pub(super) fn nothing() -> String {
    "-".into()
}

/// Lines with their columns below each other.
pub(super) fn format(rows: &[Row]) -> String {
    let head = ["what", "target", "pitstop", "3.15", "py-spy", "reached"];
    let lines: Vec<[&str; 6]> = std::iter::once(head)
        .chain(rows.iter().map(Row::cells))
        .collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..head.len()).filter_map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let mut shown = String::new();
        for (cell, &width) in line.iter().zip(&widths) {
            shown.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(shown.trim_end());
        text.push('\n');
    }
    text
}

/// `1234567` as `1,234,567`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// A share of one, as per cent with as many digits as tell something.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let digits = match percent.abs() {
        0.0..9.95 => 2,
        9.95..99.0 => 1,
        99.0..100.0 => 3,
        _ => 0,
    };
    format!("{percent:.digits$} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let mut row = Row::new("file", "<= 30 MB");
        row.pitstop = "12 MB".into();
        row.reached = Some(true);
        let expected = "what  target    pitstop  3.15  py-spy  reached\n\
                        file  <= 30 MB  12 MB    -     -       yes\n";
        assert_eq!(format(&[row]), expected);
    }

    #[test]
    fn a_median_is_judged_and_doubted() {
        let judged = |value: f64, low: f64, high: f64| {
            let mut row = Row::new("", "");
            row.judge(Median { value, low, high }, 1.0);
            row.cells()[5].to_owned()
        };
        assert_eq!(judged(0.5, 0.1, 0.9), "yes");
        assert_eq!(judged(0.5, 0.1, 1.9), "yes?");
        assert_eq!(judged(1.5, 0.1, 1.9), "NO?");
        assert_eq!(judged(1.5, 1.1, 1.9), "NO");
    }

    #[test]
    fn numbers_are_told_shortly() {
        assert_eq!(thousands(7), "7");
        assert_eq!(thousands(100_412), "100,412");
        assert_eq!(percent(0.0012), "0.12 %");
        assert_eq!(percent(0.3012), "30.1 %");
        assert_eq!(percent(0.99987), "99.987 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(7.1), "710 %");
    }
}

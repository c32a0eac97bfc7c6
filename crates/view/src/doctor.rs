//! The picture of a check-up: a line a finding, and under what is wrong the one thing to do.

use crate::paint::{Page, Style, Tint};

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Nothing is in the way.
    Good,
    /// Something works less well than it could.
    Limited,
    /// Something does not work.
    Bad,
}

/// One finding.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// How it came out.
    pub mark: Mark,
    /// What was looked at.
    pub name: &'a str,
    /// What was found.
    pub finding: &'a str,
    /// What to do about it.
    pub cure: Option<&'a str>,
}

/// The column that findings begin in.
const FINDING: usize = 19;

/// Renders the findings.
pub fn render(rows: &[Row<'_>], style: &Style) -> String {
    let mut page = Page::new(*style);
    for row in rows {
        let (word, tint) = match row.mark {
            Mark::Good => ("ok", Tint::Better),
            Mark::Limited => ("limited", Tint::Id),
            Mark::Bad => ("BAD", Tint::Worse),
        };
        let line = page
            .line()
            .gap(1)
            .tinted(tint, word)
            .to(9)
            .tinted(Tint::Strong, row.name);
        page.wrapped(line.to(FINDING).gap(1), Tint::None, row.finding);
        if let Some(cure) = row.cure {
            let line = page.line().to(FINDING).gap(1).tinted(Tint::Quiet, "cure: ");
            page.wrapped(line, Tint::None, cure);
        }
    }
    page.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_has_its_word_and_each_trouble_its_cure() {
        let rows = [
            Row {
                mark: Mark::Good,
                name: "clock",
                finding: "tsc",
                cure: None,
            },
            Row {
                mark: Mark::Bad,
                name: "Python",
                finding: "none",
                cure: Some("install one"),
            },
        ];
        assert_eq!(
            render(&rows, &Style::plain(60)),
            " ok      clock      tsc\n BAD     Python     none\n                    cure: install one\n"
        );
    }
}

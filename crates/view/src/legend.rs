//! The title line of a picture with stacked bars: its name, and what the bars' glyphs mean.

use crate::paint::bar::glyph;
use crate::paint::{Line, Page, Tint, text};
use crate::words::label;
use pitstop_analysis::{Cost, Doing};

/// Narrower pages have no stacked bars, so nothing to explain.
pub(crate) const LEAST_WIDTH: usize = 64;

/// Writes a title, with the glyphs for what `costs` were spent doing flush right: beside it, or
/// where there is no room, above it.
pub(crate) fn titled<'a>(page: &mut Page, title: Line, costs: impl Iterator<Item = &'a Cost>) {
    let mut all = Cost::default();
    costs.for_each(|cost| all.merge(cost));
    let shown: Vec<Doing> = Doing::ALL
        .into_iter()
        .filter(|&doing| all.ns(doing) > 0.0)
        .collect();
    let width = page.style().width;
    if width < LEAST_WIDTH || shown.is_empty() {
        return page.push(title);
    }
    let entries = shown.iter().map(|&doing| text::width(label(doing)) + 2);
    let legend_width = entries.sum::<usize>() + 2 * (shown.len() - 1);
    let column = width.saturating_sub(legend_width);
    if title.width() + 2 <= column {
        page.push(legend(title.to(column), &shown));
    } else {
        let above = page.line().to(column);
        page.push(legend(above, &shown));
        page.push(title);
    }
}

fn legend(mut line: Line, shown: &[Doing]) -> Line {
    for (index, &doing) in shown.iter().enumerate() {
        line = line
            .gap(if index > 0 { 2 } else { 0 })
            .tinted(Tint::Doing(doing), &glyph(doing).to_string())
            .tinted(Tint::Quiet, &format!(" {}", label(doing)));
    }
    line
}

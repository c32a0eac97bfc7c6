//! The picture: one self-contained SVG of header, boxes and footer.
//!
//! SVG 1.1 shapes with one style sheet and one script, both inside; nothing is loaded.

use super::block::{COLUMN, Labels, draw, rows_height};
use super::header::{legend, notes, subtitle};
use super::layout::{Layout, WIDTH};
use super::tree::Tree;
use super::xml::{fit, line, px};
use crate::Options;
use crate::names::{Names, title};
use crate::xml::escape;
use pitstop_model::Profile;
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The margin around the chart.
const MARGIN: f64 = 16.0;

/// The whole picture.
pub(super) fn picture(
    profile: &Profile,
    options: &Options,
    tree: &Tree,
    layout: &Layout,
) -> String {
    let total_ns = tree.total_ns();
    let title = title(profile, options.title.as_deref());
    let mut body = String::new();
    line(
        &mut body,
        MARGIN,
        36.0,
        "h h1",
        &fit(&title, 96).unwrap_or_default(),
    );
    line(
        &mut body,
        MARGIN,
        58.0,
        "h mu",
        &subtitle(profile, options, tree),
    );
    let bottom = legend(
        &mut body,
        (MARGIN, 74.0),
        &tree.nodes[Tree::ROOT].split,
        total_ns,
    );
    let how = "Top to bottom is caller to callee, width is time, colour is what the thread was \
               doing; a strip shows how a box's time splits.";
    hint(&mut body, bottom + 20.0, how);
    let top = bottom + 32.0;
    let labels = Labels {
        profile,
        names: Names::new(profile),
        options,
        total_ns,
    };
    for block in &layout.blocks {
        draw(&mut body, (MARGIN, top), tree, block, &labels);
    }
    let mut y = top + rows_height(layout.rows) + 20.0;
    for note in notes(profile, layout, total_ns) {
        line(&mut body, MARGIN, y, "h mu", &note);
        y += 18.0;
    }
    frame(&body, y + 2.0, &title)
}

/// The outermost element around a finished body.
fn frame(body: &str, height: f64, title: &str) -> String {
    let (width, height) = (px(WIDTH + 2.0 * MARGIN), px(height));
    let script = SCRIPT
        .replace("WIDTH", &px(WIDTH))
        .replace("LEFT", &px(MARGIN))
        .replace("COLUMN", &px(COLUMN));
    let hatch = |id: &str, class: &str| {
        format!(
            "<pattern id=\"{id}\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
             patternTransform=\"rotate(45)\"><rect class=\"{class}\" width=\"6\" height=\"6\"/>\
             <path class=\"ha\" d=\"M3 0V6\"/></pattern>"
        )
    };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Flame graph of {}\">\n\
         <style>\n{STYLE}</style>\n<defs>{}{}</defs>\n\
         <rect class=\"bg\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n{body}\
         <script><![CDATA[\n{script}]]></script>\n</svg>\n",
        escape(title),
        hatch("io", "iof"),
        hatch("iol", "liof"),
    )
}

/// The line the script replaces with details of the box under the pointer.
fn hint(out: &mut String, y: f64, text: &str) {
    let (x, y) = (px(MARGIN), px(y));
    let _ = writeln!(
        out,
        "<text id=\"hint\" class=\"h mu\" x=\"{x}\" y=\"{y}\">{text}</text>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_stays_small() {
        assert!(SCRIPT.len() <= 3072);
        assert!(!SCRIPT.contains("]]>"));
    }
}

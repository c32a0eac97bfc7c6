//! A flame graph as one SVG picture that reads well without a script.
//!
//! ```text
//! activity   the seven things a thread can be doing, each with its colour
//! tree       samples merged into a tree: root, process, thread, frames
//! layout     which nodes get a box, where, and what was too small or too deep to draw
//! header     the words around the chart
//! block      one box
//! xml        the elements all of it is made of
//! svg        the whole picture
//! style.css  colours, light and dark; script.js  zoom and search when opened directly
//! ```
//!
//! Code hosts and chats show SVG as an image and run no scripts, so names, times and shares are
//! in the picture itself. Top to bottom is caller to callee, width is time, and colour is what the
//! thread was doing, which is the question a colour by package or by chance cannot answer.

mod activity;
mod block;
mod header;
mod layout;
mod svg;
mod tree;
mod xml;

use crate::Options;
use pitstop_model::Profile;
use std::io::{self, Write};

pub(crate) fn write(profile: &Profile, options: &Options, out: &mut dyn Write) -> io::Result<()> {
    let tree = tree::Tree::new(profile, options);
    let layout = layout::Layout::new(&tree);
    out.write_all(svg::picture(profile, options, &tree, &layout).as_bytes())
}

//! What the output can show: colour, characters, width.
//!
//! Only the sixteen basic colours are used, so that they follow the user's own palette. Colour
//! repeats what a word or a glyph already says; without it nothing is lost.

use pitstop_analysis::Doing;

/// What the output can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Use colours and bold or dim text.
    pub color: bool,
    /// Use characters outside ASCII: blocks, lines, dots.
    pub unicode: bool,
    /// The number of columns. No line is longer.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self::plain(80)
    }
}

impl Style {
    /// Unicode text without colours.
    pub fn plain(width: usize) -> Self {
        Self {
            color: false,
            unicode: true,
            width,
        }
    }

    /// Text for anything: neither colours nor characters outside ASCII.
    pub fn ascii(width: usize) -> Self {
        Self {
            color: false,
            unicode: false,
            width,
        }
    }

    /// Text with everything.
    pub fn colored(width: usize) -> Self {
        Self {
            color: true,
            unicode: true,
            width,
        }
    }
}

/// How a piece of text is set off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tint {
    /// Not at all.
    #[default]
    None,
    /// What is to be read first.
    Strong,
    /// What may be overlooked.
    Quiet,
    /// A command to type.
    Command,
    /// What is known by this name: the id of a finding.
    Id,
    /// What is well, or better than before.
    Better,
    /// What is wrong, or worse than before.
    Worse,
    /// The colour of what a thread was doing.
    Doing(Doing),
}

impl Tint {
    /// The parameters of the escape sequence that begins it (ECMA-48 §8.3.117); empty for none.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Strong => "1",
            Self::Quiet => "2",
            Self::Command => "36",
            Self::Id => "33",
            Self::Better => "32",
            Self::Worse => "31",
            Self::Doing(Doing::Python) => "33",
            Self::Doing(Doing::Native) => "36",
            Self::Doing(Doing::GarbageCollection) => "35",
            Self::Doing(Doing::GilWait) => "31",
            Self::Doing(Doing::Waiting) => "34",
            Self::Doing(Doing::CpuWait) => "91",
            Self::Doing(Doing::Unknown) => "90",
        }
    }
}

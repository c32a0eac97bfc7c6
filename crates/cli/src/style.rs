//! What the terminal can show: colours, characters, columns.

use clap::ValueEnum;
use pitstop_view::Style;
use std::env;
use std::io::{self, IsTerminal};

/// The answer to `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// If the output is a terminal that has them.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Makes the style of either output.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Choice {
    color: Color,
}

impl Choice {
    pub(crate) fn new(color: Color) -> Self {
        Self { color }
    }

    /// The style of standard output.
    pub(crate) fn for_stdout(self) -> Style {
        self.style(
            io::stdout().is_terminal(),
            terminal_size::terminal_size_of(io::stdout()),
        )
    }

    /// The style of standard error.
    pub(crate) fn for_stderr(self) -> Style {
        self.style(
            io::stderr().is_terminal(),
            terminal_size::terminal_size_of(io::stderr()),
        )
    }

    fn style(
        self,
        terminal: bool,
        size: Option<(terminal_size::Width, terminal_size::Height)>,
    ) -> Style {
        let columns = env::var("COLUMNS")
            .ok()
            .and_then(|columns| columns.parse::<usize>().ok());
        let width = columns
            .or(size.map(|(width, _)| usize::from(width.0)))
            .unwrap_or(100);
        Style {
            color: self.wants_color(terminal),
            unicode: is_utf8_locale(),
            width: width.clamp(20, 140),
        }
    }

    /// The flag first, then the conventions: NO_COLOR (any value but an empty one), FORCE_COLOR and
    /// CLICOLOR_FORCE, `TERM=dumb`, and at last whether anybody looks.
    fn wants_color(self, terminal: bool) -> bool {
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let forced =
            |name: &str| env::var(name).is_ok_and(|value| !value.is_empty() && value != "0");
        match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto if is_set("NO_COLOR") => false,
            Color::Auto if forced("FORCE_COLOR") || forced("CLICOLOR_FORCE") => true,
            Color::Auto => terminal && env::var("TERM").map_or(true, |term| term != "dumb"),
        }
    }
}

/// POSIX: the first of these that is set and not empty decides.
fn is_utf8_locale() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    // Without any setting the C locale holds; containers run like that, and their terminals are
    // UTF-8 all the same.
    set.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

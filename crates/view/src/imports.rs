//! The picture of imports: a tree of what imports what, what nobody needed, what lazy imports save.

use crate::paint::{Page, Style, Tint, number};
use crate::trials::{change, percent, range};
use pitstop_analysis::imports::{Import, Imports, Unneeded};
use pitstop_analysis::trials::{Comparison, Verdict};

/// The column that facts begin in.
const FACTS: usize = 11;

/// The columns of a time.
const TIME: usize = 9;

/// Modules that are named as unneeded.
const NAMED: usize = 12;

/// What is shown, and how much of it.
#[derive(Debug)]
pub struct Picture<'a> {
    /// The program.
    pub name: &'a str,
    /// What it imports.
    pub imports: &'a Imports,
    /// With all imports lazy (B) against without (A); `None` if that was not measured.
    pub lazy: Option<&'a Comparison<'a>>,
    /// How it failed with all imports lazy.
    pub lazy_failure: Option<&'a str>,
    /// Branches below this share of all imports are cut.
    pub least_share: f64,
    /// Also show the interpreter's own start.
    pub startup: bool,
    /// The program was run only once.
    pub once: bool,
}

impl Picture<'_> {
    /// Whether there is anything beyond the interpreter's own start.
    fn imports_something(&self) -> bool {
        self.imports.modules.iter().any(|module| !module.is_startup)
    }
}

/// Renders imports.
pub fn render(picture: &Picture<'_>, style: &Style) -> String {
    let mut page = Page::new(*style);
    headline(&mut page, picture);
    facts(&mut page, picture, *style);
    if picture.startup || picture.imports_something() {
        page.blank();
        tree(&mut page, picture, *style);
    }
    unneeded(&mut page, picture, *style);
    page.finish()
}

fn headline(page: &mut Page, picture: &Picture<'_>) {
    let Imports {
        program_ns,
        modules,
        ..
    } = picture.imports;
    let count = modules.iter().filter(|module| !module.is_startup).count();
    let words = format!(
        "{} in {}",
        number::time(*program_ns),
        number::counted(count as u64, "import")
    );
    let line = page.line().gap(1).tinted(Tint::Strong, &words);
    page.push(line.gap(2).put(picture.name));
}

fn facts(page: &mut Page, picture: &Picture<'_>, style: Style) {
    let Imports {
        startup_ns,
        runs,
        unneeded,
        unneeded_ns,
        basis,
        ..
    } = picture.imports;
    let runs = number::counted(*runs as u64, "run");
    let times = format!(
        "the interpreter's own start {}; medians of {runs} with -X importtime, which itself slows imports",
        number::time(*startup_ns)
    );
    fact(page, "measured", &times);
    let is_measured = picture.lazy.is_some() || picture.lazy_failure.is_some();
    if !picture.imports_something() && !is_measured {
        let text = "nothing is imported that the interpreter's own start does not import (--startup shows that)";
        fact(page, "imports", text);
        return;
    }
    let modules = number::counted(*unneeded as u64, "module");
    let took = number::time(*unneeded_ns);
    match basis {
        Some(Unneeded::NeverLoaded) => {
            let text = format!("{modules}, {took}: with all imports lazy they were never loaded");
            fact(page, "unneeded", &text);
        }
        Some(Unneeded::NeverCalled) => {
            let text = format!(
                "{modules}, {took}: no function or class of them was called after their import; \
                 constants may have been used"
            );
            fact(page, "unneeded", &text);
        }
        None if picture.once => {
            fact(page, "unneeded", "not looked for: the program was run once");
        }
        None => fact(
            page,
            "unneeded",
            "not known: the program ended in a way that nothing at its end could see",
        ),
    }
    lazy(page, picture, style);
}

/// What lazy imports save, measured or estimated.
fn lazy(page: &mut Page, picture: &Picture<'_>, style: Style) {
    if let Some(failure) = picture.lazy_failure {
        let text = format!("not measured: with all imports lazy it ended with {failure}");
        fact(page, "lazy", &text);
        return;
    }
    if let Some(known) = picture.lazy {
        let word = match known.verdict {
            Verdict::Faster => "measured: faster",
            Verdict::Slower => "measured: slower",
            Verdict::Equivalent => "measured: no difference that matters",
            Verdict::Inconclusive => "measured, and inconclusive (more with --time)",
        };
        let ends = known.interval.map_or(String::new(), |interval| {
            format!(
                " {}",
                range(&change(interval.low), &change(interval.high), style)
            )
        });
        let saved = known.sides[0].time.median - known.sides[1].time.median;
        let text = format!(
            "{word}, {}{ends} of the whole program, about {}{} of {}; {} of processes",
            change(known.ratio),
            if saved < 0.0 { "-" } else { "" },
            number::time(saved.abs()),
            number::time(known.sides[0].time.median),
            number::counted(known.pairs as u64, "pair"),
        );
        fact(page, "lazy", &text);
        return;
    }
    if picture.imports.basis.is_some() {
        let share = picture.imports.unneeded_ns / picture.imports.program_ns.max(1.0);
        let text = format!(
            "an estimate: at most {}, {} of the imports, if what was not called is not imported; \
             CPython 3.15 can measure it",
            number::time(picture.imports.unneeded_ns),
            percent(share)
        );
        fact(page, "lazy", &text);
    }
}

fn tree(page: &mut Page, picture: &Picture<'_>, style: Style) {
    let modules = &picture.imports.modules;
    let mut all = picture.imports.program_ns;
    if picture.startup {
        all += picture.imports.startup_ns;
    }
    let least = all * picture.least_share;
    let shown =
        |module: &Import| (picture.startup || !module.is_startup) && module.total_ns >= least;
    let line = page.line().gap(1).right(Tint::Quiet, "total", TIME);
    let line = line.right(Tint::Quiet, "itself", TIME + 1);
    page.push(line.gap(2).tinted(Tint::Quiet, "module"));
    let (mut cut, mut cut_ns) = (0u64, 0.0);
    for module in modules {
        if !picture.startup && module.is_startup {
            continue;
        }
        if !shown(module) {
            cut += 1;
            cut_ns += module.own_ns;
            continue;
        }
        let total = number::time(module.total_ns);
        let own = number::time(module.own_ns);
        let line = page.line().gap(1).right(Tint::Strong, &total, TIME);
        let line = line.right(Tint::None, &own, TIME + 1);
        let line = line
            .gap(2 + 2 * module.depth.min(style.width / 8))
            .put(&module.name);
        page.push(match module.is_unneeded {
            Some(true) => line.gap(2).tinted(Tint::Worse, "unneeded"),
            _ => line,
        });
    }
    if cut > 0 {
        let text = format!(
            "{} below {} took {}; all of them with --min 0",
            number::counted(cut, "module"),
            percent(picture.least_share),
            number::time(cut_ns)
        );
        let line = page.line().gap(1);
        page.wrapped(line, Tint::Quiet, &text);
    }
}

/// The dearest modules that nobody needed, with what imported them.
fn unneeded(page: &mut Page, picture: &Picture<'_>, style: Style) {
    let imports = picture.imports;
    let least = imports.program_ns * picture.least_share;
    let is_top = |module: &&Import| {
        let parent = module.parent.map(|at| &imports.modules[at]);
        module.is_unneeded == Some(true)
            && module.total_ns >= least
            && parent.is_none_or(|parent| parent.is_unneeded != Some(true))
    };
    let mut tops: Vec<&Import> = imports.modules.iter().filter(is_top).collect();
    tops.sort_by(|a, b| b.total_ns.total_cmp(&a.total_ns));
    if tops.is_empty() {
        return;
    }
    page.blank();
    let line = page.line().gap(1);
    page.push(line.tinted(
        Tint::Quiet,
        "unneeded, with what they import, and who imports them first",
    ));
    for module in tops.iter().take(NAMED) {
        let by = module
            .parent
            .map_or("the program", |at| imports.modules[at].name.as_str());
        let line = page
            .line()
            .gap(1)
            .right(Tint::Strong, &number::time(module.total_ns), TIME);
        let line = line.gap(2).put(&module.name);
        page.push(line.gap(2).tinted(Tint::Quiet, by));
    }
    let more = tops.len().saturating_sub(NAMED);
    if more > 0 {
        let dots = if style.unicode { "…" } else { ".." };
        let line = page.line().gap(1).tinted(Tint::Quiet, dots).gap(1);
        page.push(line.tinted(Tint::Quiet, &format!("{more} more")));
    }
}

fn fact(page: &mut Page, name: &str, text: &str) {
    let line = page.line().gap(1).tinted(Tint::Quiet, name).to(FACTS);
    page.wrapped(line, Tint::None, text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_analysis::imports::{Usage, import_lines, imports};

    #[test]
    fn a_tree_shows_times_and_what_nobody_needed_in_every_width() {
        let lines = import_lines(
            "import time: 100 | 100 | site\n\
             import time: 9000 | 9000 |   json.decoder\n\
             import time: 1000 | 10000 | json\n\
             import time: 2000 | 2000 | colorsys\n\
             import time: 5 | 5 | tiny\n",
        );
        let usage = Usage {
            called: ["json.decoder".to_owned(), "json".to_owned()].into(),
            uncalled: ["colorsys".to_owned()].into(),
            ..Usage::default()
        };
        let found = imports(&[lines], Some(&usage));
        let picture = Picture {
            name: "app.py",
            imports: &found,
            lazy: None,
            lazy_failure: None,
            least_share: 0.01,
            startup: false,
            once: false,
        };
        let text = render(&picture, &Style::plain(80));
        for words in [
            "12.0 ms in 4 imports  app.py",
            "10.0 ms   1.00 ms  json\n",
            "9.00 ms   9.00 ms    json.decoder\n",
            "colorsys  unneeded",
            "an estimate: at most 2.00 ms, 17 % of the imports",
            "1 module below 1.0 %",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(!text.contains(" site\n"), "{text}");
        for width in [30, 60, 80] {
            let ascii = render(&picture, &Style::ascii(width));
            assert!(ascii.is_ascii() && ascii.lines().all(|line| line.len() <= width));
        }
        let failed = Picture {
            lazy_failure: Some("status 1: NameError"),
            ..picture
        };
        assert!(render(&failed, &Style::plain(120)).contains("lazy it ended with status 1"));
        let nothing = imports(
            &[import_lines("import time: 100 | 100 | site\n")],
            Some(&usage),
        );
        let nothing = Picture {
            imports: &nothing,
            lazy_failure: None,
            ..failed
        };
        let text = render(&nothing, &Style::plain(80));
        assert!(
            text.contains("nothing is imported") && !text.contains("module"),
            "{text}"
        );
    }
}

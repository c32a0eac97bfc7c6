//! Showing profiles: the tables of `pstats`, JSON, or files in other formats.

use super::input::{self, Input};
use crate::args::ListingArgs;
use crate::cmd::output::{export_to, format_for, is_stdout};
use crate::cmd::record::Select;
use crate::cmd::tree::find_thread;
use crate::exit::{End, Failure, Outcome, Status};
use crate::print::answer;
use crate::say::say;
use crate::style::Choice;
use pitstop_analysis::calls::{CallGraph, CallTable};
use pitstop_analysis::{Evidence, TraceSummary};
use pitstop_export::Format;
use pitstop_model::Profile;
use pitstop_view::calls::{self, Listed, Listing, Restriction, SortKey};
use std::ffi::OsString;
use std::path::Path;

/// Shows the profiles that are named first among the words, restricted by the words behind them.
pub(super) fn print(words: &[OsString], args: &ListingArgs, style: Choice) -> Outcome {
    let mut files = words.len();
    for (index, word) in words.iter().enumerate() {
        if !input::is_profile(word)? {
            files = index;
            break;
        }
    }
    let (files, restrictions) = words.split_at(files);
    let restrictions = restrictions
        .iter()
        .map(|word| restriction(&word.to_string_lossy()))
        .collect::<Result<Vec<_>, _>>()?;
    let loaded = Loaded::of(files, args)?;
    if let Some(path) = &args.output {
        return loaded.export(path, args.format.as_deref());
    }
    if let Some(evidence) = loaded.recording.as_deref().and_then(Evidence::of) {
        return answer(&match args.json {
            true => pitstop_view::json::evidence(&evidence),
            false => pitstop_view::evidence::render(&evidence, &style.for_stdout()),
        });
    }
    if args.format.is_some() {
        return Err(
            Failure::new(Status::Usage, "--format needs a file to write").cure("add -o FILE"),
        );
    }
    let table = if args.strip_dirs {
        loaded.table.strip_dirs()
    } else {
        loaded.table
    };
    let sort = match &args.sort[..] {
        [] => vec![SortKey::Cumulative],
        keys => keys.to_vec(),
    };
    let listing = Listing {
        sort,
        reverse: args.reverse,
        restrictions,
    };
    if args.json {
        return answer(&pitstop_view::json::calls(
            &table,
            &listing,
            loaded.summary.as_ref(),
        ));
    }
    let mut text = String::new();
    if let Some(summary) = &loaded.summary {
        text += &pitstop_view::trace::render(summary, &style.for_stdout());
        text.push('\n');
    }
    text += &tables(&table, &loaded.headings, listing, args);
    answer(&text)
}

/// What is shown of a recording that has just been made: its costliest functions.
pub(super) fn text_of(profile: &Profile, args: &ListingArgs, style: Choice) -> String {
    if let Some(evidence) = Evidence::of(profile) {
        return match args.json {
            true => pitstop_view::json::evidence(&evidence),
            false => pitstop_view::evidence::render(&evidence, &style.for_stderr()),
        };
    }
    const SHOWN: u64 = 25;
    let table = CallTable::from(&CallGraph::of(profile, None));
    let table = if args.strip_dirs {
        table.strip_dirs()
    } else {
        table
    };
    let sort = match &args.sort[..] {
        [] => vec![SortKey::Cumulative],
        keys => keys.to_vec(),
    };
    let listing = Listing {
        sort,
        reverse: args.reverse,
        restrictions: vec![Restriction::First(SHOWN)],
    };
    let summary = TraceSummary::of(profile);
    let mut text = pitstop_view::trace::render(&summary, &style.for_stderr());
    text.push('\n');
    text + &tables(&table, &[], listing, args)
}

fn restriction(word: &str) -> Result<Restriction, Failure> {
    word.parse().map_err(|error| {
        Failure::new(Status::Usage, format!("`{word}` restricts nothing"))
            .because(error)
            .cure("give a number of functions, a part like .25, or a pattern")
    })
}

/// The list of functions, or of those the callers or callees of which were asked for.
fn tables(
    table: &CallTable,
    headings: &[String],
    mut listing: Listing,
    args: &ListingArgs,
) -> String {
    let mut text = String::new();
    let mut show = |listed: Listed, listing: &Listing| {
        text += &listed.text;
        if listed.functions == 0 && !table.functions().is_empty() {
            let restrictions = listing.restrictions.iter();
            let said: Vec<String> = restrictions.map(ToString::to_string).collect();
            say!(
                "note: none of the {} functions is left by {}",
                table.functions().len(),
                said.join(", ")
            );
        }
    };
    let edges = [
        (
            &args.callers,
            calls::callers as fn(&CallTable, &Listing) -> Listed,
        ),
        (&args.callees, calls::callees),
    ];
    if edges.iter().all(|(pattern, _)| pattern.is_none()) {
        show(calls::functions(table, headings, &listing), &listing);
    }
    for (pattern, picture) in edges {
        let pattern = pattern.as_deref().map(Restriction::pattern);
        // The pattern was checked when the command line was read.
        let Some(Ok(pattern)) = pattern else {
            continue;
        };
        listing.restrictions.insert(0, pattern);
        show(picture(table, &listing), &listing);
        listing.restrictions.remove(0);
    }
    text
}

/// Profiles, added together.
struct Loaded {
    table: CallTable,
    /// What `pstats` prints above its table, one line a file.
    headings: Vec<String>,
    /// Of a single recording of ours, what is to be known before its table is read.
    summary: Option<TraceSummary>,
    /// That recording.
    recording: Option<Box<Profile>>,
}

impl Loaded {
    fn of(files: &[OsString], args: &ListingArgs) -> Result<Self, Failure> {
        let mut loaded = Self {
            table: CallTable::default(),
            headings: Vec::new(),
            summary: None,
            recording: None,
        };
        for file in files {
            match (input::read(file)?, &args.thread) {
                (Input::Prof(_), Some(thread)) => {
                    let what =
                        format!("`{}` cannot be asked for thread `{thread}`", file.display());
                    return Err(Failure::new(Status::Usage, what)
                        .because("files of cProfile know no threads")
                        .cure("name a .pit file"));
                }
                (Input::Prof(table), None) => loaded.table.add_table(table),
                (Input::Recording(profile), thread) => {
                    let thread = thread.as_deref();
                    let thread = thread.map(|name| find_thread(&profile, name)).transpose()?;
                    let graph = CallGraph::of(&profile, thread);
                    loaded.table.add_table(CallTable::from(&graph));
                    if files.len() == 1 {
                        loaded.summary = Some(TraceSummary::of_thread(&profile, thread));
                        loaded.recording = Some(profile);
                        return Ok(loaded);
                    }
                }
            }
            loaded.headings.push(input::heading(file));
        }
        Ok(loaded)
    }

    fn export(&self, path: &Path, named: Option<&str>) -> Outcome {
        let format = format_for(path, named)?;
        match (&self.recording, format) {
            (Some(profile), Some(format)) => export_to(profile, format, Select::default(), path)?,
            (Some(profile), None) => {
                pitstop_archive::save(path, profile)
                    .map_err(|error| Failure::of(Status::Failed, &error))?;
            }
            (None, format) => self.export_table(path, format)?,
        }
        if !is_stdout(path) {
            say!("wrote {}", path.display());
        }
        Ok(End::With(Status::Fine))
    }

    fn export_table(&self, path: &Path, format: Option<Format>) -> Result<(), Failure> {
        let format = format.filter(|format| pitstop_export::TABLE_FORMATS.contains(format));
        let Some(format) = format else {
            let names: Vec<&str> = pitstop_export::TABLE_FORMATS
                .iter()
                .map(|f| f.name())
                .collect();
            let what = format!("`{}` cannot be made from these profiles", path.display());
            return Err(Failure::new(Status::Usage, what)
                .because("files of cProfile know who called whom, but not on what path")
                .cure(format!("write one of: {}", names.join(", "))));
        };
        pitstop_export::write_table_file(&self.table, format, path)
            .map_err(|error| Failure::of(Status::Failed, &error))
    }
}

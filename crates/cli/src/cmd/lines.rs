//! `pitstop lines`: what each line cost.

use crate::args::LinesArgs;
use crate::cmd::line_times;
use crate::exit::{Failure, Outcome, Status};
use crate::open::open;
use crate::print::answer;
use crate::style::Choice;
use pitstop_analysis::{Elapsed, LinesOptions, lines::lines as table_of};
use std::path::PathBuf;

/// Runs the command.
pub(crate) fn lines(mut args: LinesArgs, style: Choice) -> Outcome {
    let is_archive = |name: &String| name.ends_with(".pit") && PathBuf::from(name).exists();
    if let Some(at) = args.names.iter().position(is_archive) {
        args.input = args.names.remove(at).into();
    }
    let files = line_times::take_files(&mut args.names);
    let show = line_times::Show {
        times: &args.times,
        summarize: args.summarize,
        json: args.json,
        names: &args.names,
    };
    if !files.is_empty() {
        return line_times::of_files(&files, &show, style);
    }
    let profile = open(&args.input)?;
    if !profile.line_times.is_empty() {
        return line_times::of_profile(&profile, &show, style);
    }
    let elapsed = Elapsed::of(&profile);
    let options = LinesOptions {
        select: args.names,
        all: args.all,
        hottest: args.number,
        fold_library: !args.show_library,
    };
    let table = table_of(&profile, &elapsed, &options);
    if table.files.is_empty() && !options.select.is_empty() {
        return Err(Failure::new(
            Status::Usage,
            format!(
                "nothing in this result is called `{}`",
                options.select.join("` or `")
            ),
        )
        .because("nothing was measured in a function or file of that name")
        .cure("see what there is: pitstop lines, or pitstop tree"));
    }
    if args.json {
        return answer(&pitstop_view::json::lines(&table));
    }
    answer(&pitstop_view::lines::render(&table, &style.for_stdout()))
}

//! `pitstop tree`: who calls what.

use crate::args::TreeArgs;
use crate::exit::{Failure, Outcome, Status};
use crate::open::open;
use crate::print::answer;
use crate::style::Choice;
use pitstop_analysis::{TreeOptions, tree::tree as tree_of};
use pitstop_model::{Id, Profile, ThreadId};

/// Runs the command.
pub(crate) fn tree(args: &TreeArgs, style: Choice) -> Outcome {
    let profile = open(&args.input)?;
    let thread = args
        .thread
        .as_deref()
        .map(|name| find_thread(&profile, name))
        .transpose()?;
    let options = TreeOptions {
        fold_library: !args.show_library,
        min_share: args.min / 100.0,
        thread,
    };
    let tree = tree_of(&profile, &options);
    if args.json {
        return answer(&pitstop_view::json::tree(&tree));
    }
    answer(&pitstop_view::tree::render(&tree, &style.for_stdout()))
}

pub(crate) fn find_thread(profile: &Profile, name: &str) -> Result<ThreadId, Failure> {
    let threads = &profile.timeline.threads;
    let found = threads
        .iter()
        .position(|thread| profile.text(thread.name) == name || thread.tid.to_string() == name);
    found.map(ThreadId::from_index).ok_or_else(|| {
        let mut names: Vec<&str> = threads
            .iter()
            .map(|thread| profile.text(thread.name))
            .take(20)
            .collect();
        names.dedup();
        Failure::new(
            Status::Usage,
            format!("there is no thread `{name}` in this result"),
        )
        .cure(format!("its threads are: {}", names.join(", ")))
    })
}

//! `pitstop history`: when did kept results change?

use crate::args::HistoryArgs;
use crate::exit::{End, Failure, Outcome, Status};
use crate::print::answer;
use crate::saved;
use crate::style::Choice;
use pitstop_analysis::history::{Kept, Sought, histories};

/// Runs the command.
pub(crate) fn history(args: &HistoryArgs, style: Choice) -> Outcome {
    let results = saved::in_order(&args.results)?;
    let kept: Vec<Kept<'_>> = results
        .iter()
        .map(|result| Kept {
            label: &result.label,
            unix_s: result.unix_s,
            trials: &result.trials,
        })
        .collect();
    let sought = Sought {
        alpha: args.error,
        least: args.min_effect,
        seed: args.seed,
    };
    let only = args.only.as_deref().unwrap_or_default();
    let found = histories(&kept, only, sought);
    if found.is_empty() {
        return Err(Failure::new(
            Status::Usage,
            format!("no benchmark has `{only}` in its name"),
        )
        .cure("leave --only out to see them all"));
    }
    let text = if args.json {
        pitstop_view::json::history(&found)
    } else {
        pitstop_view::history::render(&found, &style.for_stdout())
    };
    answer(&text)?;
    Ok(End::With(
        if found
            .iter()
            .any(pitstop_analysis::history::History::is_worse)
        {
            Status::BadNews
        } else if found.iter().all(|history| history.needed.is_some()) {
            Status::Inconclusive
        } else {
            Status::Fine
        },
    ))
}

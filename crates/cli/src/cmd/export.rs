//! `pitstop export`: a result in another tool's format.

use crate::args::ExportArgs;
use crate::cmd::output::{check_stdout, export_to, format_for, is_stdout};
use crate::cmd::record::Select;
use crate::exit::{End, Failure, Outcome, Status};
use crate::open::open;
use crate::say::say;
use crate::style::Choice;

/// Runs the command.
pub(crate) fn export(args: &ExportArgs, _style: Choice) -> Outcome {
    let format = format_for(&args.output, args.format.as_deref())?;
    let to_stdout = is_stdout(&args.output);
    if to_stdout {
        check_stdout(format)?;
    }
    let profile = open(&args.input)?;
    match format {
        Some(format) => {
            let select = Select::of(&args.selection);
            export_to(&profile, format, select, &args.output)?;
        }
        None => {
            pitstop_archive::save(&args.output, &profile)
                .map_err(|error| Failure::of(Status::Failed, &error))?;
        }
    }
    if !to_stdout {
        say!("wrote {}", args.output.display());
    }
    Ok(End::With(Status::Fine))
}

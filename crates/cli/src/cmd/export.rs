//! `pitstop export`: a result in another tool's format.

use crate::args::ExportArgs;
use crate::cmd::record::{Select, export_options, export_to, format_for};
use crate::exit::{End, Failure, Outcome, Status};
use crate::open::open;
use crate::say::say;
use crate::style::Choice;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

/// Runs the command.
pub(crate) fn export(args: &ExportArgs, _style: Choice) -> Outcome {
    let to_stdout = args.output == Path::new("-");
    if to_stdout && args.format.is_none() {
        return Err(Failure::new(
            Status::Usage,
            "standard output has no ending to tell the format",
        )
        .cure("name one: pitstop export last - -f collapsed"));
    }
    let format = format_for(&args.output, args.format.as_deref())?;
    let profile = open(&args.input)?;
    let select = Select::of(&args.selection);
    let Some(format) = format else {
        return save(&profile, &args.output, to_stdout);
    };
    if to_stdout {
        let binary = !matches!(
            format,
            pitstop_export::Format::Collapsed
                | pitstop_export::Format::Speedscope
                | pitstop_export::Format::Svg
                | pitstop_export::Format::Callgrind
                | pitstop_export::Format::Dot
                | pitstop_export::Format::Chrome
                | pitstop_export::Format::Json
        );
        if binary && io::stdout().is_terminal() {
            return Err(
                Failure::new(Status::Usage, "this format is not text for a terminal")
                    .cure("name a file, or pipe the output somewhere"),
            );
        }
        let mut bytes = Vec::new();
        pitstop_export::write(
            &profile,
            format,
            &export_options(&profile, select),
            &mut bytes,
        )
        .map_err(|error| Failure::of(Status::Failed, &error))?;
        return match io::stdout().lock().write_all(&bytes) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(Failure::new(Status::Failed, "standard output failed").because(error))
            }
            _ => Ok(End::With(Status::Fine)),
        };
    }
    export_to(&profile, format, select, &args.output)?;
    say!("wrote {}", args.output.display());
    Ok(End::With(Status::Fine))
}

fn save(profile: &pitstop_model::Profile, path: &Path, to_stdout: bool) -> Outcome {
    if to_stdout {
        return Err(
            Failure::new(Status::Usage, "a .pit file cannot be written to a pipe")
                .cure("name a file"),
        );
    }
    pitstop_archive::save(path, profile).map_err(|error| Failure::of(Status::Failed, &error))?;
    say!("wrote {}", path.display());
    Ok(End::With(Status::Fine))
}

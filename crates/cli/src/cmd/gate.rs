//! `pitstop gate`: are the budgets kept?

use crate::args::{GateArgs, GateFormat};
use crate::exit::{End, Failure, Outcome, Status};
use crate::gate::base::{self, Base};
use crate::gate::config::{self, Config};
use crate::gate::init;
use crate::gate::measure::Meter;
use crate::gate::sides::Sides;
use crate::gate::waivers::today;
use crate::mercurial;
use crate::print::answer;
use crate::say::say;
use crate::style::Choice;
use crate::worktree::line;
use pitstop_analysis::gate::{self, Gate, Limit};
use pitstop_model::ExitStatus;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

/// Runs the command.
pub(crate) fn gate(args: &GateArgs, style: Choice) -> Outcome {
    if args.init {
        return init::init(args);
    }
    let reports = reports(args)?;
    let mut config = configuration(args)?;
    if let Some(time) = args.time {
        config.time = time;
    }
    choose(&mut config, &args.names)?;
    let asked = args.against.as_deref().or(config.against.as_deref());
    let mut gate = Gate {
        on_inconclusive: config.on_inconclusive,
        ..Gate::default()
    };
    let base = find_base(asked.map(str::to_owned).as_deref(), &mut config, &mut gate)?;
    let prefix = mercurial::prefix()
        .or_else(|| line(&["rev-parse", "--show-prefix"]))
        .unwrap_or_default();
    gate.file = format!("{prefix}{}", config.file);
    let sides = Sides::new(args.python.as_deref(), base.as_ref(), prefix)?;
    let seed = args.seed.unwrap_or_else(|| RandomState::new().hash_one(0));
    let meter = Meter::new(&config, &sides, seed, today()?)?;
    meter.all(&mut gate)?;
    let style = style.for_stdout();
    for (format, path) in &reports {
        // The summary of a GitHub job is a file that several steps add to.
        let adds = std::env::var_os("GITHUB_STEP_SUMMARY").is_some_and(|known| path == &known);
        write(
            path,
            &text(&gate, *format, &pitstop_view::Style::plain(80)),
            adds,
        )?;
    }
    let format = if args.json {
        GateFormat::Json
    } else {
        args.format
    };
    answer(&text(&gate, format, &style))?;
    if gate.stopped {
        return Ok(End::LikeProgram(ExitStatus::Signal(2)));
    }
    Ok(End::With(match gate.outcome() {
        gate::Outcome::Passed | gate::Outcome::Waived => Status::Fine,
        gate::Outcome::Failed => Status::BadNews,
        gate::Outcome::Missing => Status::CannotMeasure,
        gate::Outcome::Open => Status::Inconclusive,
    }))
}

/// Reads the configuration and goes to where it lies: paths in it begin there.
fn configuration(args: &GateArgs) -> Result<Config, Failure> {
    let (directory, file) = match &args.config {
        Some(file) => {
            let file = std::path::absolute(file).unwrap_or_else(|_| file.clone());
            let directory = file.parent().unwrap_or(Path::new("/")).to_owned();
            (directory, file)
        }
        None => config::find()?,
    };
    let shown = file
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let config = config::read(&file, &shown)?;
    std::env::set_current_dir(&directory).map_err(|error| {
        let what = format!("`{}` cannot be entered", directory.display());
        Failure::new(Status::CannotMeasure, what).because(error)
    })?;
    Ok(config)
}

/// Leaves only the budgets that are named, if any is.
fn choose(config: &mut Config, names: &[String]) -> Result<(), Failure> {
    let known: Vec<String> = config
        .budgets
        .iter()
        .map(|budget| budget.name.clone())
        .collect();
    if let Some(strange) = names.iter().find(|name| !known.contains(name)) {
        return Err(
            Failure::new(Status::Usage, format!("there is no budget `{strange}`"))
                .because(format!("looked in `{}`", config.file))
                .cure(format!("use one of: {}", known.join(", "))),
        );
    }
    if !names.is_empty() {
        config.budgets.retain(|budget| names.contains(&budget.name));
    }
    Ok(())
}

/// The base, if any limit needs one. Without one those that do are left out.
fn find_base(
    asked: Option<&str>,
    config: &mut Config,
    gate: &mut Gate,
) -> Result<Option<Base>, Failure> {
    let is_growth = |limit: &Limit| matches!(limit, Limit::Growth(_));
    let all = config.budgets.iter().flat_map(|budget| &budget.limits);
    let growths = all.filter(|wanted| is_growth(&wanted.limit)).count();
    if growths == 0 {
        return Ok(None);
    }
    if asked == Some("none") {
        for budget in &mut config.budgets {
            budget.limits.retain(|wanted| !is_growth(&wanted.limit));
        }
        if config.budgets.iter().all(|budget| budget.limits.is_empty()) {
            let what = "all limits are growths over a base, and there is to be none";
            return Err(Failure::new(Status::Usage, what)
                .cure("leave --against none out, or add a limit like time = \"120ms\""));
        }
        gate.notes.push(format!(
            "{growths} limits were left out: they are growths over a base"
        ));
        return Ok(None);
    }
    let base = base::find(asked)?;
    let locks = base::changed_locks(&base);
    if !locks.is_empty() {
        gate.notes.push(format!(
            "{} differs from the base; both sides ran with the dependencies that are installed",
            locks.join(", ")
        ));
    }
    gate.base = Some((base.name.clone(), base.commit.clone()));
    Ok(Some(base))
}

fn text(gate: &Gate, format: GateFormat, style: &pitstop_view::Style) -> String {
    match format {
        GateFormat::Text => pitstop_view::gate::gate(gate, style),
        GateFormat::Json => pitstop_view::json::gate(gate),
        GateFormat::Md => pitstop_export::gate::markdown(gate),
        GateFormat::Github => pitstop_export::gate::github(gate),
        GateFormat::Sarif => pitstop_export::gate::sarif(gate),
        GateFormat::Junit => pitstop_export::gate::junit(gate),
    }
}

/// The files to write, as seen from here; a place that cannot be written to must not cost a
/// measurement.
fn reports(args: &GateArgs) -> Result<Vec<(GateFormat, PathBuf)>, Failure> {
    let mut all = Vec::new();
    for (format, path) in &args.report {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let parent = path.parent().filter(|parent| !parent.is_dir());
        if let Some(parent) = parent {
            let what = format!("`{}` cannot be written", path.display());
            return Err(Failure::new(Status::Usage, what)
                .because("its directory does not exist")
                .cure(format!("mkdir -p {}", parent.display())));
        }
        if path.is_dir() {
            let what = format!("`{}` cannot be written", path.display());
            return Err(Failure::new(Status::Usage, what)
                .because("it is a directory")
                .cure("name a file"));
        }
        all.push((*format, path));
    }
    Ok(all)
}

fn write(path: &Path, text: &str, adds: bool) -> Result<(), Failure> {
    let written = std::fs::OpenOptions::new()
        .create(true)
        .write(true)
        .append(adds)
        .truncate(!adds)
        .open(path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
    written.map_err(|error| {
        let what = format!("`{}` cannot be written", path.display());
        Failure::new(Status::Failed, what).because(error)
    })?;
    say!(" wrote     {}", path.display());
    Ok(())
}

//! From a profile to findings: where rules may apply, what that costs, and whether a change pays.
//!
//! No cost is computed here: `analysis` says what lines cost, `collect` looks at places while the
//! program runs once more, `bench` measures pairs of code, `rules` judges. This file carries what
//! one says to the other.

use crate::exit::Failure;
use pitstop_analysis::Elapsed;
use pitstop_analysis::region::{Region, RegionCost, regions};
use pitstop_collect::{Entry, Observed, Rerun, Sighting, Site, observe};
use pitstop_model::{EvidenceKind, FileKind, Finding, Id, Interval, Profile, SourceOrigin};
use pitstop_rules::{Case, Evidence, Needed, Rule, Selection, Size, cases, rank};
use pitstop_source::{SourceFile, Target};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A place with a smaller share of the run is not worth a look (advice.md §7 of the design study).
const LEAST_SHARE: f64 = 0.01;
/// Nor is one with less time.
const LEAST_NS: f64 = 1e6;
/// How many places are looked at at most; the costliest.
const MOST_SITES: usize = 200;
/// How many pairs are measured at most, for the costliest places.
const MOST_PAIRS: usize = 12;

/// The largest size that pairs of growing cost are measured at.
const MOST_SIZE: u64 = 300;

/// Measures a rule's pair at a size: how many times faster its fast half is.
pub(crate) type Factor<'a> =
    dyn FnMut(&'static dyn Rule, u64) -> Result<Option<Interval>, Failure> + 'a;

/// How to judge.
pub(crate) struct Judging<'a> {
    pub(crate) profile: &'a Profile,
    pub(crate) selection: &'a Selection,
    /// Names of files to stay with; all if empty.
    pub(crate) only: &'a [PathBuf],
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Judged {
    /// The findings, what saves most first.
    pub(crate) findings: Vec<Finding>,
    /// Candidates at places that cost next to nothing.
    pub(crate) cold: usize,
    /// Texts of the files of findings, by the name that findings call them by.
    pub(crate) sources: HashMap<String, String>,
    /// Files that were looked through, and their bytes.
    pub(crate) files: usize,
    pub(crate) bytes: u64,
    /// What a reader must know.
    pub(crate) notes: Vec<String>,
}

/// A case with its cost and the file it is in.
#[derive(Clone)]
struct Warm {
    case: Case,
    cost: RegionCost,
    file: String,
}

impl Judging<'_> {
    /// What can be said without another run: candidates at places that cost something.
    pub(crate) fn candidates(&self) -> Candidates {
        let mut judged = Judged::default();
        let elapsed = Elapsed::of(self.profile);
        let mut all = Vec::new();
        for (path, shown, text) in self.texts(&mut judged.notes) {
            let file = SourceFile::from_text(text.clone(), self.target());
            judged.files += 1;
            judged.bytes += text.len() as u64;
            let found = cases(&file, &shown, self.selection);
            let of_file = found.iter().map(|case| Region {
                file: path.clone(),
                lines: case.lines.0..=case.lines.1,
            });
            let costs = regions(self.profile, &elapsed, &of_file.collect::<Vec<_>>());
            let absolute = Path::new(&self.profile.meta.directory).join(&path);
            let absolute = absolute.canonicalize().unwrap_or(absolute);
            let mut is_used = false;
            for (case, cost) in found.into_iter().zip(costs) {
                if cost.share < LEAST_SHARE || cost.total_ns < LEAST_NS {
                    judged.cold += 1;
                    continue;
                }
                is_used = true;
                all.push(Warm {
                    case,
                    cost,
                    file: absolute.to_string_lossy().into_owned(),
                });
            }
            if is_used {
                judged.sources.insert(shown, text);
            }
        }
        all.sort_by(|a, b| b.cost.total_ns.total_cmp(&a.cost.total_ns));
        Candidates { all, judged }
    }

    /// The program's own files: name as the interpreter has it, name to show, text.
    fn texts(&self, notes: &mut Vec<String>) -> Vec<(String, String, String)> {
        let profile = self.profile;
        let mut texts = Vec::new();
        for (index, file) in profile.places.files().iter().enumerate() {
            if file.kind != FileKind::Project {
                continue;
            }
            let path = profile.strings.get(file.path).to_owned();
            let shown = profile.strings.get(file.short).to_owned();
            if !self.only.is_empty() && !self.only.iter().any(|only| is_in(&path, &shown, only)) {
                continue;
            }
            let Some(source) = profile.sources.get(Id::from_index(index)) else {
                continue;
            };
            match source.origin {
                SourceOrigin::Disk => texts.push((path, shown, source.text.to_string())),
                SourceOrigin::DiskChanged => notes.push(format!(
                    "`{shown}` was changed while the program ran: it is left out"
                )),
                // The script itself was read before the program began; code of `-c` is in no file.
                SourceOrigin::CommandLine
                    if Path::new(&profile.meta.directory).join(&path).is_file() =>
                {
                    texts.push((path, shown, source.text.to_string()));
                }
                SourceOrigin::Linecache | SourceOrigin::Zip | SourceOrigin::CommandLine => {}
            }
        }
        texts
    }

    fn target(&self) -> Target {
        let processes = self.profile.timeline.processes.iter();
        let mut versions = processes.map(|process| self.profile.strings.get(process.python));
        let version = versions.find(|version| !version.is_empty());
        let minor = version.and_then(|version| {
            let mut parts = version.split('.');
            Some(format!("{}.{}", parts.next()?, parts.next()?))
        });
        minor
            .and_then(|minor| Target::parse(&minor))
            .unwrap_or(Target::NEWEST)
    }
}

/// Whether a file of the profile is the one, or in the directory, that a user names.
fn is_in(path: &str, shown: &str, only: &Path) -> bool {
    let absolute = std::path::absolute(only).unwrap_or_else(|_| only.to_owned());
    let real = absolute.canonicalize().unwrap_or(absolute);
    let own = Path::new(path);
    let own = own.canonicalize().unwrap_or_else(|_| own.to_owned());
    own.starts_with(&real) || Path::new(shown).starts_with(only)
}

/// Candidates at warm places, costliest first.
#[derive(Clone)]
pub(crate) struct Candidates {
    all: Vec<Warm>,
    judged: Judged,
}

impl Candidates {
    /// Whether there is anything to look at.
    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Judges by the profile alone.
    pub(crate) fn unseen(self) -> Judged {
        let Self { all, mut judged } = self;
        for warm in all {
            let evidence = evidence(&warm.cost);
            judged.findings.push(warm.case.judge(&evidence, None));
        }
        rank(&mut judged.findings);
        judged
    }

    /// Runs the program once more to look at the places, measures pairs, judges.
    pub(crate) fn seen(
        self,
        rerun: &Rerun,
        stop: &mut dyn FnMut() -> bool,
        factor: &mut Factor<'_>,
    ) -> Result<Judged, Failure> {
        let mut sites = Vec::new();
        // By candidate: which of the sites are its.
        let mut own: Vec<Vec<usize>> = Vec::new();
        for warm in &self.all {
            let mut numbers = Vec::new();
            for watched in &warm.case.watched {
                let kinds: Vec<_> = watched
                    .kinds
                    .iter()
                    .copied()
                    .filter(|it| is_looked_at(*it))
                    .collect();
                if sites.len() == MOST_SITES || kinds.is_empty() {
                    continue;
                }
                numbers.push(sites.len());
                sites.push(Site {
                    file: warm.file.clone(),
                    start: watched.start,
                    end: watched.end,
                    kinds,
                });
            }
            own.push(numbers);
        }
        let observed = match sites.is_empty() {
            true => Observed::default(),
            false => observe(rerun, &sites, stop)
                .map_err(|error| Failure::of(crate::exit::Status::CannotMeasure, &error))?,
        };
        let Self { all, mut judged } = self;
        judged.notes.extend(observed.notes.iter().cloned());
        let mut known: HashMap<(&'static str, u64), Option<Interval>> = HashMap::new();
        for (warm, numbers) in all.into_iter().zip(own) {
            let mut evidence = evidence(&warm.cost);
            for (number, watched) in numbers.iter().zip(looked_at(&warm.case)) {
                if let Some(sighting) = observed.sightings.get(*number) {
                    add(&mut evidence, sighting, &watched);
                }
            }
            let rule = warm.case.rule;
            let needs = rule.meta().needs.iter();
            let is_whole = needs.clone().all(|kind| evidence.has(*kind));
            let ran = evidence.count != Some(0);
            let mut middle = None;
            if let (true, true, Ok(size)) = (is_whole, ran, rule.size(&evidence)) {
                let mut size = rounded(size);
                if !rule.meta().growth.is_empty() {
                    // What grows with the size pays at least as much beyond; measuring it there
                    // would only take longer.
                    size = size.min(MOST_SIZE);
                }
                let key = (rule.meta().code, size);
                middle = match known.get(&key) {
                    Some(factor) => *factor,
                    None if known.len() >= MOST_PAIRS => None,
                    None => {
                        let measured = factor(rule, size)?;
                        known.insert(key, measured);
                        measured
                    }
                };
            }
            judged.findings.push(warm.case.judge(&evidence, middle));
        }
        rank(&mut judged.findings);
        Ok(judged)
    }
}

/// What another run is needed for; the profile knows the rest.
fn is_looked_at(kind: EvidenceKind) -> bool {
    !matches!(
        kind,
        EvidenceKind::Share | EvidenceKind::Waiting | EvidenceKind::Native
    )
}

/// The kinds of each watched place that became a site.
fn looked_at(case: &Case) -> Vec<Vec<EvidenceKind>> {
    let watched = case.watched.iter();
    let kinds = watched.map(|it| it.kinds.iter().copied().filter(|kind| is_looked_at(*kind)));
    kinds
        .map(Iterator::collect)
        .filter(|kinds: &Vec<EvidenceKind>| !kinds.is_empty())
        .collect()
}

/// Sizes of two digits: one pair serves for 11,994 items and for 12,003.
fn rounded(size: u64) -> u64 {
    let mut unit = 1;
    while size / unit >= 100 {
        unit *= 10;
    }
    (size + unit / 2) / unit * unit
}

/// What the profile tells.
fn evidence(cost: &RegionCost) -> Evidence {
    Evidence {
        run_ns: cost.whole_ns as u64,
        share: Some(Interval {
            low: cost.interval.low,
            middle: cost.share,
            high: cost.interval.high,
        }),
        waiting: Some(cost.waiting),
        native: Some(cost.native),
        ..Evidence::default()
    }
}

/// Adds what was seen, of the kinds that were asked for.
fn add(evidence: &mut Evidence, seen: &Sighting, kinds: &[EvidenceKind]) {
    if !seen.found {
        return;
    }
    let ran = seen
        .count
        .max(seen.calls)
        .max(seen.hits + seen.misses)
        .max(seen.tried);
    for kind in kinds {
        match kind {
            EvidenceKind::Count | EvidenceKind::Operations => {
                evidence.count = Some(ran);
                evidence.is_at_least = !seen.exact;
                if *kind == EvidenceKind::Operations {
                    evidence.operations = Some(ran);
                }
            }
            EvidenceKind::TypeAndSize => {
                evidence.size = seen.types.first().map(|it| Size {
                    type_name: it.name.clone(),
                    median: it.sizes.get(2).copied().unwrap_or(0),
                    most: it.sizes.last().copied().unwrap_or(0),
                });
            }
            EvidenceKind::Repetition if seen.hits + seen.misses > 0 => {
                evidence.repeated = Some(seen.hits as f64 / (seen.hits + seen.misses) as f64);
            }
            EvidenceKind::Repetition if seen.calls > 0 => {
                evidence.repeated = Some(seen.repeats as f64 / seen.calls as f64);
            }
            EvidenceKind::Repetition => {}
            EvidenceKind::Allocation => evidence.allocated_bytes = Some(seen.bytes),
            EvidenceKind::Instances => evidence.instances = Some(seen.instances),
            EvidenceKind::Imports => evidence.import_ns = Some(seen.import_ns),
            EvidenceKind::Raises if seen.tried > 0 => {
                evidence.raised = Some(seen.raised as f64 / seen.tried as f64);
            }
            EvidenceKind::Needed if seen.all > 0 => {
                evidence.needed = Some(Needed {
                    used: seen.used,
                    all: seen.all,
                });
            }
            EvidenceKind::Raises
            | EvidenceKind::Needed
            | EvidenceKind::Share
            | EvidenceKind::Waiting
            | EvidenceKind::Native => {}
        }
    }
}

/// The program of a profile, to run it once more.
///
/// # Errors
/// Why it cannot be run again, as a sentence without a full stop.
pub(crate) fn rerun(profile: &Profile, python: OsString) -> Result<Rerun, String> {
    let words = &profile.meta.command;
    let directory = PathBuf::from(&profile.meta.directory);
    if !directory.is_dir() {
        return Err(format!(
            "`{}`, where it ran, is no directory any more",
            directory.display()
        ));
    }
    let mut words = words.iter().map(OsString::from).collect::<Vec<_>>();
    if let Some(first) = words.first()
        && Path::new(first)
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("python"))
    {
        words.remove(0);
    }
    let mut words = words.into_iter();
    let entry = match words.next() {
        None => return Err("it was attached to, and how it is started is not known".into()),
        Some(first) if first == "-m" => words.next().map(Entry::Module),
        Some(first) if first == "-c" => words.next().map(Entry::Code),
        Some(first) if first.to_string_lossy().starts_with('-') => None,
        Some(first) => match directory.join(&first) {
            path if path.is_dir()
                || path.extension().is_some_and(|it| it == "py" || it == "pyz") =>
            {
                Some(Entry::Script(first))
            }
            _ => None,
        },
    };
    let Some(entry) = entry else {
        return Err(format!(
            "how to start `{}` so that it can be looked into is not known",
            profile.meta.command.join(" ")
        ));
    };
    Ok(Rerun {
        python,
        entry,
        args: words.collect(),
        directory,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_two_digits() {
        let pairs = [
            (0, 0),
            (7, 7),
            (99, 99),
            (101, 100),
            (11_994, 12_000),
            (15_600, 16_000),
        ];
        for (size, expected) in pairs {
            assert_eq!(rounded(size), expected);
        }
    }

    #[test]
    fn a_program_is_started_as_it_was() {
        let mut profile = Profile::default();
        profile.meta.directory = "/".into();
        let mut entry = |words: &[&str]| {
            profile.meta.command = words.iter().map(|&word| word.to_owned()).collect();
            rerun(&profile, "python3".into()).map(|it| (it.entry, it.args.len()))
        };
        let script = Entry::Script("app.py".into());
        assert_eq!(entry(&["app.py", "-x"]), Ok((script.clone(), 1)));
        assert_eq!(entry(&["/usr/bin/python3.13", "app.py"]), Ok((script, 0)));
        assert_eq!(
            entry(&["-m", "json.tool", "f"]),
            Ok((Entry::Module("json.tool".into()), 1))
        );
        assert_eq!(entry(&["-c", "pass"]), Ok((Entry::Code("pass".into()), 0)));
        assert!(entry(&["-"]).is_err() && entry(&["gunicorn"]).is_err() && entry(&[]).is_err());
    }
}

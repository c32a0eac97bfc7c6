//! The proof of a change, from the recording to the verdict.

use crate::error::{Error, io_error};
use crate::ground::Ground;
use crate::outcomes::run_tests;
use crate::record::{Call, Recording, record};
use crate::replay::{Answers, Job, Manner, replay};
use crate::sides::{Sides, Watched, sides};
use crate::speed::{Measured, Recorded, of_calls, of_workload};
use crate::subject::{Subject, Workload};
use pitstop_analysis::proof::{
    Answer, FunctionProof, Judged, Pass, Played, Proof, Replays, Tests, judge, left_out,
};
use pitstop_bench::Control;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a change is proved.
#[derive(Clone, Debug)]
pub struct Options {
    /// The interpreter for everything that the workload does not start by itself.
    pub python: OsString,
    /// The directory to run in.
    pub directory: PathBuf,
    /// Environment variables beyond our own.
    pub variables: Vec<(OsString, OsString)>,
    /// Calls that are recorded of each function: 100.
    pub calls: usize,
    /// Where all draws come from.
    pub seed: u64,
    /// Relative difference of floats that counts as none; 0 for equal to the bit.
    pub tolerance: f64,
    /// Repeat calls that do what others could notice.
    pub effects: bool,
    /// Do not measure.
    pub equality_only: bool,
    /// The factor that is asked of the whole workload: 1.02.
    pub least: f64,
    /// How long each of the two measurements may take.
    pub time: Option<Duration>,
    /// The project's tests.
    pub tests: Option<Workload>,
    /// How long the workload, or the tests, may take: 10 minutes.
    pub limit: Duration,
}

/// Hash seeds of the repetitions: any two do, as long as both versions get the same.
const SEEDS: [u32; 2] = [1, 2];

/// When no more calls are begun, with the old version.
const BUDGET: Duration = Duration::from_secs(60);

/// How long a call of the old version may take.
const CALL_LIMIT: Duration = Duration::from_secs(60);

/// Proves a change. `names` are the two versions as people name them.
///
/// # Errors
/// See [`Error`]. A version that differs is no error: the proof says so.
pub fn verify(
    subject: &Subject,
    names: [String; 2],
    workload: &Workload,
    options: &Options,
    control: &mut dyn Control,
) -> Result<Proof, Error> {
    let ground = Ground::new(control)?;
    let python = workload.python().unwrap_or(&options.python).to_owned();
    ground.tell("comparing the versions", 0)?;
    let surroundings = (options.directory.as_path(), options.variables.as_slice());
    let mut sides = sides(&ground, subject, &python, surroundings)?;
    for (version, name) in sides.versions.iter_mut().zip(&names) {
        version.name.clone_from(name);
    }
    let mut proof = Proof {
        versions: names,
        workload: workload.text(),
        seed: options.seed,
        tolerance: options.tolerance,
        least: options.least,
        equality_only: options.equality_only,
        ..Proof::default()
    };
    let prover = Prover {
        ground: &ground,
        sides: &sides,
        workload,
        options,
    };
    prover.prove(&mut proof)?;
    Ok(proof)
}

struct Prover<'a> {
    ground: &'a Ground<'a>,
    sides: &'a Sides,
    workload: &'a Workload,
    options: &'a Options,
}

/// The interpreter that ran, and what it recorded.
struct Stage<'a> {
    recording: &'a Recording,
    python: &'a Path,
    optimize: u32,
}

impl Prover<'_> {
    fn prove(&self, proof: &mut Proof) -> Result<(), Error> {
        self.ground.tell("recording calls", 0)?;
        let recording = self.record()?;
        if recording.status != 0 {
            if recording.calls.is_empty() {
                return Err(Error::Workload {
                    command: self.workload.text(),
                    status: recording.status,
                    stderr: recording.stderr,
                });
            }
            let status = recording.status;
            proof
                .notes
                .push(format!("the workload ended with status {status}"));
        }
        let mut equal = Vec::new();
        if let Some((python, optimize, version)) = &recording.python {
            proof.python.clone_from(version);
            let stage = Stage {
                recording: &recording,
                python,
                optimize: *optimize,
            };
            let judged = self.repeat(&stage)?;
            proof.functions = self.functions(&recording, &judged);
            equal = judged
                .iter()
                .filter(|known| known.judged == Judged::Equal)
                .filter_map(|known| Some((known.call, known.played.as_ref()?)))
                .map(|(call, played)| (call.id.clone(), played.took_ns, needs_fresh(played)))
                .collect();
        } else {
            proof.functions = self.functions(&recording, &[]);
        }
        if proof.differs() || proof.compared() == 0 {
            return Ok(());
        }
        proof.tests = self.tests()?;
        if proof.differs() || self.options.equality_only {
            return Ok(());
        }
        self.measure(proof, &recording, &equal)
    }

    fn record(&self) -> Result<Recording, Error> {
        let out = self.ground.path("calls");
        std::fs::create_dir(&out).map_err(io_error("make a directory"))?;
        let mut job = self.sides.jobs[0].clone();
        let more = [
            ("record", Value::from(true)),
            ("out", Value::from(out.to_string_lossy())),
            ("calls", Value::from(self.options.calls)),
            ("seed", Value::from(self.options.seed)),
        ];
        job.more
            .extend(more.map(|(name, value)| (name.to_owned(), value)));
        let text = serde_json::to_vec(&job).unwrap_or_default();
        let path = self.ground.write("record.json", &text)?;
        let (version, limit) = (&self.sides.versions[0], self.options.limit);
        record(self.ground, self.workload, version, (&path, &out), limit)
    }

    /// Repeats everything that can be repeated, and judges it.
    fn repeat<'b>(&self, stage: &Stage<'b>) -> Result<Vec<JudgedCall<'b>>, Error> {
        let options = self.options;
        let calls = &stage.recording.calls;
        let can_try =
            |call: &&Call| (options.effects || call.effect.is_none()) && call.broken_tape.is_none();
        let ids: Vec<String> = calls
            .iter()
            .filter(can_try)
            .map(|call| call.id.clone())
            .collect();
        let old = [
            self.replay(stage, 0, &ids, (SEEDS[0], CALL_LIMIT, BUDGET), false)?,
            self.replay(stage, 0, &ids, (SEEDS[1], CALL_LIMIT, BUDGET * 2), false)?,
        ];
        let of = |answers: &Answers, call: &Call| {
            let why = || Answer::Skipped("it was not repeated".into());
            answers
                .get(&call.id)
                .map_or_else(why, |known| known.0.clone())
        };
        let replays = |call: &Call, new: [Answer; 2], uses: Vec<String>| Replays {
            number: call.number,
            recorded: call.seen.clone(),
            old: [of(&old[0], call), of(&old[1], call)],
            new,
            uses,
            effects: options.effects,
        };
        let nothing = || {
            [
                Answer::Skipped(String::new()),
                Answer::Skipped(String::new()),
            ]
        };
        let unsteady: Vec<String> = calls
            .iter()
            .filter(|call| ids.contains(&call.id))
            .filter(|call| {
                let why = left_out(&replays(call, nothing(), Vec::new()));
                why.is_some_and(|why| why.contains("when it is called again"))
            })
            .map(|call| call.id.clone())
            .collect();
        let uses = if unsteady.is_empty() {
            Answers::new()
        } else {
            self.replay(stage, 0, &unsteady, (SEEDS[0], CALL_LIMIT, BUDGET), true)?
        };
        // The new version gets as long as twenty of the longest call, and some.
        let played = |answers: &Answers| -> BTreeSet<String> {
            let played = answers
                .iter()
                .filter(|(_, known)| matches!(known.0, Answer::Played(_)));
            played.map(|(id, _)| id.clone()).collect()
        };
        let longest = old[0].values().filter_map(|known| match &known.0 {
            Answer::Played(played) => Some(played.took_ns),
            _ => None,
        });
        let longest = Duration::from_nanos(longest.max().unwrap_or(0));
        let limit = Duration::from_secs(10) + longest * 20;
        let wanted = played(&old[0]);
        let wanted: Vec<String> = ids
            .iter()
            .filter(|id| wanted.contains(*id))
            .cloned()
            .collect();
        let mut new = Vec::new();
        for (at, seed) in SEEDS.into_iter().enumerate() {
            let mut answers = if wanted.is_empty() {
                Answers::new()
            } else {
                self.replay(stage, 1, &wanted, (seed, limit, BUDGET * 4), false)?
            };
            // In one process with other calls is nothing to compare with.
            if played(&answers) != played(&old[at]) {
                for (answer, _) in answers.values_mut() {
                    if let Answer::Played(known) = answer {
                        known.passes.remove(&Pass::Together);
                    }
                }
            }
            new.push(answers);
        }
        let judged = calls.iter().map(|call| {
            let judged = if let Some(effect) = call.effect.as_ref().filter(|_| !options.effects) {
                Judged::LeftOut(format!(
                    "it changes something outside ({effect}); --effects repeats such calls"
                ))
            } else if let Some(why) = &call.broken_tape {
                Judged::LeftOut(format!("its input cannot be given again: {why}"))
            } else {
                let uses = uses
                    .get(&call.id)
                    .map_or_else(Vec::new, |known| known.1.clone());
                let new = [of(&new[0], call), of(&new[1], call)];
                judge(&replays(call, new, uses), options.tolerance)
            };
            let played = match of(&old[0], call) {
                Answer::Played(played) => Some(*played),
                _ => None,
            };
            JudgedCall {
                call,
                judged,
                played,
            }
        });
        Ok(judged.collect())
    }

    fn replay(
        &self,
        stage: &Stage<'_>,
        side: usize,
        ids: &[String],
        (hash_seed, limit, budget): (u32, Duration, Duration),
        uses: bool,
    ) -> Result<Answers, Error> {
        if ids.is_empty() {
            return Ok(Answers::new());
        }
        let name = ["old", "new"][side];
        self.ground
            .tell(&format!("repeating calls, {name} version"), ids.len())?;
        let version = &self.sides.versions[side];
        let mut job: Job = self.sides.jobs[side].clone();
        job.watch.clear();
        let manner = Manner {
            python: stage.python,
            optimize: stage.optimize,
            hash_seed,
            records: &stage.recording.files,
            ids,
            effects: self.options.effects,
            limit,
            budget,
            uses,
        };
        let surroundings = (version.directory.as_path(), version.variables.as_slice());
        let name = format!("{name}-{hash_seed}");
        replay(self.ground, &name, &job, surroundings, &manner)
    }

    fn functions(&self, recording: &Recording, judged: &[JudgedCall<'_>]) -> Vec<FunctionProof> {
        let each = self.sides.functions.iter();
        each.map(|watched| function(watched, recording, judged))
            .collect()
    }

    fn tests(&self) -> Result<Option<Tests>, Error> {
        let Some(tests) = &self.options.tests else {
            return Ok(None);
        };
        let mut runs = Vec::new();
        let mut old = self.sides.jobs[0].clone();
        old.watch.clear();
        for (at, job) in [&old, &self.sides.whole].into_iter().enumerate() {
            self.ground.tell("running the tests", at)?;
            let text = serde_json::to_vec(job).unwrap_or_default();
            let path = self.ground.write(&format!("tests-{at}.json"), &text)?;
            let (version, limit) = (&self.sides.versions[at], self.options.limit);
            runs.push(run_tests(self.ground, tests, version, &path, limit)?);
        }
        let new = runs.pop().unwrap_or_default();
        Ok(Some(Tests {
            command: tests.text(),
            old: runs.pop().unwrap_or_default(),
            new,
        }))
    }

    fn measure(
        &self,
        proof: &mut Proof,
        recording: &Recording,
        equal: &[(String, u64, bool)],
    ) -> Result<(), Error> {
        let calls: Vec<Measured<'_>> = equal
            .iter()
            .map(|(id, took_ns, is_fresh)| Measured {
                id,
                took_ns: *took_ns,
                is_fresh: *is_fresh,
            })
            .collect();
        if let Some((python, optimize, _)) = &recording.python {
            let recorded = Recorded {
                python,
                optimize: *optimize,
                files: &recording.files,
            };
            match of_calls(self.ground, self.sides, &recorded, &calls, self.options) {
                Ok(speed) => proof.calls_speed = speed,
                // The workload decides; calls that take no time at all are no reason to give up.
                Err(Error::Bench(error @ pitstop_bench::Error::NoTime { .. })) => {
                    proof
                        .notes
                        .push(format!("the calls were not measured: {error}"));
                }
                Err(error) => return Err(error),
            }
        }
        let fails = recording.status != 0;
        let whole = of_workload(self.ground, self.sides, self.workload, fails, self.options)?;
        proof.whole_speed = whole;
        Ok(())
    }
}

/// A recorded call and its judgement.
struct JudgedCall<'a> {
    call: &'a Call,
    judged: Judged,
    /// What the old version does.
    played: Option<Played>,
}

/// Whether a call cannot be made twice with the same arguments.
fn needs_fresh(played: &Played) -> bool {
    let first = played.passes.get(&Pass::First);
    let has_iterators = first.is_some_and(|first| first.taken.iter().any(|step| !step.is_empty()));
    played.mutates || has_iterators
}

/// What became of a function's calls.
fn function(watched: &Watched, recording: &Recording, judged: &[JudgedCall<'_>]) -> FunctionProof {
    let mut proof = FunctionProof {
        name: watched.text(),
        file: watched.change.file.clone(),
        line: watched.change.line,
        why: watched.change.why.clone(),
        ..FunctionProof::default()
    };
    let is_own = |key: &(String, String)| {
        let home = recording.homes.get(key).map(PathBuf::as_path);
        watched.is((&key.0, &key.1), home)
    };
    let counts = recording.counts.iter().filter(|(key, _)| is_own(key));
    proof.calls = counts.map(|(_, count)| *count).sum();
    let alike = recording.alike.iter().filter(|(key, _)| is_own(key));
    proof.alike = alike.map(|(_, count)| *count).sum();
    let mut left_out: BTreeMap<String, u64> = BTreeMap::new();
    for (_, reasons) in recording.refused.iter().filter(|(key, _)| is_own(key)) {
        for (why, count) in reasons {
            *left_out.entry(why.clone()).or_default() += count;
        }
    }
    let mut opaque = BTreeSet::new();
    let mut different = 0;
    for known in judged {
        let key = &known.call.key;
        if !watched.is((&key.0, &key.1), known.call.file.as_deref()) {
            continue;
        }
        proof.recorded += 1;
        match &known.judged {
            Judged::LeftOut(why) => *left_out.entry(why.clone()).or_default() += 1,
            Judged::Equal => proof.compared += 1,
            Judged::Different(finding) => {
                proof.compared += 1;
                different += 1;
                // What shows in the first turn is easier to understand than what a later one shows.
                let rank = (finding.pass, finding.number);
                let is_first = proof
                    .finding
                    .as_ref()
                    .is_none_or(|first| rank < (first.pass, first.number));
                if is_first {
                    proof.finding = Some((**finding).clone());
                }
            }
        }
        let first = known
            .played
            .as_ref()
            .and_then(|known| known.passes.get(&Pass::First));
        opaque.extend(
            first
                .into_iter()
                .flat_map(|first| first.opaque.iter().cloned()),
        );
    }
    if let Some(finding) = &mut proof.finding {
        finding.calls = different;
    }
    proof.left_out = left_out.into_iter().collect();
    proof.opaque = opaque.into_iter().collect();
    proof
}

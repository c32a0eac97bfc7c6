//! The processes of the run: the root, its children, and what became of each.

use crate::interpreter::{AttachError, Interpreter, attach};
use crate::member::{Sampled, Sink};
use crate::sampler::{Sampler, Slot};
use pitstop_model::{ExitStatus, Process, ProcessId};
use pitstop_target::{FindError, process};
use std::path::PathBuf;
use std::sync::Arc;

/// How long a process may take to bring its interpreter up before it is looked at less often.
const EAGER_NS: u64 = 2_000_000_000;
const EAGER_RETRY_NS: u64 = 2_000_000;
/// How long a program may take to load its libraries.
const LOADING_NS: u64 = 300_000_000;
const LAZY_RETRY_NS: u64 = 100_000_000;
/// No run has more processes than this at once that are worth following.
const MAX_MEMBERS: usize = 4096;

/// A process of the run.
pub(crate) struct Member {
    pub(crate) pid: u32,
    pub(crate) process: ProcessId,
    /// Tells it from a later process with the same id.
    start_ticks: u64,
    born_ns: u64,
    phase: Phase,
    exe: Option<PathBuf>,
    /// The last look showed no Python at all: look again when the program changes, else rarely.
    not_python: bool,
    /// CPU time at the last look; what counts after it ended.
    pub(crate) cpu_ns: u64,
}

enum Phase {
    /// No interpreter found yet; look again at this time.
    Looking { next_ns: u64 },
    /// It is being sampled.
    Sampled(Box<Sampled>),
    /// It cannot be sampled, for good.
    Refused,
}

/// All processes of the run.
pub(crate) struct Family {
    pub(crate) members: Vec<Member>,
    follow_children: bool,
    /// CPU time of the processes that ended.
    pub(crate) ended_cpu_ns: u64,
    /// Why the last process that could not be sampled was refused.
    pub(crate) refusal: Option<AttachError>,
    /// How many processes were sampled at some time.
    pub(crate) sampled: usize,
    children_missed: bool,
}

impl Family {
    pub(crate) fn new(follow_children: bool) -> Self {
        Self {
            members: Vec::new(),
            follow_children,
            ended_cpu_ns: 0,
            refusal: None,
            sampled: 0,
            children_missed: false,
        }
    }

    /// Takes a process into the run.
    pub(crate) fn add(
        &mut self,
        pid: u32,
        parent: Option<ProcessId>,
        sink: &mut Sink<'_>,
        now_ns: u64,
    ) {
        let start_ns = now_ns.saturating_sub(sink.start_ns);
        let process = sink.profile.timeline.add_process(Process {
            pid,
            parent,
            command: pitstop_model::Strings::EMPTY,
            python: pitstop_model::Strings::EMPTY,
            start_ns,
            end_ns: None,
            exit: None,
        });
        self.members.push(Member {
            pid,
            process,
            start_ticks: process::state_and_start(pid).map_or(0, |(_, start)| start),
            born_ns: now_ns,
            phase: Phase::Looking { next_ns: now_ns },
            exe: None,
            not_python: false,
            cpu_ns: 0,
        });
    }

    /// Looks for new children of every process; true if one was found.
    pub(crate) fn find_children(&mut self, sink: &mut Sink<'_>, now_ns: u64) -> bool {
        if !self.follow_children {
            return false;
        }
        let mut found = Vec::new();
        for member in &self.members {
            for pid in process::children(member.pid).unwrap_or_default() {
                let known = self.members.iter().any(|known| known.pid == pid);
                if !known && is_alive(pid) {
                    found.push((pid, member.process));
                }
            }
        }
        for &(pid, parent) in &found {
            if self.members.len() >= MAX_MEMBERS {
                if !self.children_missed {
                    self.children_missed = true;
                    let note = format!(
                        "more than {MAX_MEMBERS} processes at once: later ones are missing"
                    );
                    sink.profile.meta.notes.push(note);
                }
                break;
            }
            self.add(pid, Some(parent), sink, now_ns);
        }
        !found.is_empty()
    }

    /// Attaches to the processes whose interpreter may be ready now, lets go of those that became
    /// another program, and closes those that ended.
    pub(crate) fn tend(&mut self, sampler: &Sampler, sink: &mut Sink<'_>, now_ns: u64) {
        let mut index = 0;
        while index < self.members.len() {
            let member = &mut self.members[index];
            if let Phase::Sampled(sampled) = &mut member.phase
                && sampled.slot.is_lost()
            {
                sampled.close(sink, now_ns);
                sampler.remove(&sampled.slot);
                member.phase = Phase::Looking { next_ns: now_ns };
                member.born_ns = now_ns;
            }
            if let Phase::Looking { next_ns } = member.phase
                && next_ns <= now_ns
            {
                match try_attach(member, sampler, sink, now_ns) {
                    Ok(attached) => self.sampled += usize::from(attached),
                    Err(error) => self.refusal = Some(error),
                }
            }
            index += 1;
        }
    }

    /// Closes the processes that ended.
    pub(crate) fn bury(&mut self, sampler: &Sampler, sink: &mut Sink<'_>, now_ns: u64) {
        let mut index = 0;
        while index < self.members.len() {
            let member = &mut self.members[index];
            if is_running(member) {
                index += 1;
                continue;
            }
            let mut member = self.members.swap_remove(index);
            member.close(None, sampler, sink, now_ns);
            self.ended_cpu_ns += member.cpu_ns;
        }
    }

    /// Ends the recording of every process; the first is the root and ended like `exit`.
    pub(crate) fn close(
        &mut self,
        exit: Option<ExitStatus>,
        sampler: &Sampler,
        sink: &mut Sink<'_>,
        now_ns: u64,
    ) {
        for member in &mut self.members {
            let is_root = member.process.0 == 0;
            member.close(if is_root { exit } else { None }, sampler, sink, now_ns);
            self.ended_cpu_ns += member.cpu_ns;
        }
        self.members.clear();
    }

    /// Fetches and resolves the samples of all processes.
    pub(crate) fn drain(&mut self, sink: &mut Sink<'_>, now_ns: u64) {
        for member in &mut self.members {
            if let Phase::Sampled(sampled) = &mut member.phase {
                sampled.drain(sink, now_ns);
            }
        }
    }

    /// Lists threads anew and lets resting ones leave the hot path.
    pub(crate) fn refresh(&mut self, now_ns: u64) {
        for slot in self.slots() {
            let mut reader = slot.reader();
            reader.refresh();
            reader.retire_quiet(now_ns);
        }
    }

    /// Asks the resting threads whether they still rest.
    pub(crate) fn check_quiet(&mut self, now_ns: u64) {
        for slot in self.slots() {
            let mut reader = slot.reader();
            let mut batch = slot.batch();
            reader.check_quiet(now_ns, &mut batch);
        }
    }

    /// Resident memory and CPU time of all living processes, CPU time of ended ones included.
    pub(crate) fn measure(&mut self) -> (u64, u64) {
        let mut rss = 0;
        let mut cpu = self.ended_cpu_ns;
        for member in &mut self.members {
            rss += process::rss_bytes(member.pid).unwrap_or(0);
            member.cpu_ns = process::cpu_ns(member.pid).unwrap_or(member.cpu_ns);
            cpu += member.cpu_ns;
        }
        (rss, cpu)
    }

    /// The number of threads seen so far in living processes.
    pub(crate) fn thread_count(&self) -> usize {
        let count = |member: &Member| match &member.phase {
            Phase::Sampled(sampled) => sampled.thread_count(),
            _ => 0,
        };
        self.members.iter().map(count).sum()
    }

    /// The interpreters of all living processes.
    pub(crate) fn interpreters(&self) -> Vec<Arc<Interpreter>> {
        self.slots()
            .iter()
            .map(|slot| Arc::clone(&slot.interpreter))
            .collect()
    }

    fn slots(&self) -> Vec<Arc<Slot>> {
        let slot = |member: &Member| match &member.phase {
            Phase::Sampled(sampled) => Some(Arc::clone(&sampled.slot)),
            _ => None,
        };
        self.members.iter().filter_map(slot).collect()
    }
}

impl Member {
    fn close(
        &mut self,
        exit: Option<ExitStatus>,
        sampler: &Sampler,
        sink: &mut Sink<'_>,
        now_ns: u64,
    ) {
        if let Phase::Sampled(sampled) = &mut self.phase {
            sampler.remove(&sampled.slot);
            sampled.close(sink, now_ns);
        }
        self.phase = Phase::Refused;
        let process = &mut sink.profile.timeline.processes[self.process.0 as usize];
        process.end_ns = Some(now_ns.saturating_sub(sink.start_ns));
        process.exit = exit;
    }
}

/// Attaches if there is an interpreter; `Ok(false)` when it is not worth looking yet.
fn try_attach(
    member: &mut Member,
    sampler: &Sampler,
    sink: &mut Sink<'_>,
    now_ns: u64,
) -> Result<bool, AttachError> {
    let exe = process::exe(member.pid).ok();
    let changed = exe != member.exe;
    if changed {
        member.exe = exe;
        member.born_ns = now_ns;
        describe(member, sink);
    }
    let age_ns = now_ns.saturating_sub(member.born_ns);
    let eager = age_ns < EAGER_NS;
    // A program that was only just executed has not loaded its libraries yet: what is no Python
    // now may be one in a moment.
    if member.not_python && !changed && eager && age_ns > LOADING_NS {
        member.phase = Phase::Looking {
            next_ns: now_ns + EAGER_RETRY_NS,
        };
        return Ok(false);
    }
    match attach(member.pid) {
        Ok(interpreter) => {
            describe(member, sink);
            let python = sink
                .profile
                .strings
                .intern(&interpreter.version.to_string());
            sink.profile.timeline.processes[member.process.0 as usize].python = python;
            let slot = Arc::new(Slot::new(member.pid, interpreter));
            sampler.add(&slot);
            member.phase = Phase::Sampled(Box::new(Sampled::new(slot, member.process)));
            Ok(true)
        }
        Err(error) => {
            member.not_python = matches!(error, AttachError::Find(FindError::NotPython { .. }));
            let pause = if eager { EAGER_RETRY_NS } else { LAZY_RETRY_NS };
            member.phase = match &error {
                AttachError::Unsupported { .. } => Phase::Refused,
                _ => Phase::Looking {
                    next_ns: now_ns + pause,
                },
            };
            Err(error)
        }
    }
}

/// Writes down the command line, which an `exec` changes.
fn describe(member: &Member, sink: &mut Sink<'_>) {
    let words = process::cmdline(member.pid).unwrap_or_default();
    let words: Vec<String> = words
        .iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    if !words.is_empty() {
        let command = sink.profile.strings.intern(&words.join(" "));
        sink.profile.timeline.processes[member.process.0 as usize].command = command;
    }
}

/// False also for a process that ended and whose parent has not asked how.
fn is_alive(pid: u32) -> bool {
    process::state_and_start(pid).is_ok_and(|(state, _)| !matches!(state, b'Z' | b'X'))
}

/// False for a process that ended, also while its parent has not asked how.
fn is_running(member: &Member) -> bool {
    match process::state_and_start(member.pid) {
        Ok((state, start)) => {
            !matches!(state, b'Z' | b'X')
                && (start == member.start_ticks || member.start_ticks == 0)
        }
        Err(_) => false,
    }
}

//! Profiles to write: a small recording that uses every table, growing step by step.

use pitstop_model::{
    CallId, CallPath, CurvePoint, Descriptor, ExitStatus, File, FileKind, Frame, Function, Id,
    LineCost, Method, Moment, Process, ProcessId, Profile, RateChange, Reason, Row, SourceOrigin,
    SourceText, Span, Thread, ThreadState, TimedFunction, Verdict, Wait,
};
use std::sync::Arc;

/// A recording in progress.
#[derive(Clone, Default)]
pub(crate) struct Recording {
    /// What was found out so far; its series holds the moments too, to compare with.
    pub(crate) profile: Profile,
    /// Moments since the last flush.
    pub(crate) pending: Vec<Moment>,
}

impl Recording {
    /// The first `steps` steps.
    pub(crate) fn of(steps: u32) -> Self {
        let mut recording = Self::default();
        for step in 0..steps {
            recording.step(step);
        }
        recording
    }

    /// One sample at `time_ns`, in the profile and pending.
    pub(crate) fn sample(&mut self, time_ns: u64, row: Row, weight_ns: u64) {
        let row = self.profile.series.intern(row);
        self.profile.series.add(row, weight_ns);
        let moment = Moment {
            time_ns,
            row,
            weight_ns,
        };
        self.profile.series.moments.push(moment);
        self.pending.push(moment);
    }

    /// Adds something to every table, and changes what can change.
    pub(crate) fn step(&mut self, step: u32) {
        let now = u64::from(step) * 1_000_000_000;
        let row = self.place(step);
        for tick in 0..20 {
            self.sample(now + tick * 1_000_000 + tick % 3, row, 1_000_000);
        }
        let failed = Row {
            stack: None,
            verdict: Verdict::Failed(Reason::Moved),
            ..row
        };
        self.sample(now + 500_000_000, failed, 480_000_000);
        let timeline = &mut self.profile.timeline;
        timeline.curve.push(CurvePoint {
            time_ns: now,
            rss_bytes: 4096 * u64::from(1000 + step),
            cpu_ns: now / 2,
        });
        for thread in &mut timeline.threads {
            thread.end_ns = now;
        }
        if step % 2 == 1 {
            let last = timeline.processes.len() - 1;
            timeline.processes[last].end_ns = Some(now);
            timeline.processes[last].exit = Some(ExitStatus::Signal(9));
        }
        self.trace(step, row);
        self.describe(step, now);
    }

    /// A new call path, timed function and span; the ones before cost more.
    fn trace(&mut self, step: u32, row: Row) {
        let profile = &mut self.profile;
        let stack = row.stack.expect("the step has just made it");
        let thread = row.thread;
        profile.calls.intern(CallPath { thread, stack });
        for index in 0..profile.calls.len() {
            let cost = profile.calls.cost_mut(CallId::from_index(index));
            cost.calls += 1000;
            cost.resumptions += 7;
            cost.raised += 3;
            cost.self_ns += 1_000_001;
            cost.raw_self_ns += 1_000_050;
            cost.waited_ns += u64::from(step);
        }
        profile.calls.lost += u64::from(step);
        let functions = &mut profile.line_times.functions;
        functions.push(TimedFunction {
            function: profile.places.leaf_function(stack),
            calls: 1,
            lines: Vec::new(),
        });
        for (index, timed) in functions.iter_mut().enumerate() {
            let cost = LineCost {
                hits: 5,
                self_ns: 50,
                inclusive_ns: 500,
                waited_ns: index as u64,
            };
            timed.calls += 2;
            timed.lines.push((step + 1, cost));
            timed.lines[0].1.hits += 1;
        }
        profile.line_times.lost = 9;
        profile.spans.spans.push(Span {
            thread,
            stack,
            start_ns: u64::from(step) * 1_000_000_000,
            duration_ns: 400,
        });
        profile.spans.lost += 2;
    }

    /// A new file, function, stack, process, thread and wait.
    fn place(&mut self, step: u32) -> Row {
        let profile = &mut self.profile;
        let path = profile
            .strings
            .intern(&format!("/home/me/app/módule_{step}.py"));
        let short = profile.strings.intern(&format!("módule_{step}.py"));
        let name = profile.strings.intern("work");
        let qualname = profile.strings.intern(&format!("Worker{step}.work"));
        let file = profile.places.add_file(File {
            path,
            short,
            kind: FileKind::ALL[step as usize % FileKind::ALL.len()],
        });
        let function = profile.places.add_function(Function {
            name,
            qualname,
            file,
            first_line: 10 * step,
        });
        let frames: Vec<_> = (0..3)
            .map(|line| profile.places.add_frame(Frame { function, line }))
            .collect();
        let stack = profile.places.add_frames(frames);
        let syscall = profile.strings.intern("recvfrom");
        let peer = profile
            .strings
            .intern(&format!("tcp 127.0.0.1:{}", 5432 + step));
        let wait = profile.add_wait(Wait {
            syscall,
            fd: i32::try_from(step).expect("a few steps") - 1,
            descriptor: Descriptor::Socket,
            name: peer,
        });
        let python = profile.strings.intern("3.13.0");
        let process = profile.timeline.add_process(Process {
            pid: 1000 + step,
            parent: step.checked_sub(1).map(ProcessId),
            command: name,
            python,
            start_ns: u64::from(step),
            end_ns: None,
            exit: None,
        });
        let thread = profile.timeline.add_thread(Thread {
            process,
            tid: 1000 + step,
            name: short,
            is_main: step == 0,
            start_ns: u64::from(step),
            end_ns: 0,
        });
        let text = format!("def work():\n    return {step}\n").repeat(step as usize);
        let source = SourceText {
            origin: SourceOrigin::Disk,
            text: Arc::from(text),
        };
        profile.sources.insert(file, source);
        Row {
            thread,
            stack,
            state: ThreadState::ALL[step as usize % 10],
            wait: Some(wait),
            verdict: Verdict::Exact,
        }
    }

    fn describe(&mut self, step: u32, now: u64) {
        let meta = &mut self.profile.meta;
        meta.tool_version = "0.1.0".into();
        meta.method = Method::Sampling;
        meta.command = vec!["python3".into(), "app.py".into(), String::new()];
        meta.directory = "/home/me/app".into();
        meta.host = "Linux x86_64, 8 CPUs".into();
        meta.cpus = 8;
        meta.start_unix_s = 1_760_000_000;
        meta.duration_ns = now;
        meta.cpu_ns = now / 2;
        meta.startup_ns = 20_000_000;
        meta.memory_limit_bytes = 16 << 30;
        meta.exit = Some(ExitStatus::Code(-1));
        meta.notes = (0..step).map(|n| format!("note {n}")).collect();
        let quality = &mut meta.quality;
        quality.verdicts.add(Verdict::Exact, 20);
        quality.verdicts.add(Verdict::Failed(Reason::Moved), 1);
        quality.readings[2] += 21;
        quality.ticks += 21;
        quality.late_ticks += 1;
        quality.own_cpu_ns += 1000;
        quality.delay_ns += 10;
        quality.own_rss_bytes = 20 << 20;
        quality.rates.push(RateChange {
            time_ns: now,
            rate_hz: 1000.0 / f64::from(step + 1),
        });
    }
}

//! Profiles written by hand: a few words make a run, for tests.
//!
//! Sources come before the stacks through them, so that functions know their first lines.
//!
//! A stack is written from outermost to innermost, `main app.py:60; dedupe app.py:24`. Paths that
//! start with `lib/` are the standard library's, with `site-packages/` a package's.

use pitstop_model::{
    CallCost, CallPath, CurvePoint, Descriptor, ExitStatus, File, FileId, FileKind, Frame, FrameId,
    Function, Id, Method, Moment, Process, ProcessId, Profile, RateChange, Reason, Row,
    SourceOrigin, SourceText, StackId, Thread, ThreadId, ThreadState, Verdict, Wait, WaitId,
};

/// One millisecond, in nanoseconds. Every sample stands for one.
const MS: u64 = 1_000_000;

/// A profile being written.
#[derive(Clone, Debug)]
pub struct Sketch {
    profile: Profile,
    keep_moments: bool,
}

impl Sketch {
    /// A run of one command with a process and a main thread, without samples.
    pub fn new(command: &str) -> Self {
        let mut sketch = Self {
            profile: Profile::default(),
            keep_moments: false,
        };
        let meta = &mut sketch.profile.meta;
        meta.command = command.split(' ').map(str::to_owned).collect();
        meta.exit = Some(ExitStatus::Code(0));
        meta.cpus = 2;
        meta.quality.rates.push(RateChange {
            time_ns: 0,
            rate_hz: 1000.0,
        });
        sketch.process(command);
        sketch
    }

    /// Keeps the moment of each sample as well.
    pub fn keeping_moments(mut self) -> Self {
        self.keep_moments = true;
        self
    }

    /// The main thread of the first process.
    pub fn main(&self) -> ThreadId {
        ThreadId(0)
    }

    /// Adds a thread to the first process.
    pub fn thread(&mut self, name: &str) -> ThreadId {
        self.add_thread(ProcessId(0), name, false)
    }

    /// Adds a process, and returns its main thread.
    pub fn process(&mut self, command: &str) -> ThreadId {
        let first = self.profile.timeline.processes.is_empty();
        let process = Process {
            pid: 4000 + self.profile.timeline.processes.len() as u32,
            parent: (!first).then_some(ProcessId(0)),
            command: self.profile.strings.intern(command),
            python: self.profile.strings.intern("3.15.2"),
            start_ns: 0,
            end_ns: None,
            exit: None,
        };
        let process = self.profile.timeline.add_process(process);
        self.add_thread(process, "MainThread", true)
    }

    fn add_thread(&mut self, process: ProcessId, name: &str, is_main: bool) -> ThreadId {
        let thread = Thread {
            process,
            tid: 4100 + self.profile.timeline.threads.len() as u32,
            name: self.profile.strings.intern(name),
            is_main,
            start_ns: 0,
            end_ns: 0,
        };
        self.profile.timeline.add_thread(thread)
    }

    /// Lets a thread without samples start `ms` milliseconds into the run.
    pub fn start(&mut self, thread: ThreadId, ms: u64) {
        let thread = &mut self.profile.timeline.threads[thread.index()];
        thread.start_ns = ms * MS;
        thread.end_ns = ms * MS;
    }

    /// Captures the source of a file.
    pub fn source(&mut self, path: &str, text: &str) {
        let file = self.file(path);
        let source = SourceText {
            origin: SourceOrigin::Disk,
            text: text.into(),
        };
        self.profile.sources.insert(file, source);
    }

    /// Lets a thread spend `ms` milliseconds, one sample each, in a state at a stack.
    pub fn spend(&mut self, thread: ThreadId, state: ThreadState, ms: u64, stack: &str) {
        self.add(thread, state, None, ms, stack);
    }

    /// The same, waiting for something.
    pub fn spend_waiting(
        &mut self,
        thread: ThreadId,
        state: ThreadState,
        wait: WaitId,
        ms: u64,
        stack: &str,
    ) {
        self.add(thread, state, Some(wait), ms, stack);
    }

    /// Lets a thread spend `ms` milliseconds without a readable stack.
    pub fn spend_unread(&mut self, thread: ThreadId, ms: u64) {
        self.spend_failed(thread, Reason::NotReady, ms);
    }

    /// The same for a given reason.
    pub fn spend_failed(&mut self, thread: ThreadId, reason: Reason, ms: u64) {
        let verdict = Verdict::Failed(reason);
        self.add_row(thread, None, ThreadState::Unknown, None, verdict, ms);
    }

    /// Makes this the result of a trace: what [`Sketch::call`] adds is all there is.
    pub fn traced(&mut self) {
        self.profile.meta.method = Method::Tracing;
        self.profile.meta.quality.rates.clear();
    }

    /// Lets a thread take a call path so often, each time for so many microseconds of its own. The
    /// innermost frame has line 0, the others the lines of their calls. Functions of the file `~`
    /// have no Python code.
    pub fn call(&mut self, thread: ThreadId, calls: u64, each_us: u64, path: &str) {
        let self_ns = calls * each_us * 1000;
        self.cost(
            thread,
            path,
            CallCost {
                calls,
                self_ns,
                raw_self_ns: self_ns + calls * 20,
                ..CallCost::default()
            },
        );
    }

    /// Adds a cost at a call path, and the row of the series that goes with it.
    pub fn cost(&mut self, thread: ThreadId, path: &str, more: CallCost) {
        let stack = self.stack(path).expect("a path has a function");
        let id = self.profile.calls.intern(CallPath { thread, stack });
        let cost = self.profile.calls.cost_mut(id);
        cost.calls += more.calls;
        cost.resumptions += more.resumptions;
        cost.raised += more.raised;
        cost.self_ns += more.self_ns;
        cost.raw_self_ns += more.raw_self_ns;
        cost.waited_ns += more.waited_ns;
        let state = if path.ends_with("~:0") {
            ThreadState::NativeWithGil
        } else {
            ThreadState::Python
        };
        let row = self.profile.series.intern(Row {
            thread,
            stack: Some(stack),
            state,
            wait: None,
            verdict: Verdict::Exact,
        });
        let count = more.calls + more.resumptions;
        self.profile.series.add_many(row, count, more.self_ns);
        self.profile.timeline.threads[thread.index()].end_ns += more.self_ns;
    }

    fn add(
        &mut self,
        thread: ThreadId,
        state: ThreadState,
        wait: Option<WaitId>,
        ms: u64,
        stack: &str,
    ) {
        let stack = self.stack(stack);
        self.add_row(thread, stack, state, wait, Verdict::Exact, ms);
    }

    fn add_row(
        &mut self,
        thread: ThreadId,
        stack: Option<StackId>,
        state: ThreadState,
        wait: Option<WaitId>,
        verdict: Verdict,
        ms: u64,
    ) {
        let row = self.profile.series.intern(Row {
            thread,
            stack,
            state,
            wait,
            verdict,
        });
        self.profile.series.add_many(row, ms, ms * MS);
        self.profile.meta.quality.verdicts.add(verdict, ms);
        let thread = &mut self.profile.timeline.threads[thread.index()];
        if self.keep_moments {
            for n in 1..=ms {
                self.profile.series.moments.push(Moment {
                    time_ns: thread.end_ns + n * MS,
                    row,
                    weight_ns: MS,
                });
            }
        }
        thread.end_ns += ms * MS;
    }

    /// A wait in a system call on a socket, or on nothing known if `name` is empty.
    pub fn wait(&mut self, syscall: &str, name: &str) -> WaitId {
        self.wait_on(syscall, 3, name)
    }

    /// The same on a given descriptor.
    pub fn wait_on(&mut self, syscall: &str, fd: i32, name: &str) -> WaitId {
        let descriptor = match name.split(' ').next() {
            Some("") | None => Descriptor::None,
            Some("tcp" | "udp" | "unix") => Descriptor::Socket,
            Some("pipe") => Descriptor::Pipe,
            Some(_) => Descriptor::File,
        };
        let wait = Wait {
            syscall: self.profile.strings.intern(syscall),
            fd,
            descriptor,
            name: self.profile.strings.intern(name),
        };
        self.profile.add_wait(wait)
    }

    /// Lets the first Python frame appear after `ms` milliseconds.
    pub fn startup(&mut self, ms: u64) {
        self.profile.meta.startup_ns = ms * MS;
    }

    /// Adds evenly spaced points of resident memory, in megabytes.
    pub fn memory(&mut self, megabytes: &[u64]) {
        for (n, mb) in megabytes.iter().enumerate() {
            self.profile.timeline.curve.push(CurvePoint {
                time_ns: n as u64 * 100 * MS,
                rss_bytes: mb * 1_000_000,
                cpu_ns: n as u64 * 90 * MS,
            });
        }
    }

    /// Access to everything else.
    pub fn profile(&mut self) -> &mut Profile {
        &mut self.profile
    }

    /// The profile of a run as long as its startup and its longest thread.
    pub fn finish(self) -> Profile {
        let ends = self.profile.timeline.threads.iter().map(|t| t.end_ns);
        let ns = ends.max().unwrap_or(0) + self.profile.meta.startup_ns;
        self.finish_after(ns / MS)
    }

    /// The profile of a run of `ms` milliseconds.
    pub fn finish_after(mut self, ms: u64) -> Profile {
        self.profile.meta.duration_ns = ms * MS;
        self.profile.meta.quality.ticks = ms;
        self.profile.series.moments.sort_by_key(|m| m.time_ns);
        assert_eq!(self.profile.check(), Ok(()), "a sketch keeps the laws");
        self.profile
    }

    fn file(&mut self, path: &str) -> FileId {
        let (kind, short) = if let Some(short) = path.strip_prefix("lib/") {
            (FileKind::StandardLibrary, short)
        } else if let Some(short) = path.strip_prefix("site-packages/") {
            (FileKind::Package, short)
        } else if path.starts_with("<frozen") {
            (FileKind::StandardLibrary, path)
        } else if path == "~" {
            (FileKind::Native, path)
        } else if path.starts_with('<') {
            (FileKind::Generated, path)
        } else {
            (FileKind::Project, path)
        };
        let file = File {
            path: self.profile.strings.intern(path),
            short: self.profile.strings.intern(short),
            kind,
        };
        self.profile.places.add_file(file)
    }

    fn stack(&mut self, stack: &str) -> Option<StackId> {
        let frames: Vec<FrameId> = stack
            .split("; ")
            .filter(|frame| !frame.is_empty())
            .map(|frame| self.frame(frame))
            .collect();
        self.profile.places.add_frames(frames)
    }

    fn frame(&mut self, text: &str) -> FrameId {
        // Functions without Python code have names with spaces in them, other files' paths have.
        let split = match text.strip_suffix(" ~:0") {
            Some(native) => Some((native, "~:0")),
            None => text.split_once(' '),
        };
        let (function, place) = split.expect("`function file:line`");
        let (path, line) = place.rsplit_once(':').expect("`file:line`");
        let line = line.parse().expect("a line number");
        let file = self.file(path);
        let name = function.rsplit('.').next().unwrap_or(function);
        let name = if path == "~" {
            name.trim_end_matches('>')
        } else {
            name
        };
        let function = Function {
            name: self.profile.strings.intern(name),
            qualname: self.profile.strings.intern(function),
            file,
            first_line: match path {
                "~" => 0,
                _ => self.first_line(file, name),
            },
        };
        let function = self.profile.places.add_function(function);
        self.profile.places.add_frame(Frame { function, line })
    }

    /// The line of a function's `def` in the captured source, else 1.
    fn first_line(&self, file: FileId, name: &str) -> u32 {
        let text = self.profile.sources.get(file).map(|source| &source.text);
        text.and_then(|text| {
            let def = format!("def {name}(");
            let index = text
                .lines()
                .position(|line| line.trim_start().starts_with(&def))?;
            u32::try_from(index + 1).ok()
        })
        .unwrap_or(1)
    }
}

/// A profile from numbers: any list makes one that keeps the laws, sensible or not.
///
/// For property tests: text that attacks terminals, deep and recursive stacks, states that do not
/// go with their waits, times from nothing to centuries.
pub fn scribble(numbers: &[(u8, u8, u8, u16)]) -> Profile {
    const NAMES: [&str; 8] = [
        "f",
        "\u{1b}[31mred\u{7}",
        "naïve_日本語",
        "<lambda>",
        "Klass.method_with_quite_a_long_name_that_goes_on",
        "a\tb\r\n",
        "\u{202e}dda",
        "👩\u{200d}🚀\u{fe0f}e\u{301}",
    ];
    const FILES: [&str; 4] = [
        "app.py",
        "lib/threading.py",
        "site-packages/x/y/z.py",
        "<string>",
    ];
    let mut s = Sketch::new("app.py \u{1b}]0;title\u{7} --long-option=with-a-value 'quoted arg'");
    s.source(
        "app.py",
        "def f():\n\treturn 1\u{1b}[2J\n日本語 = 'x' * 80 + '\u{9b}31m'\n",
    );
    let wait = s.wait("recvfrom", "tcp [::1]:80\u{1b}[0m");
    let mut threads = vec![s.main()];
    for &(who, what, depth, ms) in numbers {
        let (which, state) = (usize::from(what), ThreadState::ALL[usize::from(what) % 10]);
        let name = NAMES[which % NAMES.len()];
        match who % 16 {
            14 if threads.len() < 20 => threads.push(s.thread(name)),
            15 if threads.len() < 20 => threads.push(s.process(name)),
            _ => {}
        }
        let frames: Vec<String> = (0..usize::from(depth % 40))
            .map(|n| {
                format!(
                    "{} {}:{}",
                    "ab".repeat(n % 3 + 1),
                    FILES[(which + n / 5) % 4],
                    n % 7
                )
            })
            .collect();
        let thread = threads[usize::from(who) % threads.len()];
        let ms = if what == 255 {
            u64::from(ms) << 24
        } else {
            u64::from(ms)
        };
        let wait = (depth % 2 == 0).then_some(wait);
        s.add(thread, state, wait, ms, &frames.join("; "));
        s.profile()
            .meta
            .notes
            .extend((what == 77).then(|| name.repeat(9)));
        if what == 78 {
            s.startup(ms);
            s.memory(&[u64::from(depth), ms, 0]);
        }
    }
    let total: u16 = numbers.iter().fold(0, |sum, n| sum.wrapping_add(n.3));
    s.finish_after(u64::from(total))
}

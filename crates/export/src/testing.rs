//! Profiles made by hand, and the Pythons that tests run.

use crate::{Format, Options, write};
use pitstop_model::{
    CallCost, CallPath, CurvePoint, File, FileKind, Frame, FrameId, Function, LineCost, Method,
    Moment, Process, ProcessId, Profile, RateChange, Reason, Row, Span, StackId, Strings, Thread,
    ThreadId, ThreadState, TimedFunction, Verdict, Wait, WaitId,
};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Builds a profile of one process; the main thread is there from the start.
pub(crate) struct Builder {
    pub(crate) profile: Profile,
    pub(crate) main: ThreadId,
    process: ProcessId,
    clock_ns: u64,
}

impl Builder {
    pub(crate) fn new() -> Self {
        let mut profile = Profile::default();
        let process = add_process(&mut profile, 100, "python app.py 40000");
        let main = add_thread(&mut profile, process, 100, "MainThread", true);
        Self {
            profile,
            main,
            process,
            clock_ns: 0,
        }
    }

    pub(crate) fn process(&mut self, pid: u32, command: &str) {
        self.process = add_process(&mut self.profile, pid, command);
    }

    /// Adds a thread to the process added last.
    pub(crate) fn thread(&mut self, tid: u32, name: &str) -> ThreadId {
        add_thread(&mut self.profile, self.process, tid, name, false)
    }

    /// A line of a function. The name stands for qualified name; `co_name` is its last part.
    pub(crate) fn frame(
        &mut self,
        name: &str,
        file: (&str, FileKind),
        def: u32,
        line: u32,
    ) -> FrameId {
        let profile = &mut self.profile;
        let file = File {
            path: profile.strings.intern(&format!("/srv/app/{}", file.0)),
            short: profile.strings.intern(file.0),
            kind: file.1,
        };
        let file = profile.places.add_file(file);
        let last = name.rsplit('.').next().unwrap_or(name);
        let function = Function {
            name: profile.strings.intern(last),
            qualname: profile.strings.intern(name),
            file,
            first_line: def,
        };
        let function = profile.places.add_function(function);
        profile.places.add_frame(Frame { function, line })
    }

    /// Frames of functions in `app.py`, each at the line of its `def`.
    pub(crate) fn frames(&mut self, names: &[&str]) -> Vec<FrameId> {
        let file = ("app.py", FileKind::Project);
        names
            .iter()
            .map(|name| self.frame(name, file, 10, 12))
            .collect()
    }

    pub(crate) fn wait(&mut self, syscall: &str, name: &str) -> WaitId {
        let wait = Wait {
            syscall: self.profile.strings.intern(syscall),
            fd: 3,
            descriptor: pitstop_model::Descriptor::Socket,
            name: self.profile.strings.intern(name),
        };
        self.profile.add_wait(wait)
    }

    /// Samples of the main thread in Python code.
    pub(crate) fn python(&mut self, names: &[&str], wall_ns: u64) {
        let frames = self.frames(names);
        let state = ThreadState::Python;
        self.sample(self.main, &frames, state, None, Verdict::Exact, wall_ns);
    }

    /// Samples of one millisecond each, the last one shorter.
    pub(crate) fn sample(
        &mut self,
        thread: ThreadId,
        frames: &[FrameId],
        state: ThreadState,
        wait: Option<WaitId>,
        verdict: Verdict,
        wall_ns: u64,
    ) {
        let stack = self.profile.places.add_frames(frames.iter().copied());
        let row = Row {
            thread,
            stack,
            state,
            wait,
            verdict,
        };
        let count = wall_ns.div_ceil(1_000_000);
        let row = self.profile.series.intern(row);
        self.profile.series.add_many(row, count, wall_ns);
        self.profile.meta.quality.verdicts.add(verdict, count);
    }

    /// A function without Python code, by what `pstats` calls it.
    pub(crate) fn native(&mut self, label: &str) -> FrameId {
        let profile = &mut self.profile;
        let path = profile.strings.intern("~");
        let file = profile.places.add_file(File {
            path,
            short: path,
            kind: FileKind::Native,
        });
        let name = profile.strings.intern(label);
        let function = profile.places.add_function(Function {
            name,
            qualname: name,
            file,
            first_line: 0,
        });
        profile.places.add_frame(Frame { function, line: 0 })
    }

    /// Traced calls, with the row that goes with them.
    pub(crate) fn call(&mut self, thread: ThreadId, frames: &[FrameId], cost: CallCost) -> StackId {
        let places = &mut self.profile.places;
        let stack = places
            .add_frames(frames.iter().copied())
            .expect("a path has a function");
        let id = self.profile.calls.intern(CallPath { thread, stack });
        *self.profile.calls.cost_mut(id) = cost;
        let row = self.profile.series.intern(Row {
            thread,
            stack: Some(stack),
            state: ThreadState::Python,
            wait: None,
            verdict: Verdict::Exact,
        });
        let count = cost.calls + cost.resumptions;
        self.profile.series.add_many(row, count, cost.self_ns);
        stack
    }

    /// Keeps a moment of each row, one after the other, with pauses between them.
    pub(crate) fn keep_moments(&mut self, pause_ns: u64) {
        let rows: Vec<_> = self.profile.series.iter().collect();
        for (index, (_, _, weight_ns)) in rows.into_iter().enumerate() {
            self.clock_ns += pause_ns + weight_ns;
            self.profile.series.moments.push(Moment {
                time_ns: self.clock_ns,
                row: pitstop_model::Id::from_index(index),
                weight_ns,
            });
        }
    }
}

fn add_process(profile: &mut Profile, pid: u32, command: &str) -> ProcessId {
    let process = Process {
        pid,
        parent: None,
        command: profile.strings.intern(command),
        python: profile.strings.intern("3.13.0"),
        start_ns: 0,
        end_ns: None,
        exit: None,
    };
    profile.timeline.add_process(process)
}

fn add_thread(
    profile: &mut Profile,
    process: ProcessId,
    tid: u32,
    name: &str,
    is_main: bool,
) -> ThreadId {
    let thread = Thread {
        process,
        tid,
        name: profile.strings.intern(name),
        is_main,
        start_ns: 0,
        end_ns: 0,
    };
    profile.timeline.add_thread(thread)
}

/// Names that break careless writers.
pub(crate) const HOSTILE: [&str; 12] = [
    "<lambda>",
    "semi;colon",
    "new\nline",
    "trailing 12",
    "quote\"'quote",
    "]]><script>alert(1)</script>",
    "🐍 emoji 数据",
    "&amp;<b>",
    "#comment",
    " ",
    "nul\0\u{1b}[31m\u{ffff}",
    "back\\slash${x}%s",
];

/// A profile with hostile names everywhere, all states and all kinds of verdict. The function
/// with the most self time is `Report.dedupe`, with 1.5 s.
pub(crate) fn hostile() -> Profile {
    let mut b = Builder::new();
    let app = ("app.py", FileKind::Project);
    let module = b.frame("<module>", app, 1, 80);
    let main = b.frame("main", app, 65, 69);
    let dedupe = [
        b.frame("Report.dedupe", app, 20, 24),
        b.frame("Report.dedupe", app, 20, 25),
    ];
    for (index, frame) in dedupe.into_iter().enumerate() {
        let stack = [module, main, frame];
        let ns = 1_000_000_000 >> index;
        b.sample(
            b.main,
            &stack,
            ThreadState::Python,
            None,
            Verdict::Exact,
            ns,
        );
    }
    let recursive = b.frame("walk", app, 40, 41);
    let deep = [module, main, recursive, recursive, recursive];
    b.sample(
        b.main,
        &deep,
        ThreadState::Python,
        None,
        Verdict::Validated,
        250_000_400,
    );
    let workers = [
        b.thread(101, "worker 1"),
        b.thread(102, "worker 1"),
        b.thread(103, "a;b\n]]>"),
    ];
    let wait = b.wait("recvfrom", "tcp 127.0.0.1:5432; \"x\"");
    for (index, name) in HOSTILE.into_iter().enumerate() {
        let file = (
            HOSTILE[(index + 5) % HOSTILE.len()],
            FileKind::ALL[index % 4],
        );
        let outer = b.frame(
            "run",
            ("lib/threading.py", FileKind::StandardLibrary),
            900,
            910,
        );
        let frame = b.frame(name, file, 7, 9);
        let state = ThreadState::ALL[index % ThreadState::ALL.len()];
        let wait = (state == ThreadState::Blocked).then_some(wait);
        let thread = workers[index % workers.len()];
        let ns = 50_000_000 + 1_000_333 * index as u64;
        b.sample(thread, &[outer, frame], state, wait, Verdict::Exact, ns);
    }
    for reason in Reason::ALL {
        let thread = workers[reason as usize % workers.len()];
        let unknown = ThreadState::Unknown;
        b.sample(
            thread,
            &[],
            unknown,
            None,
            Verdict::Failed(reason),
            1_500_700,
        );
        let part = [recursive];
        b.sample(
            thread,
            &part,
            unknown,
            None,
            Verdict::Partial(reason),
            2_500_001,
        );
    }
    b.python(&["main", "hardly seen"], 900);
    b.process(200, "/usr/bin/python3 -m \"evil;mod\" 7");
    let native = b.thread(200, "");
    b.sample(
        native,
        &[],
        ThreadState::NativeWithoutGil,
        None,
        Verdict::Exact,
        33_000_000,
    );
    let meta = &mut b.profile.meta;
    meta.tool_version = "0.1.0".to_owned();
    meta.command = ["python", "app.py", "<&;\n]]>"].map(str::to_owned).to_vec();
    meta.host = "Linux x86_64, 8 CPUs".to_owned();
    meta.start_unix_s = 1_790_000_000;
    meta.duration_ns = 2_430_000_000;
    meta.notes.push("rate lowered\nto 500 Hz".to_owned());
    meta.quality.rates.push(RateChange {
        time_ns: 0,
        rate_hz: 1000.0,
    });
    b.profile.timeline.curve.push(CurvePoint {
        time_ns: 1,
        rss_bytes: 2,
        cpu_ns: 3,
    });
    for (index, frame) in dedupe.into_iter().enumerate() {
        let function = b.profile.places.frame(frame).function;
        let cost = LineCost {
            hits: 1,
            self_ns: 20,
            inclusive_ns: 30,
            waited_ns: 40,
        };
        // Twice the same function: code that was executed again.
        b.profile.line_times.functions.push(TimedFunction {
            function,
            calls: 1,
            lines: vec![(24, cost), (25 + index as u32, cost)],
        });
    }
    assert_eq!(b.profile.check(), Ok(()));
    assert_eq!(b.profile.text(Strings::EMPTY), "");
    b.profile
}

/// A trace with hostile names, recursion, a generator, functions without Python code, two functions
/// of one name, calls that make no others, counts beyond 32 bits, and times that were kept.
pub(crate) fn traced() -> Profile {
    let mut b = Builder::new();
    let app = ("app.py", FileKind::Project);
    let main = b.main;
    let worker = b.thread(101, "worker;1");
    // By name: the line of the `def`. Twins differ in nothing else.
    let at = |b: &mut Builder, name: &str, def: u32, line: u32| b.frame(name, app, def, line);
    let module = at(&mut b, "<module>", 1, 80);
    let call = |b: &mut Builder, thread, frames: &[FrameId], calls, each_ns: u64| {
        b.call(
            thread,
            frames,
            CallCost {
                calls,
                self_ns: calls * each_ns,
                raw_self_ns: calls * (each_ns + 20),
                ..CallCost::default()
            },
        )
    };
    let module_itself = at(&mut b, "<module>", 1, 0);
    call(&mut b, main, &[module_itself], 1, 5_000_000);
    let (dedupe, dedupe_at) = (
        at(&mut b, "Report.dedupe", 20, 0),
        at(&mut b, "Report.dedupe", 20, 24),
    );
    let stack = call(&mut b, main, &[module, dedupe], 3, 500_000_000);
    let len = b.native("<built-in method builtins.len>");
    call(&mut b, main, &[module, dedupe_at, len], 3_000_000_000, 0);
    call(&mut b, worker, &[dedupe_at, len], 7, 100);
    let (walk, walk_at) = (at(&mut b, "walk", 40, 0), at(&mut b, "walk", 40, 44));
    call(&mut b, main, &[module, walk], 2, 1000);
    call(&mut b, main, &[module, walk_at, walk], 4, 1000);
    call(&mut b, main, &[module, walk_at, walk_at, walk], 8, 1000);
    for def in [50, 51] {
        let twin = at(&mut b, "<lambda>", def, 0);
        call(&mut b, main, &[module, twin], 1, 2_000_000);
    }
    let rows = at(&mut b, "rows", 60, 0);
    b.call(
        main,
        &[module, rows],
        CallCost {
            calls: 1,
            resumptions: 1000,
            raised: 1,
            self_ns: 40_000_000,
            raw_self_ns: 45_000_000,
            waited_ns: 9,
        },
    );
    for (index, name) in HOSTILE.into_iter().enumerate() {
        let frame = b.frame(
            name,
            (HOSTILE[(index + 5) % HOSTILE.len()], FileKind::Package),
            7,
            0,
        );
        call(&mut b, worker, &[frame], 1, 3_000_000);
    }
    for (start_ns, duration_ns) in [(100, 1_000), (200, 5_000), (5_200, 10)] {
        b.profile.spans.spans.push(Span {
            thread: main,
            stack,
            start_ns,
            duration_ns,
        });
    }
    b.profile.spans.lost = 12;
    b.profile.line_times.functions.push(TimedFunction {
        function: b.profile.places.leaf_function(stack),
        calls: 3,
        lines: vec![(24, LineCost::default())],
    });
    b.profile.calls.lost = 34;
    let meta = &mut b.profile.meta;
    meta.tool_version = "0.1.0".to_owned();
    meta.method = Method::Tracing;
    meta.command = ["python", "app.py", "<&;\n]]>"].map(str::to_owned).to_vec();
    assert_eq!(b.profile.check(), Ok(()));
    b.profile
}

/// The bytes of an export.
pub(crate) fn export(profile: &Profile, format: Format, options: &Options) -> Vec<u8> {
    let mut out = Vec::new();
    write(profile, format, options, &mut out).expect("an export into memory");
    out
}

/// Runs `script` with the export on its standard input and returns what it prints.
pub(crate) fn run_python(python: &Path, script: &str, input: &[u8]) -> String {
    let mut child = Command::new(python)
        .args(["-I", "-X", "utf8", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter starts");
    let mut stdin = child.stdin.take().expect("it was piped");
    stdin.write_all(input).expect("the script reads all");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{} failed", python.display());
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Every Python to test with: those in `PITSTOP_PYTHONS`, else those installed for this project,
/// else those of pyenv. Empty, with a line that says so, when there is none; a failure in CI.
pub(crate) fn pythons() -> Vec<PathBuf> {
    let named: Vec<PathBuf> = std::env::var_os("PITSTOP_PYTHONS")
        .map(|paths| std::env::split_paths(&paths).collect())
        .unwrap_or_default();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let home = std::env::var_os("HOME")
        .map(PathBuf::from)
        .unwrap_or_default();
    let found: Vec<PathBuf> = [
        named,
        interpreters(&workspace.join("target/pythons"), "python"),
        interpreters(&home.join(".pyenv/versions"), "python3"),
    ]
    .into_iter()
    .find(|some| !some.is_empty())
    .unwrap_or_default()
    .into_iter()
    .filter(|python| {
        let code = "import sys; sys.exit(sys.version_info < (3, 8))";
        let run = Command::new(python).args(["-c", code]).status();
        run.is_ok_and(|status| status.success())
    })
    .collect();
    if found.is_empty() {
        skip("no Python 3.8 or later found; set PITSTOP_PYTHONS");
    }
    found
}

/// `<dir>/*/bin/<name>*`, without the helpers that lie beside an interpreter.
fn interpreters(dir: &Path, name: &str) -> Vec<PathBuf> {
    let entries = |dir: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(dir).map_or_else(
            |_| Vec::new(),
            |entries| entries.flatten().map(|entry| entry.path()).collect(),
        )
    };
    let mut found: Vec<PathBuf> = entries(dir)
        .iter()
        .filter_map(|version| {
            let is_python = |path: &PathBuf| {
                let file = path.file_name().and_then(|file| file.to_str());
                file.and_then(|file| file.strip_prefix(name))
                    .is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'))
            };
            entries(&version.join("bin"))
                .into_iter()
                .filter(is_python)
                .min()
        })
        .collect();
    found.sort();
    found
}

/// Says that a test was skipped; fails where nothing may be skipped.
#[expect(clippy::print_stderr, reason = "a skipped test is visible")]
pub(crate) fn skip(why: &str) {
    let in_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
    assert!(!in_ci, "nothing is skipped in CI: {why}");
    eprintln!("SKIPPED: {why}");
}

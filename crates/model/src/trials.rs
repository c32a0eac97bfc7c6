//! Repeated measurements: raw numbers by process, and the room they were made in.
//!
//! A process is the unit: hash seed, addresses and heap make one process faster than the next, for
//! all of its repetitions alike. So numbers are kept by process, and whoever judges them counts
//! processes. Processes of two benchmarks with the same pair number shared their layout and their
//! CPU and took turns; their difference is not made by either.

/// What was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Subject {
    /// A statement of Python, repeated inside a process.
    #[default]
    Statement = 0,
    /// A function of a module, called again and again inside a process.
    Function = 1,
    /// A script, run to its end by an interpreter.
    Script = 2,
    /// A command, run to its end.
    Command = 3,
}

impl Subject {
    /// Every subject, in the order of its number.
    pub const ALL: [Self; 4] = [Self::Statement, Self::Function, Self::Script, Self::Command];

    /// Its name in documents.
    pub fn key(self) -> &'static str {
        match self {
            Self::Statement => "statement",
            Self::Function => "function",
            Self::Script => "script",
            Self::Command => "command",
        }
    }
}

/// How values belong to processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Structure {
    /// Each run is a process of its own.
    #[default]
    Processes = 0,
    /// All values come from one process: they do not tell how another one would be.
    OneProcess = 1,
    /// The file they come from does not say.
    Unknown = 2,
}

impl Structure {
    /// Every structure, in the order of its number.
    pub const ALL: [Self; 3] = [Self::Processes, Self::OneProcess, Self::Unknown];

    /// Its name in documents.
    pub fn key(self) -> &'static str {
        match self {
            Self::Processes => "processes",
            Self::OneProcess => "one_process",
            Self::Unknown => "unknown",
        }
    }
}

/// The clock that a judgement goes by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Clock {
    /// Elapsed time.
    #[default]
    Wall = 0,
    /// CPU time of the thread: for what does nothing but compute. Others on the machine do not
    /// lengthen it.
    Cpu = 1,
    /// Elapsed time without the time in which the thread waited for a CPU: for what also sleeps or
    /// waits for data.
    WallWithoutDelay = 2,
}

impl Clock {
    /// Every clock, in the order of its number.
    pub const ALL: [Self; 3] = [Self::Wall, Self::Cpu, Self::WallWithoutDelay];

    /// Its name in documents.
    pub fn key(self) -> &'static str {
        match self {
            Self::Wall => "wall",
            Self::Cpu => "cpu",
            Self::WallWithoutDelay => "wall_without_delay",
        }
    }
}

/// A thing that was measured.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Benchmark {
    /// What people call it; results are matched by this name.
    pub name: String,
    /// The statement, function, script or command.
    pub text: String,
    /// The statement that came before, once a process; empty for none.
    pub setup: String,
    /// What it is.
    pub subject: Subject,
    /// The interpreter: version and path; empty for commands and when a file does not say.
    pub python: String,
    /// What else this side had: a commit, environment variables, interpreter flags; empty for none.
    pub variant: String,
    /// How its values belong to processes.
    pub structure: Structure,
    /// The program that measured it: `pitstop`, `pyperf`, `hyperfine`.
    pub tool: String,
    /// The clock that judgements on it go by.
    pub clock: Clock,
    /// What is measured if it is no time: `bytes`, or what another tool calls it. Elapsed times of
    /// its batches are then such numbers, and no nanoseconds. Empty for times.
    pub unit: String,
}

/// What was drawn for a process, and shared by a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// PYTHONHASHSEED; 0 if it was not set.
    pub hash_seed: u32,
    /// Bytes that the environment was made longer by.
    pub padding_bytes: u32,
    /// The CPU that the process was kept on; `None` if it ran anywhere.
    pub cpu: Option<u32>,
    /// Addresses were the same in every process that is started alike (no ASLR).
    pub fixed_addresses: bool,
}

/// One process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Run {
    /// The position of what it ran.
    pub benchmark: u32,
    /// Runs of other benchmarks with this number belong together with it.
    pub pair: u32,
    /// What was drawn for it.
    pub layout: Layout,
    /// Its measurements, in order.
    pub batches: Vec<Batch>,
    /// The most memory it had in RAM at once, in bytes; 0 unknown.
    pub peak_rss_bytes: u64,
    /// CPU time of the whole process in user mode, in nanoseconds.
    pub user_ns: u64,
    /// CPU time of the whole process in the kernel, in nanoseconds.
    pub system_ns: u64,
    /// Time in the garbage collector during [`Run::gc_of_ns`], in nanoseconds.
    pub gc_ns: u64,
    /// How long the collector was watched, in nanoseconds; 0 if it was not.
    pub gc_of_ns: u64,
}

/// Some repetitions that were measured in one go.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Batch {
    /// How many repetitions.
    pub loops: u64,
    /// How long they took, in nanoseconds. Not whole where a file of another tool says so.
    pub wall_ns: f64,
    /// CPU time of the thread that ran them, in nanoseconds; 0 unknown.
    pub cpu_ns: f64,
    /// CPU time of all threads meanwhile, in nanoseconds; 0 unknown.
    pub all_cpu_ns: f64,
    /// How long the thread waited for a CPU while it could have run, in nanoseconds.
    pub delay_ns: f64,
    /// How often another program took its CPU away.
    pub preemptions: u32,
    /// It came before the steady part: kept, and not counted.
    pub warm_up: bool,
}

/// What went on around the measurement.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Room {
    /// How long it lasted, in nanoseconds.
    pub duration_ns: u64,
    /// What all draws came from.
    pub seed: u64,
    /// The share of all CPUs' time that the hypervisor gave to others (`steal`).
    pub steal_share: f64,
    /// The share of all CPUs' time that was not idle, ours included.
    pub busy_share: f64,
    /// The share of time in which something waited for a CPU (pressure stall information);
    /// `None` if the kernel does not tell.
    pub cpu_pressure: Option<f64>,
    /// The share of time in which something waited for memory; `None` if the kernel does not tell.
    pub memory_pressure: Option<f64>,
    /// CPUs that could be used.
    pub cpus: u32,
    /// Addresses could not be fixed: the kernel or a container refused.
    pub addresses_refused: bool,
}

/// All of it: tables that only grow, and the room.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trials {
    /// What was measured.
    pub benchmarks: Vec<Benchmark>,
    /// The processes.
    pub runs: Vec<Run>,
    /// What went on around them.
    pub room: Room,
}

impl Run {
    /// The batches that count.
    pub fn steady(&self) -> impl Iterator<Item = &Batch> {
        self.batches.iter().filter(|batch| !batch.warm_up)
    }
}

impl Trials {
    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        self.benchmarks.is_empty()
    }

    /// The processes of one benchmark.
    pub fn runs_of(&self, benchmark: usize) -> impl Iterator<Item = &Run> {
        let wanted = move |run: &&Run| run.benchmark as usize == benchmark;
        self.runs.iter().filter(wanted)
    }
}

impl Batch {
    /// Nanoseconds of one repetition, by a clock; elapsed time if the CPU time is unknown.
    pub fn ns(&self, clock: Clock) -> f64 {
        let total = match clock {
            Clock::Cpu if self.cpu_ns > 0.0 => self.cpu_ns,
            Clock::WallWithoutDelay => (self.wall_ns - self.delay_ns).max(self.cpu_ns),
            Clock::Wall | Clock::Cpu => self.wall_ns,
        };
        total / self.loops.max(1) as f64
    }

    /// Whether its numbers can be: positive or nothing, and finite.
    pub(crate) fn is_possible(&self) -> bool {
        let fine = |ns: f64| ns.is_finite() && ns >= 0.0;
        self.loops > 0
            && fine(self.wall_ns)
            && fine(self.cpu_ns)
            && fine(self.all_cpu_ns)
            && fine(self.delay_ns)
    }
}

//! One hour at 1 kHz: how large the file gets, and how much memory writing it takes.
//!
//! Alone in its own test program, since the peak memory of a process has no author.
//! `cargo test --release -p pitstop-archive --test hour -- --nocapture` prints the figures.
#![expect(
    clippy::print_stderr,
    reason = "the figures are half of what this test is for"
)]

use pitstop_archive::{Detail, Writer, read};
use pitstop_model::{
    CurvePoint, File, FileId, FileKind, Frame, Function, FunctionId, Moment, Process, ProcessId,
    Profile, Row, RowId, StackId, Thread, ThreadId, ThreadState, Verdict,
};
use std::fs;
use std::time::Instant;

const HOUR_S: u64 = 3600;
const THREADS: u32 = 4;
const STACKS: u32 = 400;

/// Numbers that look random and are the same each time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    /// A rank below `STACKS`, the nth as likely as 1/n (Zipf, by inverting its integral).
    fn zipf(&mut self) -> u32 {
        let unit = (self.roll() >> 11) as f64 / (1u64 << 53) as f64;
        let rank = f64::from(STACKS + 1).powf(unit) - 1.0;
        (rank as u32).min(STACKS - 1)
    }
}

/// Places as a program has them: stacks of depth 1 to 40 over 120 functions.
fn places(profile: &mut Profile) -> Vec<StackId> {
    let mut dice = Dice(1);
    for number in 0..120u32 {
        let path = profile
            .strings
            .intern(&format!("/srv/app/package/module_{}.py", number / 8));
        let short = profile
            .strings
            .intern(&format!("package/module_{}.py", number / 8));
        let name = profile.strings.intern(&format!("function_{number}"));
        let file = profile.places.add_file(File {
            path,
            short,
            kind: FileKind::Project,
        });
        assert_eq!(file, FileId(number / 8));
        profile.places.add_function(Function {
            name,
            qualname: name,
            file,
            first_line: number * 20,
        });
    }
    let mut stacks = Vec::new();
    for _ in 0..STACKS {
        let depth = 1 + dice.below(40);
        let mut frames = Vec::new();
        for level in 0..depth {
            let function = u32::try_from((level * 3 + dice.below(3)) % 120).expect("small");
            let line = function * 20 + u32::try_from(dice.below(10)).expect("small");
            frames.push(profile.places.add_frame(Frame {
                function: FunctionId(function),
                line,
            }));
        }
        stacks.extend(profile.places.add_frames(frames));
    }
    stacks
}

fn people(profile: &mut Profile) {
    let name = profile.strings.intern("python3 app.py");
    profile.timeline.add_process(Process {
        pid: 1,
        parent: None,
        command: name,
        python: name,
        start_ns: 0,
        end_ns: None,
        exit: None,
    });
    for tid in 0..THREADS {
        profile.timeline.add_thread(Thread {
            process: ProcessId(0),
            tid,
            name,
            is_main: tid == 0,
            start_ns: 0,
            end_ns: 0,
        });
    }
}

/// Records an hour of `threads` threads into a file, flushing once a second. Returns its size.
fn record(path: &std::path::Path, threads: u32) -> u64 {
    let mut dice = Dice(2);
    let mut profile = Profile::default();
    let stacks = places(&mut profile);
    people(&mut profile);
    let mut writer = Writer::create(path).expect("the place is free");
    let mut pending: Vec<Moment> = Vec::new();
    let mut current = vec![RowId(0); threads as usize];
    let mut last_ns = 0;
    for second in 0..HOUR_S {
        for tick in 0..1000 {
            // The timer is even; the profiler wakes up 0 to 60 us late, and sometimes much later.
            let late = dice.below(60_000)
                + if dice.below(500) == 0 {
                    dice.below(900_000)
                } else {
                    0
                };
            let time_ns = (second * 1000 + tick) * 1_000_000 + late;
            for thread in 0..threads {
                // Busy threads move on after 4 samples on average, waiting ones after 200.
                let stays = if thread < 2 { 4 } else { 200 };
                if tick == 0 || dice.below(stays) == 0 {
                    current[thread as usize] = profile.series.intern(Row {
                        thread: ThreadId(thread),
                        stack: Some(stacks[dice.zipf() as usize]),
                        state: ThreadState::ALL[usize::try_from(dice.below(3)).expect("small")],
                        wait: None,
                        verdict: Verdict::Exact,
                    });
                }
                let row = current[thread as usize];
                let weight_ns = time_ns - last_ns;
                profile.series.add(row, weight_ns);
                pending.push(Moment {
                    time_ns,
                    row,
                    weight_ns,
                });
            }
            last_ns = time_ns;
        }
        for tenth in 0..10 {
            profile.timeline.curve.push(CurvePoint {
                time_ns: second * 1_000_000_000 + tenth * 100_000_000 + dice.below(60_000),
                rss_bytes: 4096 * (30_000 + dice.below(300)),
                cpu_ns: last_ns + dice.below(900_000),
            });
        }
        for thread in &mut profile.timeline.threads {
            thread.end_ns = last_ns;
        }
        profile.meta.quality.ticks += 1000;
        profile.meta.duration_ns = last_ns;
        writer
            .append(&profile, &mut pending)
            .expect("there is space");
    }
    writer
        .finish(&profile, &mut pending)
        .expect("there is space")
}

/// The peak memory of this process in bytes (`VmHWM` of proc(5)).
fn peak_rss_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .expect("proc(5) has it");
    let kib = line.split_whitespace().nth(1).expect("it has a value");
    1024 * kib.parse::<u64>().expect("it is a number")
}

#[test]
fn an_hour_at_1_khz_takes_little_disk_and_memory() {
    let directory = tempfile::tempdir().expect("a place for files");
    let path = directory.path().join("hour.pit");
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    for threads in [1, THREADS] {
        let samples = HOUR_S * 1000 * u64::from(threads);
        let start = Instant::now();
        let size = record(&path, threads);
        let took = start.elapsed();
        let written_rss = peak_rss_bytes();
        let start = Instant::now();
        let loaded = read(&path, Detail::Totals).expect("it can be read");
        let (size_mib, rss) = (mib(size), mib(written_rss));
        let bytes_a_sample = size as f64 / samples as f64;
        eprintln!(
            "{samples} samples: {size_mib:.1} MiB, {bytes_a_sample:.2} bytes a sample; \
             made in {took:.1?}, read in {:.1?}; peak RSS {rss:.1} MiB, after reading {:.1} MiB",
            start.elapsed(),
            mib(peak_rss_bytes()),
        );
        assert!(loaded.complete);
        let read_samples: u64 = loaded
            .profile
            .series
            .iter()
            .map(|(_, samples, _)| samples)
            .sum();
        assert_eq!(read_samples, samples);
        assert!(size < 30 << 20, "an hour takes {size_mib} MiB");
        assert!(written_rss < 40 << 20, "writing takes {rss} MiB");
    }
}

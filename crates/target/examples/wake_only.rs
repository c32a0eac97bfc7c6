//! Runs a program and wakes a thread on its CPU so many times a second that does nothing there:
//! the least that reading from the target's own CPU can cost on this machine.
//!
//!     wake_only RATE_HZ PROGRAM ARGUMENT...
//!
//! The wake-ups come from another CPU, as the sampler's do. `cargo xtask bench sampling` puts this
//! beside the sampler in the same run.

use pitstop_target::{affinity, clock, spawn, threads::ThreadFiles};
use std::ffi::OsString;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// How often the sleeper follows the program to the CPU it is on now.
const FOLLOW_NS: u64 = 10_000_000;

fn main() {
    let mut words = std::env::args_os().skip(1);
    let rate: f64 = words
        .next()
        .and_then(|word| word.to_str()?.parse().ok())
        .expect("a rate in Hz");
    let program = words.next().expect("a program");
    let arguments: Vec<OsString> = words.collect();
    let mut child = spawn::start(&program, &arguments).expect("the program starts");
    let files = ThreadFiles::open(child.pid(), child.pid()).expect("it runs");
    let cpu_of_program = || files.stat().ok().map(|stat| stat.processor);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut sleepers: Vec<Option<thread::Thread>> = Vec::new();
        let stop = &stop;
        let timekeeper = scope.spawn(move || {
            clock::sleep_precisely();
            affinity::boost_current_thread();
            let usable = affinity::allowed_cpus(std::process::id()).unwrap_or_default();
            let (mut cpu, mut followed_ns) = (None, 0);
            let mut next_ns = clock::now_ns();
            while !stop.load(Ordering::Relaxed) {
                if next_ns - followed_ns > FOLLOW_NS {
                    followed_ns = next_ns;
                    let now = cpu_of_program();
                    if now != cpu {
                        cpu = now;
                        let others: Vec<u32> = usable
                            .iter()
                            .copied()
                            .filter(|one| now != Some(*one))
                            .collect();
                        let _ = affinity::allow_current_thread(&others);
                    }
                }
                if let Some(cpu) = cpu {
                    let index = cpu as usize;
                    if sleepers.len() <= index {
                        sleepers.resize(index + 1, None);
                    }
                    let sleeper = sleepers[index].get_or_insert_with(|| {
                        let join = scope.spawn(move || {
                            let _ = affinity::pin_current_thread(cpu);
                            affinity::boost_current_thread();
                            while !stop.load(Ordering::Relaxed) {
                                thread::park();
                            }
                        });
                        join.thread().clone()
                    });
                    sleeper.unpark();
                }
                next_ns += (1e9 / rate) as u64;
                clock::sleep_until(next_ns);
            }
            sleepers
                .into_iter()
                .flatten()
                .for_each(|sleeper| sleeper.unpark());
        });
        let ended = child.wait().expect("it can be waited for");
        stop.store(true, Ordering::Relaxed);
        let _ = timekeeper.join();
        std::process::exit(ended.exit.shell_code());
    });
}

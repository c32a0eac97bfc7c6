//! Repeated measurements come back as they were, also when they are appended bit by bit.

use crate::disk::{Disk, load};
use pitstop_archive::Writer;
use pitstop_model::{
    Batch, Benchmark, Clock, Layout, Profile, Room, Run, Structure, Subject, Trials,
};
use proptest::prelude::*;
use std::path::Path;

fn a_benchmark(number: u32) -> Benchmark {
    Benchmark {
        name: format!("größe {number}"),
        text: "sorted(x)\nx.pop()".into(),
        setup: "x = [1]".into(),
        subject: Subject::ALL[number as usize % 4],
        python: "3.13.0 python3".into(),
        variant: String::new(),
        structure: Structure::ALL[number as usize % 3],
        tool: "pitstop".into(),
        clock: Clock::ALL[number as usize % 3],
        unit: ["", "bytes"][number as usize % 2].into(),
    }
}

fn a_run(number: u32, batches: usize) -> Run {
    let batch = |at: usize| Batch {
        loops: 1000 + at as u64,
        wall_ns: 3.1e6 / (at + 3) as f64,
        cpu_ns: 3.0e6,
        all_cpu_ns: 3.05e6,
        delay_ns: 1.5,
        preemptions: at as u32,
        warm_up: at == 0,
    };
    Run {
        benchmark: number % 2,
        pair: number / 2,
        layout: Layout {
            hash_seed: number * 77,
            padding_bytes: number,
            cpu: number.checked_sub(1),
            fixed_addresses: number.is_multiple_of(2),
        },
        batches: (0..batches).map(batch).collect(),
        peak_rss_bytes: 9 << 20,
        user_ns: 20_000_000,
        system_ns: 4_000_000,
        gc_ns: 5,
        gc_of_ns: 100,
    }
}

fn a_room() -> Room {
    Room {
        duration_ns: 1_234_567,
        seed: u64::MAX,
        steal_share: 0.031,
        busy_share: 0.9,
        cpu_pressure: Some(0.5),
        memory_pressure: None,
        cpus: 2,
        addresses_refused: true,
    }
}

fn written(steps: &[Trials]) -> Vec<u8> {
    let disk = Disk::default();
    let mut writer = Writer::new(disk.clone(), Path::new("x")).expect("memory takes it");
    let mut profile = Profile::default();
    for trials in steps {
        profile.trials = trials.clone();
        writer
            .append(&profile, &mut Vec::new())
            .expect("memory takes it");
    }
    writer
        .finish(&profile, &mut Vec::new())
        .expect("memory takes it");
    disk.bytes()
}

fn read_back(file: &[u8]) -> Trials {
    let loaded = load(file).expect("it was written");
    assert!(loaded.complete);
    assert!(loaded.profile.meta.notes.is_empty());
    loaded.profile.trials
}

#[test]
fn they_grow_run_by_run() {
    let mut trials = Trials::default();
    let mut steps = Vec::new();
    for number in 0..7 {
        if number < 2 {
            trials.benchmarks.push(a_benchmark(number));
            trials.benchmarks.push(a_benchmark(number + 2));
        }
        trials.runs.push(a_run(number, number as usize));
        trials.room.duration_ns += 1;
        steps.push(trials.clone());
    }
    trials.room = a_room();
    steps.push(trials.clone());
    let file = written(&steps);
    assert_eq!(read_back(&file), trials);
}

#[test]
fn more_than_one_record_holds_comes_back_too() {
    let mut trials = Trials {
        benchmarks: (0..3).map(a_benchmark).collect(),
        ..Trials::default()
    };
    trials.runs = (0..5).map(|number| a_run(number, 40_000)).collect();
    assert_eq!(read_back(&written(&[trials.clone()])), trials);
    trials.runs = vec![a_run(0, 70_000)];
    let profile = Profile {
        trials,
        ..Profile::default()
    };
    let disk = Disk::default();
    let mut writer = Writer::new(disk.clone(), Path::new("x")).expect("memory takes it");
    let error = writer
        .append(&profile, &mut Vec::new())
        .expect_err("no record holds it");
    assert!(error.to_string().contains("65536"), "{error}");
}

#[test]
fn what_is_forged_never_becomes_an_unlawful_profile() {
    let trials = Trials {
        benchmarks: vec![a_benchmark(0), a_benchmark(1)],
        runs: vec![a_run(0, 1)],
        room: a_room(),
    };
    let file = written(&[trials]);
    for at in 8..file.len() {
        let mut forged = file.clone();
        forged[at] ^= 0xff;
        let loaded = load(&forged);
        assert!(loaded.map_or(true, |loaded| loaded.profile.check().is_ok()));
    }
}

proptest! {
    #[test]
    fn any_numbers_come_back(
        wall in 0.0f64..1e18,
        loops in 1u64..,
        cpu in proptest::option::of(any::<u32>()),
        seed in any::<u32>(),
    ) {
        let batch = Batch { loops, wall_ns: wall, ..Batch::default() };
        let layout = Layout { hash_seed: seed, cpu, ..Layout::default() };
        let run = Run { layout, batches: vec![batch], ..Run::default() };
        let trials = Trials {
            benchmarks: vec![a_benchmark(0)],
            runs: vec![run],
            room: a_room(),
        };
        prop_assert_eq!(read_back(&written(std::slice::from_ref(&trials))), trials);
    }
}

//! Repeated measurements in version 1, tags 40 to 43.
//!
//! ```text
//!  40  benchmarks  n │ each: name, text, setup, subject, python, variant, structure, tool,
//!                           clock
//!  41  runs        n │ each: benchmark, pair, seed, padding, cpu + 1, fixed?, rss, user, system,
//!                           gc, gc of │ batches m │ m times: loops, preemptions, warm-up?,
//!                           wall, cpu, all cpu, delay
//!  42  room        duration, seed, cpus, refused?, steal, busy, pressures?
//!  43  units       n │ each: benchmark, unit             only of those that measure no time
//! ```
//!
//! Numbers are varints, texts have their length before them. Fractions are the eight bytes of IEEE
//! 754, lowest first: what another tool's file says comes back to the last digit.

use super::MAX_ENTRIES;
use super::tables::variant;
use crate::column::{Flaw, Input, put_text, put_varint};
use pitstop_model::{Batch, Benchmark, Clock, Layout, Room, Run, Structure, Subject, Trials};

type Result<T> = std::result::Result<T, Flaw>;

fn put_fraction(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(&value.to_bits().to_le_bytes());
}

fn fraction(input: &mut Input<'_>) -> Result<f64> {
    let bytes = input.bytes(8)?;
    let bytes = bytes.try_into().map_err(|_| Flaw("a fraction is cut"))?;
    let value = f64::from_bits(u64::from_le_bytes(bytes));
    if value.is_finite() {
        return Ok(value);
    }
    Err(Flaw("a fraction is not a number"))
}

fn narrow(value: u64) -> Result<u32> {
    u32::try_from(value).map_err(|_| Flaw("a number of a run exceeds 32 bits"))
}

fn flag(input: &mut Input<'_>) -> Result<bool> {
    match input.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Flaw("a yes or no is neither")),
    }
}

/// What follows the number of benchmarks.
pub(super) fn put_benchmarks(out: &mut Vec<u8>, benchmarks: &[Benchmark]) {
    for benchmark in benchmarks {
        let Benchmark {
            name,
            text,
            setup,
            subject,
            python,
            variant,
            structure,
            tool,
            clock,
            unit: _,
        } = benchmark;
        for text in [name, text, setup] {
            put_text(out, text);
        }
        put_varint(out, *subject as u64);
        put_text(out, python);
        put_text(out, variant);
        put_varint(out, *structure as u64);
        put_text(out, tool);
        put_varint(out, *clock as u64);
    }
}

fn take_benchmark(input: &mut Input<'_>) -> Result<Benchmark> {
    Ok(Benchmark {
        name: input.text()?.to_owned(),
        text: input.text()?.to_owned(),
        setup: input.text()?.to_owned(),
        subject: variant(&Subject::ALL, input.varint()?)?,
        python: input.text()?.to_owned(),
        variant: input.text()?.to_owned(),
        structure: variant(&Structure::ALL, input.varint()?)?,
        tool: input.text()?.to_owned(),
        clock: variant(&Clock::ALL, input.varint()?)?,
        unit: String::new(),
    })
}

/// The units of new benchmarks, the first of which has this position; `None` if all measure times.
pub(super) fn put_units(first: usize, benchmarks: &[Benchmark]) -> Option<Vec<u8>> {
    let named: Vec<(usize, &Benchmark)> = (first..)
        .zip(benchmarks)
        .filter(|(_, benchmark)| !benchmark.unit.is_empty())
        .collect();
    if named.is_empty() {
        return None;
    }
    let mut out = Vec::new();
    put_varint(&mut out, named.len() as u64);
    for (at, benchmark) in named {
        put_varint(&mut out, at as u64);
        put_text(&mut out, &benchmark.unit);
    }
    Some(out)
}

fn take_unit(input: &mut Input<'_>, benchmarks: &mut [Benchmark]) -> Result<()> {
    let at = narrow(input.varint()?)? as usize;
    let benchmark = benchmarks.get_mut(at);
    let benchmark = benchmark.ok_or(Flaw("a unit is of a benchmark that is not there"))?;
    benchmark.unit = input.text()?.to_owned();
    Ok(())
}

/// What follows the number of runs.
pub(super) fn put_runs(out: &mut Vec<u8>, runs: &[Run]) {
    for run in runs {
        let Run {
            benchmark,
            pair,
            layout,
            batches,
            peak_rss_bytes,
            user_ns,
            system_ns,
            gc_ns,
            gc_of_ns,
        } = run;
        let Layout {
            hash_seed,
            padding_bytes,
            cpu,
            fixed_addresses,
        } = layout;
        let cpu = cpu.map_or(0, |cpu| u64::from(cpu) + 1);
        for number in [
            (*benchmark).into(),
            (*pair).into(),
            (*hash_seed).into(),
            (*padding_bytes).into(),
            cpu,
        ] {
            put_varint(out, number);
        }
        out.push((*fixed_addresses).into());
        for number in [*peak_rss_bytes, *user_ns, *system_ns, *gc_ns, *gc_of_ns] {
            put_varint(out, number);
        }
        put_varint(out, batches.len() as u64);
        for batch in batches {
            let Batch {
                loops,
                wall_ns,
                cpu_ns,
                all_cpu_ns,
                delay_ns,
                preemptions,
                warm_up,
            } = batch;
            put_varint(out, *loops);
            put_varint(out, (*preemptions).into());
            out.push((*warm_up).into());
            for ns in [*wall_ns, *cpu_ns, *all_cpu_ns, *delay_ns] {
                put_fraction(out, ns);
            }
        }
    }
}

fn take_run(input: &mut Input<'_>, batches_left: &mut usize) -> Result<Run> {
    let benchmark = narrow(input.varint()?)?;
    let pair = narrow(input.varint()?)?;
    let layout = Layout {
        hash_seed: narrow(input.varint()?)?,
        padding_bytes: narrow(input.varint()?)?,
        cpu: input.varint()?.checked_sub(1).map(narrow).transpose()?,
        fixed_addresses: flag(input)?,
    };
    let mut run = Run {
        benchmark,
        pair,
        layout,
        peak_rss_bytes: input.varint()?,
        user_ns: input.varint()?,
        system_ns: input.varint()?,
        gc_ns: input.varint()?,
        gc_of_ns: input.varint()?,
        batches: Vec::new(),
    };
    let count = input.count(*batches_left)?;
    *batches_left -= count;
    for _ in 0..count {
        run.batches.push(Batch {
            loops: input.varint()?,
            preemptions: narrow(input.varint()?)?,
            warm_up: flag(input)?,
            wall_ns: fraction(input)?,
            cpu_ns: fraction(input)?,
            all_cpu_ns: fraction(input)?,
            delay_ns: fraction(input)?,
        });
    }
    Ok(run)
}

/// The bytes of a room.
pub(super) fn room(room: &Room) -> Vec<u8> {
    let Room {
        duration_ns,
        seed,
        steal_share,
        busy_share,
        cpu_pressure,
        memory_pressure,
        cpus,
        addresses_refused,
    } = room;
    let mut out = Vec::new();
    for number in [*duration_ns, *seed, (*cpus).into()] {
        put_varint(&mut out, number);
    }
    out.push((*addresses_refused).into());
    put_fraction(&mut out, *steal_share);
    put_fraction(&mut out, *busy_share);
    for pressure in [cpu_pressure, memory_pressure] {
        out.push(pressure.is_some().into());
        put_fraction(&mut out, pressure.unwrap_or(0.0));
    }
    out
}

fn take_room(input: &mut Input<'_>) -> Result<Room> {
    let (duration_ns, seed) = (input.varint()?, input.varint()?);
    let cpus = narrow(input.varint()?)?;
    let addresses_refused = flag(input)?;
    let (steal_share, busy_share) = (fraction(input)?, fraction(input)?);
    let mut pressure = || {
        let is_known = flag(input)?;
        let value = fraction(input)?;
        Ok(is_known.then_some(value))
    };
    Ok(Room {
        duration_ns,
        seed,
        steal_share,
        busy_share,
        cpu_pressure: pressure()?,
        memory_pressure: pressure()?,
        cpus,
        addresses_refused,
    })
}

/// Takes in one section. The caller checks that nothing is left of it.
pub(super) fn take_trials(tag: u8, body: &mut Input<'_>, trials: &mut Trials) -> Result<()> {
    match tag {
        super::tag::BENCHMARKS => {
            for _ in 0..body.count(MAX_ENTRIES)? {
                trials.benchmarks.push(take_benchmark(body)?);
            }
        }
        super::tag::RUNS => {
            let mut batches_left = MAX_ENTRIES;
            for _ in 0..body.count(MAX_ENTRIES)? {
                trials.runs.push(take_run(body, &mut batches_left)?);
            }
        }
        super::tag::UNITS => {
            for _ in 0..body.count(MAX_ENTRIES)? {
                take_unit(body, &mut trials.benchmarks)?;
            }
        }
        _ => trials.room = take_room(body)?,
    }
    Ok(())
}

/// The memory they take, about.
pub(super) fn kept_bytes(trials: &Trials) -> u64 {
    let texts = |benchmark: &Benchmark| {
        let Benchmark {
            name,
            text,
            setup,
            python,
            variant,
            tool,
            unit,
            ..
        } = benchmark;
        let lengths = [name, text, setup, python, variant, tool, unit].map(String::len);
        size_of::<Benchmark>() + lengths.iter().sum::<usize>()
    };
    let batches = |run: &Run| size_of::<Run>() + size_of_val(run.batches.as_slice());
    let benchmarks: usize = trials.benchmarks.iter().map(texts).sum();
    let runs: usize = trials.runs.iter().map(batches).sum();
    (benchmarks + runs) as u64
}

//! `pitstop/scale@1`.
//!
//! Times are nanoseconds of one call. `class` is `O(n)` and the like, null with too few sizes.

use super::document;
use pitstop_analysis::scaling::{Basis, Count, Inputs, Limit, Scaling};
use pitstop_stats::{Complexity, Growth};
use serde::Serialize;

#[derive(Serialize)]
struct ScaleJson<'a> {
    schema: &'static str,
    name: &'a str,
    make: &'a str,
    python: &'a str,
    class: Option<&'static str>,
    basis: &'static str,
    rising: bool,
    stopped: bool,
    time: Option<GrowthJson>,
    bytecodes_class: Option<&'static str>,
    elements_class: Option<&'static str>,
    inputs: &'static str,
    clock: &'static str,
    limit: LimitJson<'a>,
    seed: u64,
    duration_ns: u64,
    processes: usize,
    sizes: Vec<SizeJson>,
    counts: Vec<CountJson>,
    forecasts: Vec<ForecastJson>,
}

#[derive(Serialize)]
struct GrowthJson {
    class: &'static str,
    exponent: f64,
    exponent_low: Option<f64>,
    exponent_high: Option<f64>,
    rising: bool,
    prediction_error: f64,
    support: Vec<SupportJson>,
}

#[derive(Serialize)]
struct SupportJson {
    class: &'static str,
    share: f64,
}

#[derive(Serialize)]
struct LimitJson<'a> {
    reason: &'static str,
    size: Option<u64>,
    error: Option<&'a str>,
    signal: Option<i32>,
}

#[derive(Serialize)]
struct SizeJson {
    n: u64,
    median_ns: f64,
    process_ns: Vec<f64>,
}

#[derive(Serialize)]
struct CountJson {
    n: u64,
    bytecodes: u64,
    comparisons: Option<u64>,
    hashes: Option<u64>,
}

#[derive(Serialize)]
struct ForecastJson {
    n: u64,
    ns: f64,
}

impl From<&Complexity> for GrowthJson {
    fn from(known: &Complexity) -> Self {
        let support = known.support.iter();
        Self {
            class: known.best.growth.text(),
            exponent: known.exponent,
            exponent_low: known.exponent_interval.map(|interval| interval.low),
            exponent_high: known.exponent_interval.map(|interval| interval.high),
            rising: known.rising,
            prediction_error: known.best.prediction_error,
            support: support
                .map(|(growth, share)| SupportJson {
                    class: growth.text(),
                    share: *share,
                })
                .collect(),
        }
    }
}

fn limit(limit: &Limit) -> LimitJson<'_> {
    let (reason, size, error, signal) = match limit {
        Limit::Time => ("time", None, None, None),
        Limit::Making => ("making", None, None, None),
        Limit::Memory => ("memory", None, None, None),
        Limit::Cache => ("cache", None, None, None),
        Limit::Asked => ("asked", None, None, None),
        Limit::Failed(size, error) => ("failed", Some(*size), Some(error.as_str()), None),
        Limit::Killed(size, signal) => ("killed", Some(*size), None, Some(*signal)),
    };
    LimitJson {
        reason,
        size,
        error,
        signal,
    }
}

fn count(count: &Count) -> CountJson {
    CountJson {
        n: count.size,
        bytecodes: count.bytecodes,
        comparisons: count.elements.map(|(compared, _)| compared),
        hashes: count.elements.map(|(_, hashed)| hashed),
    }
}

/// A growth as JSON.
pub fn scale(scaling: &Scaling<'_>, stopped: bool) -> String {
    let measured = scaling.measured;
    let sizes = measured.sizes.iter().zip(&scaling.medians).enumerate();
    document(&ScaleJson {
        schema: "pitstop/scale@1",
        name: &measured.name,
        make: &measured.make,
        python: &measured.python,
        class: scaling.growth.map(Growth::text),
        basis: match scaling.basis {
            Basis::Time => "time",
            Basis::Counts => "counts",
            Basis::Both => "both",
        },
        rising: scaling.rising,
        stopped,
        time: scaling.time.as_ref().map(Into::into),
        bytecodes_class: scaling.bytecodes.map(Growth::text),
        elements_class: scaling.elements.map(Growth::text),
        inputs: match measured.inputs {
            Inputs::Same => "same",
            Inputs::New => "new",
            Inputs::FirstCall => "first_call",
        },
        clock: measured.clock.key(),
        limit: limit(&measured.limit),
        seed: measured.seed,
        duration_ns: measured.duration_ns,
        processes: measured.costs.len(),
        sizes: sizes
            .map(|(at, (&n, &median_ns))| SizeJson {
                n,
                median_ns,
                process_ns: measured.costs.iter().map(|row| row[at]).collect(),
            })
            .collect(),
        counts: measured.counts.iter().map(count).collect(),
        forecasts: scaling
            .forecasts
            .iter()
            .map(|&(n, ns)| ForecastJson { n, ns })
            .collect(),
    })
}

//! `pitstop/latency@1`: calls at a rate, in nanoseconds.

use super::document;
use pitstop_analysis::trials::Latency;
use serde::Serialize;

#[derive(Serialize)]
struct LatencyJson<'a> {
    schema: &'static str,
    name: &'a str,
    python: &'a str,
    /// Calls a second.
    rate: f64,
    served_rate: f64,
    saturated: bool,
    stopped: bool,
    processes: usize,
    calls: u64,
    /// Calls that were not over when time was up.
    late: u64,
    cpu_share: f64,
    peak_rss_bytes: u64,
    percentiles: Vec<PointJson>,
}

#[derive(Serialize)]
struct PointJson {
    /// 100 is the maximum.
    percent: f64,
    /// From when a call was due.
    latency_ns: u64,
    /// From when it began.
    service_ns: Option<u64>,
}

/// How calls fared.
pub fn latency(latency: &Latency<'_>, stopped: bool) -> String {
    document(&LatencyJson {
        schema: "pitstop/latency@1",
        name: &latency.benchmark.name,
        python: &latency.benchmark.python,
        rate: latency.rate,
        served_rate: latency.served_rate,
        saturated: latency.is_saturated(),
        stopped,
        processes: latency.processes,
        calls: latency.calls,
        late: latency.late,
        cpu_share: latency.cpu_share,
        peak_rss_bytes: latency.peak_rss_bytes,
        percentiles: latency
            .percentiles
            .iter()
            .map(|point| PointJson {
                percent: point.percent,
                latency_ns: point.latency_ns,
                service_ns: point.service_ns,
            })
            .collect(),
    })
}

//! The machine the recording is made on, and the profiler's own use of it.

use pitstop_model::Meta;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The number of CPUs of the machine, online or not in our own affinity mask.
pub(crate) fn cpu_count() -> usize {
    let listed = std::fs::read_to_string("/sys/devices/system/cpu/possible").unwrap_or_default();
    let last = listed
        .trim()
        .rsplit(['-', ','])
        .next()
        .and_then(|last| last.parse::<usize>().ok());
    let usable = std::thread::available_parallelism().map_or(1, usize::from);
    last.map_or(usable, |last| last + 1).max(usable)
}

/// The working directory of a process; our own if that cannot be told.
pub(crate) fn directory_of(pid: u32) -> PathBuf {
    let link = std::fs::read_link(format!("/proc/{pid}/cwd"));
    link.or_else(|_| std::env::current_dir())
        .unwrap_or_default()
}

/// Fills in where and when the recording is made.
pub(crate) fn describe(meta: &mut Meta, directory: &Path, pid: u32) {
    meta.tool_version = env!("CARGO_PKG_VERSION").into();
    meta.directory = directory.to_string_lossy().into_owned();
    let usable = pitstop_target::affinity::allowed_cpus(pid).map_or(0, |cpus| cpus.len());
    meta.cpus = u32::try_from(usable).unwrap_or(0);
    meta.host = format!(
        "{} {} · {} CPUs",
        std::env::consts::OS,
        std::env::consts::ARCH,
        cpu_count()
    );
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH);
    meta.start_unix_s = since_epoch.map_or(0, |elapsed| elapsed.as_secs());
    meta.memory_limit_bytes = memory_limit_bytes(pid);
}

/// The smaller of the machine's memory and the limit of the process's control group.
fn memory_limit_bytes(pid: u32) -> u64 {
    let machine = std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .map_or(0, |kib| kib * 1024);
    let group = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    let path = group
        .lines()
        .find_map(|line| line.strip_prefix("0::"))
        .unwrap_or("/");
    let limit = std::fs::read_to_string(format!("/sys/fs/cgroup{path}/memory.max"))
        .ok()
        .and_then(|text| text.trim().parse::<u64>().ok());
    limit.map_or(machine, |limit| {
        if machine == 0 {
            limit
        } else {
            limit.min(machine)
        }
    })
}

/// The CPU time this process has used, in nanoseconds.
pub(crate) fn own_cpu_ns() -> u64 {
    pitstop_target::clock::process_cpu_ns()
}

/// The peak of this process's resident memory, in bytes; 0 when unknown.
pub(crate) fn own_peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok())
        .map_or(0, |kib| kib * 1024)
}

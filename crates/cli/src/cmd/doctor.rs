//! `pitstop doctor`: what can be measured on this machine, and what is in the way.

use crate::args::DoctorArgs;
use crate::exit::{End, Outcome, Status};
use crate::kept;
use crate::print::answer;
use crate::style::Choice;
use pitstop_target::affinity::{self, Boost};
use pitstop_target::find_python;
use pitstop_target::permission::{self, Denied};
use pitstop_target::process::{OpenError, Process};
use serde_json::json;
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Good,
    Limited,
    Bad,
}

/// One line of the answer.
struct Check {
    name: &'static str,
    health: Health,
    finding: String,
    cure: Option<String>,
}

impl Check {
    fn good(name: &'static str, finding: impl Into<String>) -> Self {
        Self {
            name,
            health: Health::Good,
            finding: finding.into(),
            cure: None,
        }
    }

    fn limited(name: &'static str, finding: impl Into<String>, cure: impl Into<String>) -> Self {
        let cure = Some(cure.into()).filter(|cure| !cure.is_empty());
        Self {
            name,
            health: Health::Limited,
            finding: finding.into(),
            cure,
        }
    }

    fn bad(name: &'static str, finding: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            name,
            health: Health::Bad,
            finding: finding.into(),
            cure: Some(cure.into()),
        }
    }
}

/// Runs the command.
pub(crate) fn doctor(args: &DoctorArgs, style: Choice) -> Outcome {
    let mut checks = vec![
        system(),
        attach(),
        container(),
        scheduler(),
        cpus(),
        wake_ups(),
        clock(),
        memory_limit(),
        results(),
    ];
    checks.extend(interpreters());
    checks.extend(args.pid.map(target));
    let worst = checks.iter().any(|check| check.health == Health::Bad);
    if args.json {
        answer(&as_json(&checks))?;
    } else {
        answer(&as_text(&checks, &style.for_stdout()))?;
    }
    Ok(End::With(if worst {
        Status::CannotMeasure
    } else {
        Status::Fine
    }))
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path)
        .ok()
        .map(|text| text.trim().to_owned())
}

fn system() -> Check {
    let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    let finding = format!("Linux {release} on {}", env::consts::ARCH);
    match env::consts::ARCH {
        "x86_64" => Check::good("system", finding),
        _ => Check::limited("system", finding, "only x86_64 is tested so far"),
    }
}

fn attach() -> Check {
    const NAME: &str = "attaching";
    if let Err(denied) = permission::can_read(std::process::id()) {
        return Check::bad(NAME, format!("to no process: {}", denied.why), denied.cure);
    }
    match ptrace_scope() {
        0..=2 if may_trace() => Check::good(NAME, "allowed to any process (CAP_SYS_PTRACE)"),
        0 => Check::good(NAME, "allowed to processes of this user"),
        1 => Check::limited(
            NAME,
            "only to programs started by pitstop (ptrace_scope is 1)",
            "sudo sysctl kernel.yama.ptrace_scope=0",
        ),
        2 => Check::limited(
            NAME,
            "only for root (ptrace_scope is 2)",
            "run pitstop as root, or: sudo sysctl kernel.yama.ptrace_scope=0",
        ),
        _ => Check::bad(
            NAME,
            "forbidden until the next start of the machine (ptrace_scope is 3)",
            "remove kernel.yama.ptrace_scope=3 from /etc/sysctl.d and restart the machine",
        ),
    }
}

/// What Yama allows (Documentation/admin-guide/LSM/Yama.rst); 0 where it is not built in.
fn ptrace_scope() -> u32 {
    let text = read("/proc/sys/kernel/yama/ptrace_scope");
    text.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// Whether this process has the right to look into those of others.
fn may_trace() -> bool {
    let status = read("/proc/self/status").unwrap_or_default();
    let capabilities = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    // CAP_SYS_PTRACE is bit 19 (include/uapi/linux/capability.h).
    capabilities >> 19 & 1 == 1
}

fn container() -> Check {
    const NAME: &str = "container";
    let is_in_one = ["/.dockerenv", "/run/.containerenv"]
        .iter()
        .any(|path| fs::exists(path).unwrap_or(false));
    container_check(NAME, is_in_one, may_trace(), ptrace_scope())
}

/// What being in a container means for attaching: as outside, without the right to trace a user's
/// own processes can be read if Yama does not forbid it.
fn container_check(name: &'static str, is_in_one: bool, may_trace: bool, scope: u32) -> Check {
    const CURE: &str = "docker run --cap-add SYS_PTRACE ...";
    let readable = match scope {
        0 => "processes of other users cannot be read",
        _ => "only programs started by pitstop can be read",
    };
    match (is_in_one, may_trace) {
        (false, _) => Check::good(name, "none"),
        (true, true) => Check::good(name, "yes, with the right to look into processes"),
        (true, false) => {
            let finding = format!("yes, without CAP_SYS_PTRACE: {readable}");
            Check::limited(name, finding, CURE)
        }
    }
}

fn scheduler() -> Check {
    const NAME: &str = "scheduler";
    let own = std::process::id();
    let has = |file: &str| fs::read_to_string(format!("/proc/{own}/task/{own}/{file}")).is_ok();
    match (has("schedstat"), has("syscall"), has("children")) {
        (true, true, true) => Check::good(NAME, "tells time slices, system calls and children"),
        (true, true, false) => Check::limited(
            NAME,
            "tells no children: they are found by looking through all processes",
            "a kernel with CONFIG_PROC_CHILDREN",
        ),
        _ => Check::limited(
            NAME,
            "tells no time slices or system calls: waiting threads are not told apart",
            "a kernel with CONFIG_SCHED_INFO and CONFIG_HAVE_ARCH_TRACEHOOK",
        ),
    }
}

fn cpus() -> Check {
    let usable = affinity::allowed_cpus(std::process::id()).map_or(0, |cpus| cpus.len());
    let finding = format!("{usable} usable");
    match usable {
        0 => Check::limited("CPUs", "it cannot be told how many are usable", ""),
        1 => Check::limited(
            "CPUs",
            finding,
            "with one CPU pitstop's own work slows the program down; prefer -r 100",
        ),
        _ => Check::good("CPUs", finding),
    }
}

fn wake_ups() -> Check {
    const NAME: &str = "wake-ups";
    // On a thread of its own: what is set stays set.
    let boost = std::thread::spawn(affinity::boost_current_thread)
        .join()
        .unwrap_or(Boost::None);
    match boost {
        Boost::Fifo => Check::good(NAME, "prompt (real-time priority)"),
        Boost::Slice => Check::good(NAME, "prompt (short time slices)"),
        Boost::Nice => Check::good(NAME, "mostly prompt (better nice value)"),
        Boost::None => Check::limited(
            NAME,
            "as late as the scheduler likes; samples weigh by elapsed time, so totals stay right",
            "setcap cap_sys_nice+ep on the pitstop program",
        ),
    }
}

fn clock() -> Check {
    const NAME: &str = "clock";
    let source = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    match read(source).as_deref() {
        Some(fast @ ("tsc" | "kvm-clock" | "arch_sys_counter" | "hyperv_clocksource_tsc_page")) => {
            Check::good(NAME, fast)
        }
        Some(slow) => Check::limited(
            NAME,
            format!("{slow}: each look at the time is a slow system call"),
            "start the kernel with clocksource=tsc if the machine has a stable one",
        ),
        None => Check::limited(NAME, "its source cannot be told", ""),
    }
}

fn memory_limit() -> Check {
    let limit = read("/sys/fs/cgroup/memory.max").and_then(|text| text.parse::<u64>().ok());
    let finding = limit.map_or("no limit below the machine's own".to_owned(), |limit| {
        format!("limited to {}", pitstop_view::number::bytes(limit))
    });
    Check::good("memory", finding)
}

fn results() -> Check {
    const NAME: &str = "results";
    let Some(directory) = kept::directory() else {
        return Check::limited(
            NAME,
            "cannot be kept: no HOME",
            "set HOME or XDG_CACHE_HOME",
        );
    };
    let probe = directory.join(".doctor");
    let written = fs::create_dir_all(&directory).and_then(|()| fs::write(&probe, b""));
    let _ = fs::remove_file(&probe);
    match written {
        Ok(()) => Check::good(NAME, format!("kept in {}", directory.display())),
        Err(error) => Check::limited(
            NAME,
            format!("cannot be kept in {}: {error}", directory.display()),
            "set XDG_CACHE_HOME to a directory that can be written",
        ),
    }
}

/// The interpreters that can be found without searching the disk.
fn interpreters() -> Vec<Check> {
    let mut found: BTreeSet<PathBuf> = BTreeSet::new();
    let mut directories: Vec<PathBuf> =
        env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
    directories.extend(env::var_os("VIRTUAL_ENV").map(|path| PathBuf::from(path).join("bin")));
    let versions = env::var_os("HOME").map(|home| PathBuf::from(home).join(".pyenv/versions"));
    if let Some(versions) = versions.and_then(|path| fs::read_dir(path).ok()) {
        directories.extend(versions.flatten().map(|entry| entry.path().join("bin")));
    }
    for directory in directories {
        for minor in 6..=20 {
            let program = directory.join(format!("python3.{minor}"));
            if let Ok(real) = fs::canonicalize(program) {
                found.insert(real);
            }
        }
        if let Ok(real) = fs::canonicalize(directory.join("python3")) {
            found.insert(real);
        }
    }
    if found.is_empty() {
        let cure = "install one, for example: apt-get install python3";
        return vec![Check::bad("Python", "no interpreter on PATH", cure)];
    }
    found
        .iter()
        .filter_map(|program| interpreter(program))
        .collect()
}

/// Asks one interpreter what it is; `None` for a wrapper that is no interpreter.
fn interpreter(program: &Path) -> Option<Check> {
    const ASK: &str = "import sys, sysconfig; v = sys.version_info; \
        print('%d.%d.%d %s %s %s' % (v[0], v[1], v[2], v[3], \
        sys.implementation.name, int(bool(sysconfig.get_config_var('Py_GIL_DISABLED')))))";
    let output = Command::new(program)
        .args(["-I", "-c", ASK])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut words = text.split_whitespace();
    let (version, level, name) = (words.next()?, words.next()?, words.next()?);
    let free_threaded = words.next() == Some("1");
    let minor: u32 = version.split('.').nth(1)?.parse().ok()?;
    let finding = format!("{version}  {}", program.display());
    Some(match (name, free_threaded, minor, level) {
        ("cpython", false, 8..=15, "final" | "candidate") => Check::good("Python", finding),
        ("cpython", true, ..) => Check::limited(
            "Python",
            format!("{finding} has no GIL: not supported yet"),
            "",
        ),
        ("cpython", false, 8..=15, _) => Check::limited(
            "Python",
            format!("{finding} is a pre-release: its layout is not known"),
            "install the final release",
        ),
        ("cpython", ..) => Check::limited(
            "Python",
            format!("{finding} is not supported (3.8 to 3.15 are)"),
            "",
        ),
        _ => Check::limited(
            "Python",
            format!("{finding} is {name}: only CPython is supported"),
            "",
        ),
    })
}

fn target(pid: u32) -> Check {
    const NAME: &str = "process";
    let denied = |denied: Denied| {
        let finding = format!("{pid} cannot be read: {}", denied.why);
        Check::bad(NAME, finding, denied.cure)
    };
    match Process::open(pid) {
        Ok(_) => {}
        Err(OpenError::Denied(why)) => return denied(why),
        Err(error) => {
            let cure = "check the process id: pgrep -af python";
            return Check::bad(NAME, error.to_string(), cure);
        }
    }
    if let Err(why) = permission::can_read(pid) {
        return denied(why);
    }
    match find_python(pid) {
        Ok(image) => {
            let proof = match image.rseq {
                Some(_) => "samples proved by its rseq area",
                None => "samples proved by its time slices",
            };
            Check::good(
                NAME,
                format!("{pid} runs Python {}; {proof}", image.version()),
            )
        }
        Err(error) => Check::bad(
            NAME,
            error.to_string(),
            "name a process that runs CPython 3.8 to 3.15",
        ),
    }
}

fn as_text(checks: &[Check], style: &pitstop_view::Style) -> String {
    let rows: Vec<pitstop_view::doctor::Row<'_>> = checks
        .iter()
        .map(|check| pitstop_view::doctor::Row {
            mark: match check.health {
                Health::Good => pitstop_view::doctor::Mark::Good,
                Health::Limited => pitstop_view::doctor::Mark::Limited,
                Health::Bad => pitstop_view::doctor::Mark::Bad,
            },
            name: check.name,
            finding: &check.finding,
            cure: check.cure.as_deref(),
        })
        .collect();
    pitstop_view::doctor::render(&rows, style)
}

fn as_json(checks: &[Check]) -> String {
    let checks: Vec<_> = checks
        .iter()
        .map(|check| {
            json!({
                "name": check.name,
                "health": match check.health {
                    Health::Good => "good",
                    Health::Limited => "limited",
                    Health::Bad => "bad",
                },
                "finding": check.finding,
                "cure": check.cure,
            })
        })
        .collect();
    let text =
        serde_json::to_string_pretty(&json!({"schema": "pitstop/doctor@1", "checks": checks}));
    text.map_or_else(|_| String::new(), |text| text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_a_container_own_processes_can_be_read_unless_yama_forbids_it() {
        let check = |may_trace, scope| container_check("container", true, may_trace, scope);
        assert_eq!(check(true, 1).health, Health::Good);
        let open = check(false, 0);
        assert_eq!(open.health, Health::Limited);
        assert!(open.finding.contains("other users"), "{}", open.finding);
        let closed = check(false, 1);
        assert!(closed.finding.contains("only programs started"));
        assert!(closed.cure.is_some_and(|cure| cure.contains("SYS_PTRACE")));
    }
}

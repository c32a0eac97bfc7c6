//! Measuring where less is allowed than usual: addresses cannot be fixed, there is only one CPU.

use pitstop_e2e::{Finished, Python, Workbench, on_oldest_and_newest_python};
use serde_json::Value;
use std::ffi::OsString;

/// Starts what its arguments say without the system call `personality`, as the default profile of
/// some containers does. The filter is seccomp's (linux/seccomp.h, linux/filter.h): load the number
/// of the call, answer EPERM to that one, let all others pass.
const WITHOUT_PERSONALITY: &str = "\
import ctypes, os, platform, struct, sys
number = {'x86_64': 135, 'aarch64': 92}[platform.machine()]
steps = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *step) for step in steps))
class Program(ctypes.Structure):
    _fields_ = [('length', ctypes.c_ushort), ('steps', ctypes.c_void_p)]
program = Program(len(steps), ctypes.addressof(code))
libc = ctypes.CDLL(None, use_errno=True)
libc.prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong]
assert libc.prctl(38, 1, None, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
assert libc.prctl(22, 2, ctypes.addressof(program), 0, 0) == 0, ctypes.get_errno()  # PR_SET_SECCOMP
os.execv(sys.argv[1], sys.argv[1:])
";

/// Starts what its arguments say on the first CPU that there is.
const ON_ONE_CPU: &str = "\
import os, sys
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
os.execv(sys.argv[1], sys.argv[1:])
";

/// Runs the binary by way of such a script.
fn confined(workbench: &Workbench, python: &Python, script: &str, arguments: &[&str]) -> Finished {
    let pitstop = workbench.command(arguments);
    let mut command = std::process::Command::new(&python.path);
    command.args(["-c", script]).arg(pitstop.get_program());
    let words: Vec<OsString> = pitstop.get_args().map(Into::into).collect();
    command.args(words).current_dir(workbench.path());
    for (name, value) in pitstop.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Finished::of(&mut command, b"")
}

fn document(finished: &Finished) -> Value {
    serde_json::from_slice(&finished.stdout).unwrap_or_else(|error| panic!("{error}\n{finished}"))
}

/// A difference that is found however loaded the machine is.
const LARGE: [&str; 8] = [
    "compare",
    "--json",
    "--seed",
    "7",
    "--a",
    "sum(range(500))",
    "--b",
    "sum(range(2000))",
];

#[test]
fn where_addresses_cannot_be_fixed_pairs_share_the_rest_and_it_is_said() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::with_python(python);
        let finished = confined(&workbench, python, WITHOUT_PERSONALITY, &LARGE).expect_code(1);
        let document = document(&finished);
        assert_eq!(document["room"]["addresses_refused"], true);
        let comparison = &document["comparisons"][0];
        assert_eq!(comparison["verdict"], "slower");
        let (a, b) = (&comparison["a"]["runs"][0], &comparison["b"]["runs"][0]);
        assert_eq!(
            (&a["fixed_addresses"], &b["fixed_addresses"]),
            (&false.into(), &false.into())
        );
        assert_eq!(a["hash_seed"], b["hash_seed"]);
        let words: Vec<&str> = LARGE.into_iter().filter(|word| *word != "--json").collect();
        let finished = confined(&workbench, python, WITHOUT_PERSONALITY, &words).expect_code(1);
        let text = finished.stdout_text();
        assert!(text.contains("noise") && text.contains("address"), "{text}");
    });
}

#[test]
fn one_cpu_is_enough_for_bench_compare_scale_and_imports() {
    on_oldest_and_newest_python(|python| {
        let workbench = Workbench::with_python(python);
        let run = |arguments: &[&str], code: i32| {
            document(&confined(&workbench, python, ON_ONE_CPU, arguments).expect_code(code))
        };
        let compared = run(&LARGE, 1);
        assert_eq!(compared["room"]["cpus"], 1);
        let runs = compared["comparisons"][0]["a"]["runs"]
            .as_array()
            .expect("a list");
        let first = runs[0]["cpu"].clone();
        assert!(first.is_u64() && runs.iter().all(|run| run["cpu"] == first));
        let benched = run(&["bench", "--json", "--time", "200ms", "sum(range(99))"], 0);
        assert!(benched["benchmarks"][0]["median_ns"].is_f64());
        let sizes = [
            "scale",
            "--json",
            "--processes",
            "1",
            "--sizes",
            "100,200,400,800,1600,3200",
        ];
        let scaled = run(
            &[&sizes[..], &["t = 0\nfor i in range(n): t += i"]].concat(),
            0,
        );
        assert_eq!(scaled["class"], "O(n)", "{scaled}");
        let imported = run(
            &["imports", "--json", "--time", "1s", "-c", "import json"],
            0,
        );
        assert_eq!(imported["schema"], "pitstop/imports@1");
    });
}

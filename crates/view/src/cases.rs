//! The runs that pictures are tested on.

use pitstop_analysis::sketch::Sketch;
use pitstop_model::ThreadState::{
    Blocked, GarbageCollection, GilWait, Lock, NativeWithGil, NativeWithoutGil, Python, Sleep,
};
use pitstop_model::{
    CallCost, Descriptor, Dump, DumpFrame, DumpThread, DumpWait, Profile, RateChange, Reason,
};

const REPORT: &str = r#"import datetime
import hashlib
import json
import threading
import time


def parse(lines):
    out = []
    for line in lines:
        row = json.loads(line)
        row["when"] = datetime.datetime.strptime(row["date"], "%Y-%m-%dT%H:%M:%S").timestamp()
        out.append(row)
    return out


def dedupe(rows):
    seen = []
    for r in rows:
        if r["id"] not in seen:
            seen.append(r["id"])
    return seen


def fetch_rate(currency):
    time.sleep(0.01)
    return 1.1


def enrich(rows):
    return [fetch_rate(r["currency"]) for r in rows]


def worker(rows):
    total = 0
    for r in rows:
        total += len(hashlib.sha256(repr(r).encode()).hexdigest())
    return total


def main():
    rows = parse(read())
    unique = dedupe(rows)
    enrich(rows)
    threads = [threading.Thread(target=worker, args=(rows,)) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()


main()
"#;

fn with_costs(mut s: Sketch, cpu_ms: u64) -> Profile {
    let meta = &mut s.profile().meta;
    meta.cpu_ns = cpu_ms * 1_000_000;
    meta.memory_limit_bytes = 8_000_000_000;
    meta.quality.own_cpu_ns = cpu_ms * 4_000;
    meta.quality.delay_ns = cpu_ms * 3_000;
    meta.tool_version = "0.1.0".into();
    s.finish()
}

/// The program of the mock-ups: quadratic dedupe, slow network, threads at the GIL, parsing.
pub(crate) fn slow_report() -> Profile {
    let mut s = Sketch::new("slow_report.py 40000");
    s.source("slow_report.py", REPORT);
    let main = s.main();
    let top = "<module> slow_report.py:53; main slow_report.py";
    s.startup(150);
    s.spend(
        main,
        Python,
        1115,
        &format!("{top}:43; dedupe slow_report.py:20"),
    );
    s.spend(
        main,
        NativeWithGil,
        8,
        &format!("{top}:43; dedupe slow_report.py:20"),
    );
    s.spend(
        main,
        Python,
        9,
        &format!("{top}:43; dedupe slow_report.py:21"),
    );
    let parse = format!("{top}:42; parse slow_report.py");
    let loads = "loads lib/json/__init__.py:346; decode lib/json/decoder.py:345; raw_decode lib/json/decoder.py:361";
    s.spend(main, NativeWithGil, 48, &format!("{parse}:11; {loads}"));
    let strptime = "_strptime_datetime lib/_strptime.py:653; _strptime lib/_strptime.py:451";
    s.spend(main, Python, 95, &format!("{parse}:12; {strptime}"));
    s.spend(main, GarbageCollection, 26, &format!("{parse}:13"));
    s.spend(main, Python, 4, &format!("{parse}:10"));
    s.spend(
        main,
        Sleep,
        551,
        &format!("{top}:44; enrich slow_report.py:31; fetch_rate slow_report.py:26"),
    );
    s.spend(
        main,
        Lock,
        420,
        &format!("{top}:49; join lib/threading.py:1095"),
    );
    for n in 1..=3 {
        let thread = s.thread(&format!("Thread-{n} (worker)"));
        s.start(thread, 1856);
        let work =
            "_bootstrap lib/threading.py:1032; run lib/threading.py:1012; worker slow_report.py:37";
        s.spend(thread, Python, 30, work);
        s.spend(thread, NativeWithGil, 110, work);
        s.spend(thread, GilWait, 279, work);
    }
    s.memory(&[
        9, 12, 20, 30, 41, 52, 58, 60, 60, 60, 60, 60, 58, 58, 58, 58, 58, 60, 62, 62, 61,
    ]);
    with_costs(s, 1830)
}

/// A client that waits for a server.
pub(crate) fn fetcher() -> Profile {
    let mut s = Sketch::new("fetch.py --all");
    let main = s.main();
    s.source(
        "fetch.py",
        "import requests\n\n\ndef fetch(url):\n    return requests.get(url).json()\n",
    );
    let wait = s.wait("recvfrom", "tcp 10.0.0.7:443");
    let deep = "<module> fetch.py:9; fetch fetch.py:5; get site-packages/requests/api.py:73; \
                send site-packages/requests/sessions.py:703; recv_into lib/ssl.py:1285";
    s.spend_waiting(main, Blocked, wait, 8200, deep);
    s.spend(
        main,
        NativeWithGil,
        700,
        "<module> fetch.py:9; fetch fetch.py:5; loads lib/json/__init__.py:346",
    );
    s.spend(
        main,
        Python,
        1100,
        "<module> fetch.py:9; fetch fetch.py:5; get site-packages/requests/api.py:73",
    );
    with_costs(s, 1800)
}

/// Four threads that want the GIL all the time, and some that only wait.
pub(crate) fn gil_bound() -> Profile {
    let mut s = Sketch::new("crunch.py");
    let main = s.main();
    s.source("crunch.py", "def work(n):\n    while n:\n        n -= 1\n");
    s.spend(
        main,
        Lock,
        4000,
        "<module> crunch.py:9; join lib/threading.py:1095",
    );
    for n in 1..=4 {
        let thread = s.thread(&format!("worker-{n}"));
        s.spend(
            thread,
            Python,
            1000,
            "run lib/threading.py:1012; work crunch.py:3",
        );
        s.spend(
            thread,
            GilWait,
            3000,
            "run lib/threading.py:1012; work crunch.py:3",
        );
    }
    for n in 0..12 {
        let thread = s.thread(&format!("pool-{n}"));
        s.spend(
            thread,
            Lock,
            4000,
            "run lib/threading.py:1012; get lib/queue.py:180",
        );
    }
    with_costs(s, 4000)
}

/// Many lines, none of which matters much.
pub(crate) fn many_small() -> Profile {
    let mut s = Sketch::new("-m app.server --port 8000");
    let main = s.main();
    for n in 0..8 {
        s.spend(
            main,
            Python,
            200 - n * 15,
            &format!(
                "handle app/server.py:12; step{n} app/steps/number_{n}.py:{}",
                n + 30
            ),
        );
    }
    s.spend(
        main,
        Python,
        300,
        "handle app/server.py:12; reply app/server.py:40",
    );
    for n in 0..60 {
        s.spend(main, Python, 8, &format!("tiny{n} app/tiny.py:{n}"));
    }
    with_costs(s, 1860)
}

/// One function, many lines.
pub(crate) fn simulation() -> Profile {
    let mut s = Sketch::new("nbody.py");
    let main = s.main();
    for n in 0..12 {
        s.spend(
            main,
            Python,
            70,
            &format!("<module> nbody.py:60; advance nbody.py:{}", n + 20),
        );
    }
    s.spend(main, Python, 160, "<module> nbody.py:60");
    with_costs(s, 1000)
}

/// A program at the limit of its memory.
pub(crate) fn hungry() -> Profile {
    let mut s = Sketch::new("load.py");
    let main = s.main();
    s.spend(
        main,
        NativeWithoutGil,
        1500,
        "load load.py:3; read site-packages/pandas/io/parsers.py:912",
    );
    s.memory(&[100, 2000, 5000, 7600, 7500]);
    with_costs(s, 1500)
}

/// Processes that share the work.
pub(crate) fn pool() -> Profile {
    let mut s = Sketch::new("pool.py");
    let main = s.main();
    let wait = s.wait("read", "pipe:[4711]");
    s.spend_waiting(
        main,
        Blocked,
        wait,
        2000,
        "<module> pool.py:9; map lib/multiprocessing/pool.py:367",
    );
    for _ in 0..3 {
        let child = s.process("pool.py --worker");
        s.spend(
            child,
            Python,
            1400,
            "_main lib/multiprocessing/spawn.py:9; work pool.py:4",
        );
        s.spend(
            child,
            Python,
            500,
            "_main lib/multiprocessing/spawn.py:9; work pool.py:5",
        );
        s.spend(
            child,
            Lock,
            100,
            "_main lib/multiprocessing/spawn.py:9; worker lib/multiprocessing/pool.py:114",
        );
    }
    with_costs(s, 5700)
}

/// Naive Fibonacci numbers.
pub(crate) fn recursion() -> Profile {
    let mut s = Sketch::new("fib.py 30");
    let main = s.main();
    s.source("fib.py", "def fib(n):\n    if n < 2:\n        return n\n    return fib(n - 1) + fib(n - 2)\n\n\nprint(fib(30))\n");
    for depth in 1..25 {
        let calls = "; fib fib.py:4".repeat(depth);
        s.spend(
            main,
            Python,
            20,
            &format!("<module> fib.py:7{calls}; fib fib.py:2"),
        );
        s.spend(main, Python, 25, &format!("<module> fib.py:7{calls}"));
    }
    with_costs(s, 1080)
}

/// Too short to say anything.
pub(crate) fn tiny() -> Profile {
    let mut s = Sketch::new("tiny.py");
    s.profile().meta.command.push("a b".into());
    let main = s.main();
    s.startup(12);
    s.spend(main, Python, 20, "<module> tiny.py:1");
    with_costs(s, 30)
}

/// Nothing but startup.
pub(crate) fn hello() -> Profile {
    let mut s = Sketch::new("hello.py");
    let main = s.main();
    s.startup(150);
    s.spend(main, Python, 20, "<module> hello.py:1");
    with_costs(s, 150)
}

/// A sleeping main thread and a hundred idle ones.
pub(crate) fn sleeper() -> Profile {
    let mut s = Sketch::new("sleep.py");
    let main = s.main();
    s.source("sleep.py", "import time\ntime.sleep(3)\n");
    s.spend(main, Sleep, 3000, "<module> sleep.py:2");
    with_costs(s, 40)
}

/// A downloader with many waits, and one line of code that is longer than any of them.
pub(crate) fn crawler() -> Profile {
    let mut s = Sketch::new("crawl.py");
    let main = s.main();
    for n in 0..8 {
        let wait = s.wait("read", &format!("cache/{n}.html"));
        s.spend_waiting(
            main,
            Blocked,
            wait,
            90,
            &format!("load crawl.py:{}", n + 20),
        );
    }
    s.spend(main, Python, 280, "parse crawl.py:50");
    with_costs(s, 280)
}

/// A thread that sends the program to the GIL and the library.
pub(crate) fn decoder() -> Profile {
    let mut s = Sketch::new("decode.py");
    let main = s.main();
    let decode = "<module> decode.py:9; read decode.py:4; loads lib/json/__init__.py:346; \
                  raw_decode lib/json/decoder.py:361";
    s.spend(main, Python, 500, decode);
    s.spend(main, NativeWithGil, 400, decode);
    s.spend(main, Python, 100, "<module> decode.py:9; read decode.py:5");
    with_costs(s, 1000)
}

/// Many lines, each next to nothing.
pub(crate) fn flat() -> Profile {
    let mut s = Sketch::new("flat.py");
    let main = s.main();
    for n in 1..=100 {
        s.spend(main, Python, 20, &format!("f{} flat.py:{n}", n / 3));
    }
    with_costs(s, 2000)
}

/// A program that was attached to, with all that can go wrong.
pub(crate) fn server() -> Profile {
    let mut s = Sketch::new("/usr/bin/python3 -m gunicorn app:api --workers 4 --bind 0.0.0.0:8000");
    let main = s.main();
    let wait = s.wait("epoll_wait", "");
    s.spend_waiting(
        main,
        Blocked,
        wait,
        14_000,
        "run site-packages/gunicorn/arbiter.py:202",
    );
    s.spend(main, Python, 12_000, "handle app/api.py:77; render app/a/very/deeply/nested/package/with/long/names/template_engine.py:1402");
    s.spend(main, Python, 3_900, "handle app/api.py:78");
    s.spend_unread(main, 100);
    let meta = &mut s.profile().meta;
    meta.command.clear();
    meta.exit = None;
    meta.interrupted = true;
    meta.notes.push("The rate was lowered from 1,000 to 250 samples a second after 2.1 s, because sampling cost more than 2 %.".into());
    meta.quality.rates.push(RateChange {
        time_ns: 2_100_000_000,
        rate_hz: 250.0,
    });
    meta.quality.late_ticks = 900;
    with_costs(s, 15_900)
}

/// A dump with every kind of thread.
pub(crate) fn stuck() -> Dump {
    let frame = |function: &str, file: &str, line, source: &str| DumpFrame {
        function: function.into(),
        file: file.into(),
        line,
        source: (!source.is_empty()).then(|| source.into()),
        locals: Vec::new(),
    };
    let mut dedupe = frame("dedupe", "slow_report.py", 20, "if r[\"id\"] not in seen:");
    dedupe.locals = vec![
        (
            "rows".into(),
            "[{'id': 1, 'date': '2026-01-01T00:00:00', 'currency': 'EUR'}, {'id': 2, ...}, ...]"
                .into(),
        ),
        ("seen".into(), "[1, 2, 3, 5, 8, 13, ...]".into()),
    ];
    let thread = |tid, name: &str, state, frames| DumpThread {
        tid,
        name: name.into(),
        state,
        wait: None,
        verdict: pitstop_model::Verdict::Exact,
        frames,
    };
    let mut blocked = thread(
        26650,
        "Thread-1 (fetch)",
        Blocked,
        vec![
            frame(
                "SSLSocket.recv_into",
                "ssl.py",
                1285,
                "return self.read(nbytes, buffer)",
            ),
            frame("HTTPAdapter.send", "requests/adapters.py", 667, ""),
            frame("fetch", "fetch.py", 5, "return requests.get(url).json()"),
        ],
    );
    blocked.wait = Some(DumpWait {
        syscall: "recvfrom".into(),
        fd: 5,
        descriptor: Descriptor::Socket,
        name: "tcp 10.0.0.7:443".into(),
    });
    let mut failed = thread(26651, "native-pool", NativeWithoutGil, vec![]);
    failed.verdict = pitstop_model::Verdict::Failed(Reason::Moved);
    Dump {
        pid: 26641,
        command: "python slow_report.py 40000".into(),
        python: "3.15.2".into(),
        threads: vec![
            thread(
                26641,
                "MainThread",
                Python,
                vec![
                    dedupe,
                    frame("main", "slow_report.py", 43, "unique = dedupe(rows)"),
                    frame("<module>", "slow_report.py", 53, "main()"),
                ],
            ),
            blocked,
            failed,
        ],
    }
}

/// A trace of two threads: recursion, a generator, functions without Python code.
pub(crate) fn traced() -> Profile {
    let mut s = Sketch::new("app.py 40000");
    s.traced();
    s.source(
        "app.py",
        "def parse(lines):\n    return [one(l) for l in lines]\n",
    );
    let (main, worker) = (s.main(), s.thread("worker"));
    s.call(main, 1, 2_000, "<module> app.py:0");
    s.call(main, 1, 40_000, "<module> app.py:60; parse app.py:0");
    let len = "<built-in method builtins.len> ~:0";
    s.call(
        main,
        80_000,
        2,
        &format!("<module> app.py:60; parse app.py:2; {len}"),
    );
    s.call(main, 1, 10, "<module> app.py:61; fib app.py:0");
    s.call(
        main,
        2,
        10,
        "<module> app.py:61; fib app.py:9; fib app.py:0",
    );
    s.call(worker, 1, 500, "Pool.run lib/threading.py:0");
    s.call(
        worker,
        12,
        30,
        &format!("Pool.run lib/threading.py:7; {len}"),
    );
    let rows = CallCost {
        calls: 1,
        resumptions: 1000,
        raised: 1,
        self_ns: 3_000_000,
        raw_self_ns: 3_500_000,
        waited_ns: 70_000_000,
    };
    s.cost(main, "<module> app.py:62; rows app.py:0", rows);
    s.profile().calls.lost = 12_345;
    s.finish()
}

/// All profiles, by name.
pub(crate) fn all() -> Vec<(&'static str, Profile)> {
    vec![
        ("slow_report", slow_report()),
        ("fetcher", fetcher()),
        ("gil_bound", gil_bound()),
        ("many_small", many_small()),
        ("simulation", simulation()),
        ("hungry", hungry()),
        ("pool", pool()),
        ("recursion", recursion()),
        ("tiny", tiny()),
        ("hello", hello()),
        ("sleeper", sleeper()),
        ("server", server()),
        ("crawler", crawler()),
        ("decoder", decoder()),
        ("flat", flat()),
        ("traced", traced()),
    ]
}

//! `cargo xtask bench scale`: how often `pitstop scale` names the right class.
//!
//! Twenty-four functions whose class is known, from a dictionary's look-up to permutations. Right is
//! the class itself; where fixed costs or fast C hide it at every size that fits into the time, an
//! honest "still rising" is counted apart.

mod held_out;

use super::rig;
use crate::workspace;
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const USAGE: &str = "\
usage: cargo xtask bench scale [options]

    --time TIME       for each function [10s]
    --rounds N        all functions so many times, with other seeds [1]
    --held-out        twelve other functions, which nothing was tuned with
    --only WORD       functions with this word in their name
    --python PATH     the interpreter [target/pythons/3.13]
    --pitstop PATH    measure this one instead of building one
    --json FILE       also write all results to this file";

/// A function: its name, class, setup, maker of inputs, and statement.
struct Case {
    name: &'static str,
    class: &'static str,
    setup: &'static str,
    make: &'static str,
    statement: &'static str,
}

const fn case(
    name: &'static str,
    class: &'static str,
    setup: &'static str,
    make: &'static str,
    statement: &'static str,
) -> Case {
    Case {
        name,
        class,
        setup,
        make,
        statement,
    }
}

const RANDOM: &str = "import random\nrandom.seed(4)";

const CASES: [Case; 24] = [
    case(
        "dict look-up",
        "O(1)",
        "",
        "lambda n: {i: i for i in range(n)}",
        "x[n - 1]",
    ),
    case("list index", "O(1)", "", "lambda n: [0] * n", "x[-1]; x[0]"),
    case(
        "deque.appendleft",
        "O(1)",
        "from collections import deque",
        "lambda n: deque(range(n))",
        "x.appendleft(1)",
    ),
    case(
        "bisect",
        "O(log n)",
        "from bisect import bisect",
        "lambda n: list(range(n))",
        "bisect(x, n // 3)",
    ),
    case(
        "halving",
        "O(log n)",
        "",
        "",
        "i = n\nwhile i:\n    i //= 2",
    ),
    case(
        "divisors up to the root",
        "O(√n)",
        "",
        "",
        "i = 1\nwhile i * i <= n:\n    i += 1",
    ),
    case("sum(range(n))", "O(n)", "", "", "sum(range(n))"),
    case("in list", "O(n)", "", "lambda n: list(range(n))", "-1 in x"),
    case(
        "set building",
        "O(n)",
        RANDOM,
        "lambda n: random.sample(range(n * 10), n)",
        "set(x)",
    ),
    case(
        "list.insert(0)",
        "O(n)",
        "",
        "lambda n: [None] * n",
        "x.insert(0, 1)",
    ),
    case(
        "memoised recursion",
        "O(n)",
        "import sys\nfrom functools import lru_cache\nsys.setrecursionlimit(5000)\n\
         @lru_cache(None)\ndef f(n):\n    return n if n < 2 else f(n - 1) + f(n - 2)",
        "",
        "f(n)",
    ),
    case(
        "counting words",
        "O(n)",
        RANDOM,
        "lambda n: ['w%d' % random.randrange(500) for _ in range(n)]",
        "d = {}\nfor w in x:\n    d[w] = d.get(w, 0) + 1",
    ),
    case("join", "O(n)", "", "lambda n: ['ab'] * n", "','.join(x)"),
    case(
        "sort",
        "O(n log n)",
        RANDOM,
        "lambda n: [random.random() for _ in range(n)]",
        "sorted(x)",
    ),
    case(
        "sort of tuples",
        "O(n log n)",
        RANDOM,
        "lambda n: [(random.random(), i) for i in range(n)]",
        "sorted(x)",
    ),
    case(
        "merge sort",
        "O(n log n)",
        "import random\nrandom.seed(4)\ndef merge_sort(a):\n    if len(a) < 2:\n        return a\n    \
         m = len(a) // 2\n    l, r = merge_sort(a[:m]), merge_sort(a[m:])\n    out, i, j = [], 0, 0\n    \
         while i < len(l) and j < len(r):\n        if l[i] <= r[j]:\n            out.append(l[i]); i += 1\n        \
         else:\n            out.append(r[j]); j += 1\n    return out + l[i:] + r[j:]",
        "lambda n: [random.random() for _ in range(n)]",
        "merge_sort(x)",
    ),
    case(
        "heap sort",
        "O(n log n)",
        "import random\nfrom heapq import heapify, heappop\nrandom.seed(4)",
        "lambda n: [random.random() for _ in range(n)]",
        "h = list(x)\nheapify(h)\nwhile h:\n    heappop(h)",
    ),
    case(
        "nested loops",
        "O(n²)",
        "",
        "",
        "t = 0\nfor i in range(n):\n    for j in range(n):\n        t += i ^ j",
    ),
    case(
        "bubble sort",
        "O(n²)",
        RANDOM,
        "lambda n: [random.random() for _ in range(n)]",
        "a = list(x)\nfor i in range(len(a)):\n    for j in range(len(a) - 1 - i):\n        \
         if a[j] > a[j + 1]:\n            a[j], a[j + 1] = a[j + 1], a[j]",
    ),
    case(
        "dedupe by list",
        "O(n²)",
        "",
        "lambda n: list(range(n))",
        "seen = []\nfor v in x:\n    if v not in seen:\n        seen.append(v)",
    ),
    case(
        "string prepend",
        "O(n²)",
        "",
        "",
        "s = ''\nfor i in range(n):\n    s = 'x' + s",
    ),
    case(
        "matrix multiply",
        "O(n³)",
        "",
        "lambda n: [[float(i ^ j) for j in range(n)] for i in range(n)]",
        "[[sum([a * b for a, b in zip(row, col)]) for col in zip(*x)] for row in x]",
    ),
    case(
        "naive fibonacci",
        "O(2ⁿ)",
        "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)",
        "",
        "fib(n)",
    ),
    case(
        "subsets",
        "O(2ⁿ)",
        "def subsets(a):\n    if not a:\n        return 1\n    return subsets(a[1:]) + subsets(a[1:])",
        "lambda n: list(range(n))",
        "subsets(x)",
    ),
];

struct Options {
    time: String,
    rounds: u64,
    only: String,
    held_out: bool,
    python: PathBuf,
    pitstop: Option<PathBuf>,
    json: Option<PathBuf>,
}

fn options(arguments: &[String]) -> Result<Option<Options>> {
    let mut options = Options {
        time: "10s".into(),
        rounds: 1,
        only: String::new(),
        held_out: false,
        python: workspace::pythons().join("3.13/bin/python3.13"),
        pitstop: None,
        json: None,
    };
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if matches!(word.as_str(), "--help" | "-h") {
            return Ok(None);
        }
        if word == "--held-out" {
            options.held_out = true;
            continue;
        }
        let value = words.next();
        let value = value.with_context(|| format!("`{word}` needs a value\n{USAGE}"))?;
        match word.as_str() {
            "--time" => options.time.clone_from(value),
            "--rounds" => options.rounds = value.parse().context("--rounds takes a number")?,
            "--only" => options.only.clone_from(value),
            "--python" => options.python = value.into(),
            "--pitstop" => options.pitstop = Some(value.into()),
            "--json" => options.json = Some(value.into()),
            _ => bail!("no such option: `{word}`\n{USAGE}"),
        }
    }
    Ok(Some(options))
}

/// The command.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let Some(options) = options(arguments)? else {
        println!("{USAGE}");
        return Ok(());
    };
    let pitstop = match &options.pitstop {
        Some(path) => path.clone(),
        None => rig::build(&["-p", "pitstop-cli"])?,
    };
    let (mut right, mut rising, mut all) = (0, 0, 0);
    let mut results = Vec::new();
    for seed in 1..=options.rounds {
        let cases: &[Case] = if options.held_out {
            &held_out::HELD_OUT
        } else {
            &CASES
        };
        for case in cases
            .iter()
            .filter(|case| case.name.contains(&options.only))
        {
            let found = measure(&pitstop, &options, case, seed)?;
            let class = found["class"].as_str().unwrap_or("none");
            let is_right = class == case.class;
            let is_rising = found["rising"] == true;
            let word = match (is_right, is_rising) {
                (true, _) => "right",
                (false, true) => "still rising",
                (false, false) => "WRONG",
            };
            println!(
                "{word:<13} {:<24} {:<11} said {class:<12} by {:<7} time {:<12} slope {:.2}  n to {}  {:.1} s",
                case.name,
                case.class,
                found["basis"].as_str().unwrap_or(""),
                found["time"]["class"].as_str().unwrap_or("none"),
                found["time"]["exponent"].as_f64().unwrap_or(f64::NAN),
                found["sizes"]
                    .as_array()
                    .and_then(|sizes| sizes.last())
                    .map_or(0, |size| size["n"].as_u64().unwrap_or(0)),
                found["duration_ns"].as_f64().unwrap_or(0.0) / 1e9,
            );
            all += 1;
            right += u32::from(is_right);
            rising += u32::from(!is_right && is_rising);
            results.push(
                json!({"case": case.name, "expected": case.class, "seed": seed, "found": found}),
            );
        }
    }
    println!(
        "{right} of {all} right, {rising} said to be still rising, {} wrong",
        all - right - rising
    );
    if let Some(path) = &options.json {
        std::fs::write(path, serde_json::to_string_pretty(&results)?)
            .with_context(|| format!("cannot write `{}`", path.display()))?;
    }
    Ok(())
}

fn measure(pitstop: &Path, options: &Options, case: &Case, seed: u64) -> Result<Value> {
    let mut command = Command::new(pitstop);
    command
        .args(["scale", "--json", "--time", &options.time])
        .args(["--seed", &seed.to_string(), "--python"])
        .arg(&options.python)
        .args(["-s", case.setup]);
    if !case.make.is_empty() {
        command.args(["--make", case.make]);
    }
    let output = command
        .arg("--")
        .args(case.statement.lines())
        .stderr(Stdio::inherit())
        .output()
        .context("pitstop cannot be started")?;
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("`{}` gave no answer", case.name))
}

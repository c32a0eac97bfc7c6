//! `pitstop trace FILE`: what `cProfile` wrote, shown as `pstats` shows it, added up and converted.

use pitstop_e2e::{Finished, Python, Workbench, on_each_python, pythons};
use serde_json::Value;

/// Recursion, generators, functions of C, two lambdas on one line, names that have quotes.
const PROGRAM: &str = r#"
import json, re, sys
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
def even(n): return True if n == 0 else odd(n - 1)
def odd(n): return False if n == 0 else even(n - 1)
def numbers(n):
    for i in range(n): yield i
class Row:
    def __init__(self, n): self.n = n
    def __lt__(self, other): return self.n < other.n
def main(n):
    fib(n); even(2 * n); list(numbers(n))
    sorted([Row(i) for i in range(n, 0, -1)])
    json.dumps({"a": list(range(n))})
    for f in [(lambda: 1), (lambda: 2)]: f()
    exec(compile("def größe(): return 1\ngröße()", "it's", "exec"), {})
    try: int("x")
    except ValueError: pass
main(int(sys.argv[1]))
"#;

/// Prints what pstats makes of each case, as a list in JSON.
const PSTATS: &str = r#"
import io, json, pstats, sys
out = []
for case in sys.argv[1:]:
    files, _, calls = case.partition(" ")
    stream = io.StringIO()
    stats = pstats.Stats(*files.split("+"), stream=stream)
    eval("stats" + calls)
    out.append(stream.getvalue())
print(json.dumps(out))
"#;

/// What pstats is asked, and what we are asked.
const CASES: &[(&str, &str)] = &[
    ("a.prof .sort_stats('cumulative').print_stats()", "a.prof"),
    (
        "a.prof .sort_stats('cumulative').print_stats()",
        "a.prof -s cumulative",
    ),
    ("a.prof .sort_stats(-1).print_stats()", "a.prof -s -1"),
    ("a.prof .sort_stats(0).print_stats()", "-s 0 a.prof"),
    ("a.prof .sort_stats(1).print_stats()", "a.prof --sort=1"),
    (
        "a.prof .sort_stats('cu', 'na').print_stats(10)",
        "a.prof -s cu,na 10",
    ),
    (
        "a.prof .sort_stats('pcalls', 'stdname').print_stats(.25)",
        "a.prof -s pcalls -s stdname .25",
    ),
    (
        "a.prof .sort_stats('nfl').reverse_order().print_stats()",
        "a.prof -s nfl --reverse",
    ),
    (
        "a.prof .sort_stats('module', 'line', 'name').print_stats()",
        "a.prof -s module,line,name",
    ),
    (
        "a.prof .sort_stats('calls', 'stdname').print_stats(r'fib|json', 3)",
        "a.prof -s calls,stdname fib|json 3",
    ),
    (
        "a.prof .sort_stats('name').print_stats(r'\\((?!fib)', .5, 20)",
        "a.prof -s name \\((?!fib) .5 20",
    ),
    (
        "a.prof .sort_stats('name').print_stats(\"it's\", 1.0, 0.99999)",
        "a.prof -s name it's 1.0 0.99999",
    ),
    (
        "a.prof .strip_dirs().sort_stats('stdname').print_stats()",
        "a.prof --strip-dirs -s stdname",
    ),
    (
        "a.prof .sort_stats('stdname').print_callers()",
        "a.prof -s stdname --callers .",
    ),
    (
        "a.prof .sort_stats('stdname').print_callees()",
        "a.prof -s stdname --callees .",
    ),
    (
        "a.prof .sort_stats('tottime').print_callers('fib|Row|even', 3)",
        "a.prof -s tot --callers fib|Row|even 3",
    ),
    (
        "a.prof .strip_dirs().sort_stats('nfl').print_callees('main')",
        "a.prof --strip-dirs -s nfl --callees main",
    ),
    (
        "a.prof+b.prof .sort_stats('stdname').print_stats()",
        "a.prof b.prof -s stdname",
    ),
    (
        "a.prof+b.prof .strip_dirs().sort_stats('stdname').print_callers()",
        "a.prof b.prof -s stdname --strip-dirs --callers .",
    ),
    (
        "old.prof .sort_stats('stdname').print_stats()",
        "old.prof -s stdname",
    ),
    (
        "old.prof .sort_stats('stdname').print_callers()",
        "old.prof -s stdname --callers .",
    ),
    (
        "old.prof .sort_stats('stdname').print_callees()",
        "old.prof -s stdname --callees .",
    ),
];

/// Callers as the old `profile` counted them, counts beyond 32 and 64 signed bits, functions that were
/// not called, times of no use, a function of the name of a built-in.
const OLD: &str = r#"
import marshal
a, b, c = ("/x/a.py", 1, "a"), ("/y/a.py", 1, "a"), ("~", 0, "<built-in>")
d, e = ("~", 0, "method"), ("jprofile", 0, "profiler")
table = {
    a: (1, 1, 0.0625, 2.0, {}),
    b: (3, 2 ** 31, 0.1875, 1e9, {a: 2 ** 31 - 1, b: 1}),
    c: (2 ** 40, 2 ** 63, 0, 0, {b: 7}),
    d: (0, 0, 0.0, float("inf"), {e: 1}),
    e: (1, 1, 1, 1, {}),
}
marshal.dump(table, open("old.prof", "wb"))
"#;

fn profiled(python: &Python) -> Workbench {
    let workbench = Workbench::with_python(python);
    workbench.write("program.py", PROGRAM);
    for (file, n) in [("a.prof", "12"), ("b.prof", "9")] {
        let words = ["-m", "cProfile", "-o", file, "program.py", n];
        Finished::of(&mut workbench.bare(python, &words), b"").expect_code(0);
    }
    Finished::of(&mut workbench.bare(python, &["-c", OLD]), b"").expect_code(0);
    workbench
}

/// What the Python itself prints.
fn asked(workbench: &Workbench, python: &Python, cases: &[&str]) -> Vec<String> {
    let mut words = vec!["-c", PSTATS];
    words.extend(cases);
    let finished = Finished::of(&mut workbench.bare(python, &words), b"").expect_code(0);
    let list: Value = serde_json::from_slice(&finished.stdout).expect("JSON");
    let texts = list.as_array().expect("a list").iter();
    texts
        .map(|text| text.as_str().expect("a text").to_owned())
        .collect()
}

fn shown(workbench: &Workbench, words: &str) -> String {
    let mut all = vec!["trace"];
    all.extend(words.split(' '));
    let finished = workbench.pitstop(&all).expect_code(0);
    assert!(finished.stderr.is_empty(), "{finished}");
    finished.stdout_text()
}

#[test]
fn tables_are_those_of_every_pstats_to_the_byte() {
    on_each_python(|python| {
        let workbench = profiled(python);
        let cases: Vec<&str> = CASES.iter().map(|(case, _)| *case).collect();
        for ((case, words), expected) in CASES.iter().zip(asked(&workbench, python, &cases)) {
            assert!(expected.lines().count() > 3, "{case} shows nothing");
            assert_eq!(shown(&workbench, words), expected, "{case}");
        }
    });
}

#[test]
fn sums_and_copies_are_what_pstats_would_dump() {
    const COMPARE: &str = r#"
import pstats
sum = pstats.Stats("sum.prof")
both = pstats.Stats("a.prof").add("b.prof")
assert sum.stats == both.stats, "the sum differs"
assert pstats.Stats("copy.prof").stats == pstats.Stats("old.prof").stats, "the copy differs"
assert list(pstats.Stats("copy.prof").stats) == list(pstats.Stats("old.prof").stats)
"#;
    on_each_python(|python| {
        let workbench = profiled(python);
        for words in [
            ["trace", "a.prof", "b.prof", "-o", "sum.prof"].as_slice(),
            &["trace", "old.prof", "-o", "copy.prof"],
        ] {
            let finished = workbench.pitstop(words).expect_code(0);
            assert!(finished.stdout.is_empty(), "{finished}");
        }
        Finished::of(&mut workbench.bare(python, &["-c", COMPARE]), b"").expect_code(0);
    });
}

#[test]
fn samples_are_not_called_calls() {
    const SAMPLED: &str = r#"
import marshal
a, b = ("a.py", 1, "a"), ("a.py", 5, "b")
table = {("__sampled__",): True, a: (9, 9, 0.5, 1.5, {}), b: (4, 6, 1.0, 1.0, {a: (6, 4, 1.0, 1.0)})}
marshal.dump(table, open("s.prof", "wb"))
"#;
    let python = pythons().last().expect("there is an interpreter");
    let workbench = Workbench::with_python(python);
    Finished::of(&mut workbench.bare(python, &["-c", SAMPLED]), b"").expect_code(0);
    let (stats, callers) = ("s.prof -s stdname", "s.prof -s stdname --callers .");
    let text = shown(&workbench, stats);
    assert!(
        text.contains("\n nsamples  tottime persample cumtime persample "),
        "{text}"
    );
    if python.minor >= 15 {
        let cases = [
            "s.prof .sort_stats('stdname').print_stats()",
            "s.prof .sort_stats('stdname').print_callers()",
        ];
        let expected = asked(&workbench, python, &cases);
        assert_eq!([text, shown(&workbench, callers)].to_vec(), expected);
    }
}

#[test]
fn json_has_the_numbers_of_the_table() {
    let python = pythons().last().expect("there is an interpreter");
    let workbench = profiled(python);
    let document: Value =
        serde_json::from_str(&shown(&workbench, "a.prof --json -s calls fib|even 1"))
            .expect("JSON");
    assert_eq!(document["schema"], "pitstop/calls@1");
    let functions = document["functions"].as_array().expect("a list");
    assert_eq!(functions.len(), 1);
    let fib = &functions[0];
    assert_eq!((&fib["name"], &fib["line"]), (&"fib".into(), &3.into()));
    assert_eq!(
        (&fib["calls"], &fib["primitive_calls"]),
        (&465.into(), &1.into())
    );
    assert_eq!(fib["callers"].as_array().expect("a list").len(), 2);
    assert!(document["functions_total"].as_u64() > Some(5));
    assert_eq!(document["trace"], Value::Null);
}

#[test]
fn what_is_wrong_with_a_file_is_said_and_what_to_do() {
    let python = pythons().last().expect("there is an interpreter");
    let workbench = profiled(python);
    let whole = std::fs::read(workbench.path().join("a.prof")).expect("it is there");
    let write = |name: &str, bytes: &[u8]| {
        std::fs::write(workbench.path().join(name), bytes).expect("there is space");
    };
    write("empty.prof", b"");
    write("cut.prof", &whole[..whole.len() / 2]);
    write("text.prof", b"not a profile\n");
    write("cut-without-ending", &whole[..whole.len() / 2]);
    for (words, said) in [
        ("trace missing.prof", "there is no file `missing.prof`"),
        (
            "trace a.prof missing.prof",
            "there is no file `missing.prof`",
        ),
        ("trace empty.prof", "why: it is empty"),
        ("trace cut.prof", "why: it is cut short after"),
        ("trace cut-without-ending", "why: it is cut short after"),
        ("trace text.prof", "why: it is no file of cProfile (byte 0:"),
        ("trace a.prof -s cum", "use one of calls, ncalls,"),
        ("trace a.prof 1.5", "`1.5` restricts nothing"),
        ("trace a.prof (", "why: it is no regular expression"),
        ("trace a.prof --callers (", "it is no regular expression"),
        (
            "trace a.prof --thread x",
            "files of cProfile know no threads",
        ),
        (
            "trace a.prof -o x.svg",
            "write one of: pstats, callgrind, dot",
        ),
        (
            "trace a.prof -o x.what",
            "the ending of `x.what` names no format",
        ),
        ("trace a.prof -f dot", "--format needs a file to write"),
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        let finished = workbench.pitstop(&words).expect_code(2);
        assert!(
            finished.stderr_text().contains(said),
            "{words:?}: {finished}"
        );
        assert!(finished.stdout.is_empty(), "{words:?}: {finished}");
    }
    let finished = workbench
        .pitstop(&["trace", "a.prof", "no such name"])
        .expect_code(0);
    assert!(
        finished.stderr_text().starts_with("note: none of the "),
        "{finished}"
    );
}

#[test]
fn a_result_of_samples_is_told_from_a_trace() {
    let python = pythons().last().expect("there is an interpreter");
    let workbench = profiled(python);
    workbench.run(python, &["program.py", "15"]).expect_code(0);
    let finished = workbench.pitstop(&["trace", "last"]).expect_code(2);
    assert!(
        finished
            .stderr_text()
            .contains("`last` holds no traced calls"),
        "{finished}"
    );
    assert!(
        finished.stderr_text().contains("pitstop tree"),
        "{finished}"
    );
}

//! `pitstop trace` with --args, --queries and --blocking, held against programs that know the truth.

use pitstop_e2e::{Finished, Python, Workbench, on_each_python, package, python};
use serde_json::Value;

/// What `pitstop trace last --json` says after a program was watched with these options.
fn watched(python: &Python, source: &str, options: &[&str]) -> Value {
    watched_in(&Workbench::new(), python, source, options, &[])
}

fn watched_in(
    workbench: &Workbench,
    python: &Python,
    source: &str,
    options: &[&str],
    variables: &[(&str, &str)],
) -> Value {
    let script = workbench.write("program.py", source);
    let mut command = workbench.command(&["trace", "-q", "--python"]);
    command.arg(&python.path).args(options).arg(&script);
    command.envs(variables.iter().copied());
    Finished::of(&mut command, b"").expect_code(0);
    let shown = workbench
        .pitstop(&["trace", "last", "--json"])
        .expect_code(0);
    serde_json::from_slice(&shown.stdout).expect("it is JSON")
}

/// The report of the function with this name; qualified names came with 3.11.
fn function<'a>(shown: &'a Value, name: &str) -> &'a Value {
    let functions = shown["functions"].as_array().expect("an array");
    let is_it = |entry: &&Value| {
        let own = entry["place"]["function"].as_str().unwrap_or_default();
        own.rsplit('.').next() == Some(name)
    };
    functions
        .iter()
        .find(is_it)
        .unwrap_or_else(|| panic!("no function `{name}` in {shown:#}"))
}

fn numbers(entry: &Value, names: &[&str]) -> Vec<u64> {
    let number = |name: &&str| entry[*name].as_u64().expect("a number");
    names.iter().map(number).collect()
}

#[test]
fn repeated_arguments_are_counted_exactly() {
    on_each_python(|python| {
        let shown = watched(
            python,
            "def plain(x, y, *rest, k=1, **more): return x * 2\n\
             class C:\n    def method(self, n): return n\n\
             \x20   def other(self, n): return n\n\
             def lists(rows): return len(rows)\n\
             def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\n\
             def raises(n):\n    if n % 2: raise ValueError(n)\n    return n\n\
             def generator(n): yield n\n\
             def captured(n): return (lambda: n)()\n\
             def make():\n    def inner(a): return a\n    return inner\n\
             def fresh(thing): return 1\n\
             calls = []\n\
             def impure(n): calls.append(n); return len(calls)\n\
             for i in range(1000):\n\
             \x20   if i % 2: plain(i % 10, 'abc', k=2)\n\
             \x20   else: plain(y='abc', x=i % 10, k=2)\n\
             c = C()\n\
             for i in range(100): c.method(i % 5); c.other(i)\n\
             for i in range(50): lists([1, 2, i % 2])\n\
             fib(15)\n\
             for i in range(20):\n    try: raises(i % 4)\n    except ValueError: pass\n\
             for i in range(5): list(generator(1))\n\
             for i in range(60): captured(i % 3)\n\
             for i in range(100): make()(i % 4)\n\
             for i in range(40): fresh(C())\n\
             for i in range(30): impure(i % 3)\n\
             for i in (-1, -2, 1, 1.0, True, None, 2**70, 2**70 + 2**61 - 1): lists((i,))\n",
            &[
                "--args=plain",
                "--args=C.method",
                "--args=__main__:lists",
                "--args=fib",
                "--args=raises",
                "--args=generator",
                "--args=captured",
                "--args=make.<locals>.inner",
                "--args=fresh",
                "--args=impure",
                "--args=nothing",
            ],
        );
        let counted = |name| numbers(function(&shown, name), &["calls", "distinct", "hits"]);
        // Keywords and positions are the same arguments.
        assert_eq!(counted("plain"), [1000, 10, 990], "{python}");
        assert_eq!(counted("method"), [100, 5, 95], "{python}");
        // 2 lists, and 8 tuples of which no two are the same.
        assert_eq!(counted("lists"), [58, 10, 48], "{python}");
        assert_eq!(counted("fib"), [1973, 16, 1957], "{python}");
        // Half of the calls raise: a cache keeps none of those.
        assert_eq!(counted("raises"), [20, 4, 8], "{python}");
        assert_eq!(counted("captured"), [60, 3, 57], "{python}");
        assert_eq!(counted("inner"), [100, 4, 96], "{python}");
        // Objects that are made for a call never come again, though their address does.
        assert_eq!(counted("fresh"), [40, 40, 0], "{python}");
        assert_eq!(function(&shown, "generator")["skipped"], true, "{python}");
        assert_eq!(function(&shown, "raises")["raised"], 10, "{python}");
        assert_eq!(function(&shown, "lists")["unhashable"], 50, "{python}");
        assert_eq!(function(&shown, "method")["by_identity"], 100, "{python}");
        assert_eq!(function(&shown, "fresh")["temporary"], 40, "{python}");
        let results = |name| function(&shown, name)["results"].clone();
        assert_eq!(results("impure")["differed"], 27, "{python}");
        assert_eq!(results("plain")["differed"], 0, "{python}");
        assert!(results("plain")["agreed"].as_u64() > Some(100), "{python}");
        let functions = shown["functions"].as_array().map_or(0, Vec::len);
        assert_eq!(functions, 10, "{python}: `other` is not watched");
        let top = &function(&shown, "plain")["repeated"][0];
        let text = top["arguments"].as_str().unwrap_or_default();
        assert!(text.ends_with(", 'abc', 2"), "{python}: {text}");
        assert_eq!(top["calls"], 100, "{python}");
        let notes = shown["notes"].as_array().expect("an array");
        assert_eq!(notes.len(), 1, "{python}: {notes:?}");
        assert!(notes[0].as_str().unwrap_or_default().contains("`nothing`"));
    });
}

#[test]
fn time_in_repeats_is_what_a_cache_saves() {
    on_each_python(|python| {
        // 10 of 40 calls have new arguments; all take the same.
        let shown = watched(
            python,
            "import time\n\
             def slow(n): time.sleep(0.003); return n\n\
             for i in range(40): slow(i % 10)\n",
            &["--args", "slow"],
        );
        let slow = function(&shown, "slow");
        let [time, repeats] = numbers(slow, &["time_ns", "repeat_ns"])[..] else {
            panic!("two numbers");
        };
        assert!(time >= 40 * 3_000_000, "{python}: {time}");
        assert!(repeats >= 30 * 3_000_000, "{python}: {repeats}");
        assert!(
            time - repeats >= 10 * 3_000_000,
            "{python}: {time} {repeats}"
        );
        assert_eq!(slow["cache_size"], 16, "{python}");
    });
}

const QUERIES: &str = "import os, sqlite3\n\
    con = sqlite3.connect(':memory:')\n\
    con.execute('create table author(id integer primary key, name text)')\n\
    con.execute('create table book(id integer primary key, author integer)')\n\
    con.executemany('insert into author values(?, ?)', [(i, str(i)) for i in range(100)])\n\
    con.commit()\n\
    def write():\n    for i in range(50):\n\
    \x20       con.execute('insert into book values(%d, %d)' % (i, i))\n        con.commit()\n\
    def author(i):\n    return con.execute('select name from author where id = ?', (i,)).fetchone()\n\
    def listing():\n    for i, a in con.cursor().execute('select id, author from book'):\n\
    \x20       author(a)\n\
    def again():\n    for i in range(30):\n\
    \x20       con.execute('select count(*) from book where id in (1, 2,3)').fetchall()\n\
    write(); listing(); again()\n\
    os._exit(0)\n";

/// The statement that begins so.
fn statement<'a>(shown: &'a Value, start: &str) -> &'a Value {
    let statements = shown["queries"]["statements"].as_array().expect("an array");
    let mut found = statements.iter().filter(|entry| {
        entry["statement"]
            .as_str()
            .unwrap_or_default()
            .starts_with(start)
    });
    let first = found.next();
    assert!(
        found.next().is_none(),
        "`{start}` is one statement: {shown:#}"
    );
    first.unwrap_or_else(|| panic!("no `{start}` in {shown:#}"))
}

fn kinds(statement: &Value) -> Vec<&str> {
    let patterns = statement["patterns"].as_array().expect("an array");
    let kind = |pattern: &'_ Value| pattern["kind"].as_str().map(str::len);
    assert!(patterns.iter().all(|pattern| kind(pattern).is_some()));
    patterns.iter().filter_map(|p| p["kind"].as_str()).collect()
}

fn check_queries(python: &Python, shown: &Value) {
    let author = statement(shown, "select name");
    assert_eq!(author["statement"], "select name from author where id = ?");
    assert_eq!(
        numbers(author, &["count", "rows", "repeated"]),
        [50, 50, 0],
        "{python}"
    );
    assert_eq!(kinds(author), ["n_plus_one"], "{python}");
    assert_eq!(author["place"]["line"], 12, "{python}");
    assert_eq!(author["caller"]["line"], 15, "{python}");
    assert_eq!(author["patterns"][0]["runs"], 50, "{python}");
    let parent = author["patterns"][0]["parent"].as_str();
    assert_eq!(parent, Some("select id, author from book"), "{python}");
    let book = statement(shown, "insert into book");
    assert_eq!(book["statement"], "insert into book values(?)", "{python}");
    assert_eq!(kinds(book), ["commit_per_row"], "{python}");
    assert_eq!(
        numbers(book, &["count", "lone_commits"]),
        [50, 50],
        "{python}"
    );
    let again = statement(shown, "select count");
    assert_eq!(
        again["statement"], "select count(*) from book where id in (?)",
        "{python}"
    );
    assert_eq!(kinds(again), ["repeated"], "{python}");
    assert_eq!(
        numbers(again, &["count", "rows", "repeated"]),
        [30, 30, 29],
        "{python}"
    );
    let many = statement(shown, "insert into author");
    assert_eq!(many["many"], true, "{python}");
    assert_eq!(numbers(many, &["count"]), [1], "{python}");
    assert_eq!(shown["queries"]["commits"], 51, "{python}");
    assert_eq!(
        numbers(statement(shown, "select id"), &["rows"]),
        [50],
        "{python}"
    );
}

#[test]
fn statements_of_sqlite_are_counted_with_their_lines() {
    on_each_python(|python| check_queries(python, &watched(python, QUERIES, &["--queries"])));
}

/// aiosqlite runs every statement in a thread of the connection's, where nothing of the program is
/// on the stack.
#[test]
fn statements_of_aiosqlite_are_those_of_the_coroutine_that_awaits_them() {
    const SOURCE: &str = "\
import asyncio, aiosqlite
async def insert(db, i):
    await db.execute('insert into t values (?)', (i,))
    await db.commit()
async def lookup(db, i):
    async with db.execute('select a from t where a = ?', (i,)) as cursor:
        return await cursor.fetchone()
async def everything(db):
    cursor = await db.cursor()
    await cursor.execute('select a, a from t')
    for (a, _) in await cursor.fetchall():
        await lookup(db, a)
async def main():
    async with aiosqlite.connect(':memory:') as db, aiosqlite.connect(':memory:') as other:
        for one in (db, other):
            await one.execute('create table t(a integer)')
            await one.executemany('delete from t where a = ?', [(1,), (2,)])
        await asyncio.gather(*[insert(one, i) for i in range(30) for one in (db, other)])
        await everything(db)
asyncio.run(main())
";
    on_each_python(|python| {
        let Some(packages) = package(python, "aiosqlite") else {
            return;
        };
        let packages = packages.to_string_lossy().into_owned();
        // They are installed where packages are.
        let workbench = Workbench::new();
        let site = workbench.path().join("site-packages");
        std::os::unix::fs::symlink(&packages, &site).expect("a link");
        let variables = [("PYTHONPATH", site.to_str().expect("UTF-8"))];
        let shown = watched_in(&workbench, python, SOURCE, &["--queries"], &variables);
        for (text, line, function, count) in [
            ("insert", 3, "insert", 60),
            ("select a from", 6, "lookup", 30),
            ("select a, a", 10, "everything", 1),
            ("create", 16, "main", 2),
            ("delete", 17, "main", 2),
        ] {
            let found = statement(&shown, text);
            let place = (&found["place"]["line"], &found["place"]["function"]);
            assert_eq!(place, (&line.into(), &function.into()), "{python} {text}");
            assert_eq!(numbers(found, &["count"]), [count], "{python} {text}");
        }
        let lookup = statement(&shown, "select a from");
        assert_eq!(numbers(lookup, &["rows"]), [30], "{python}");
        assert_eq!(lookup["caller"]["line"], 12, "{python}");
        assert_eq!(kinds(lookup), ["n_plus_one"], "{python}");
    });
}

#[test]
fn the_jit_of_3_15_does_not_hide_statements() {
    let Some(python) = python(15) else {
        return;
    };
    let jit = [("PYTHON_JIT", "1")];
    let shown = watched_in(&Workbench::new(), python, QUERIES, &["--queries"], &jit);
    check_queries(python, &shown);
    let source = "import sqlite3\ncur = sqlite3.connect(':memory:').cursor()\n\
        def work(n):\n    for i in range(n): cur.execute('select 1').fetchone()\nwork(20000)\n";
    let shown = watched_in(&Workbench::new(), python, source, &["--queries"], &jit);
    let one = statement(&shown, "select ?");
    assert_eq!(numbers(one, &["count", "rows"]), [20_000, 20_000]);
}

/// A driver that keeps to PEP 249 and is written in Python, as PyMySQL is; and in the same manner
/// what SQLAlchemy and Django have on top of one: functions of these names in these modules. The
/// packages themselves take longer to install than a test may.
#[test]
fn drivers_and_frameworks_written_in_python_are_watched_too() {
    on_each_python(|python| {
        let workbench = Workbench::new();
        for directory in ["slowsql", "sqlalchemy/engine", "django/db/backends"] {
            std::fs::create_dir_all(workbench.path().join(directory)).expect("it can be made");
        }
        for package in [
            "sqlalchemy",
            "sqlalchemy/engine",
            "django",
            "django/db",
            "django/db/backends",
        ] {
            workbench.write(&format!("{package}/__init__.py"), "");
        }
        workbench.write(
            "slowsql/__init__.py",
            "apilevel = '2.0'; threadsafety = 1; paramstyle = 'format'\n\
             from .cursors import Cursor, Connection\n\
             def connect(): return Connection()\n",
        );
        workbench.write(
            "slowsql/cursors.py",
            "class Cursor:\n\
             \x20   def execute(self, query, args=None): return self._query(query)\n\
             \x20   def _query(self, query): self.rows = [(1,), (2,), (3,)]; return 3\n\
             \x20   def executemany(self, query, args):\n\
             \x20       for one in args: self.execute(query, one)\n\
             \x20   def fetchall(self): return self.rows\n\
             \x20   def fetchone(self): return self.rows.pop() if self.rows else None\n\
             class Connection:\n\
             \x20   def cursor(self): return Cursor()\n\
             \x20   def commit(self): pass\n",
        );
        workbench.write(
            "sqlalchemy/engine/default.py",
            "class DefaultDialect:\n\
             \x20   def do_execute(self, cursor, statement, parameters, context=None):\n\
             \x20       cursor.execute(statement, parameters)\n\
             \x20   def do_executemany(self, cursor, statement, parameters, context=None): pass\n\
             \x20   def do_commit(self, connection): connection.commit()\n",
        );
        workbench.write(
            "django/db/backends/utils.py",
            "class CursorWrapper:\n\
             \x20   def __init__(self, cursor): self.cursor = cursor\n\
             \x20   def execute(self, sql, params=None): return self.cursor.execute(sql, params)\n\
             \x20   def executemany(self, sql, params): return self.cursor.executemany(sql, params)\n",
        );
        let source = "import slowsql\n\
            from sqlalchemy.engine.default import DefaultDialect\n\
            from django.db.backends.utils import CursorWrapper\n\
            con = slowsql.connect(); cur = con.cursor()\n\
            for i in range(30):\n    cur.execute('select a from t where b = %s', (i,)); cur.fetchall()\n\
            cur.executemany('insert into t values (%s)', [(1,), (2,)])\n\
            for i in range(7): DefaultDialect().do_execute(cur, 'delete from t where b = 1', ())\n\
            for i in range(5): CursorWrapper(cur).execute('update t set b = 2')\n";
        // The packages are the program's own here; only installed ones are not its user's.
        let shown = watched_in(&workbench, python, source, &["--queries"], &[]);
        let select = statement(&shown, "select");
        assert_eq!(numbers(select, &["count", "rows"]), [30, 90], "{python}");
        assert_eq!(select["place"]["line"], 6, "{python}");
        assert_eq!(kinds(select), ["in_loop"], "{python}");
        let many = statement(&shown, "insert");
        assert_eq!(
            numbers(many, &["count"]),
            [1],
            "{python}: what it calls is part of it"
        );
        assert_eq!(
            numbers(statement(&shown, "delete"), &["count"]),
            [7],
            "{python}"
        );
        assert_eq!(
            numbers(statement(&shown, "update"), &["count"]),
            [5],
            "{python}"
        );
    });
}

#[test]
fn what_blocks_an_event_loop_is_named_with_its_line() {
    on_each_python(|python| {
        let shown = watched(
            python,
            "import asyncio, threading, time\n\
             async def bad():\n    time.sleep(0.05)\n\
             async def good():\n    await asyncio.sleep(0.06)\n\
             async def main():\n\
             \x20   await asyncio.gather(bad(), good(), good())\n\
             \x20   await asyncio.get_event_loop().run_in_executor(None, time.sleep, 0.07)\n\
             asyncio.run(main())\n\
             time.sleep(0.08)\n",
            &["--blocking", "--slow-callback", "40"],
        );
        let loops = &shown["event_loops"];
        let slow = loops["slow"].as_array().expect("an array");
        assert_eq!(slow.len(), 1, "{python}: {loops:#}");
        assert_eq!(slow[0]["label"], "bad", "{python}");
        assert_eq!(slow[0]["place"]["line"], 2, "{python}");
        let [count, longest, blocked] =
            numbers(&slow[0], &["count", "longest_ns", "blocked_ns"])[..]
        else {
            panic!("three numbers");
        };
        assert_eq!(count, 1, "{python}");
        assert!(
            longest >= 50_000_000 && blocked >= 50_000_000,
            "{python}: {loops:#}"
        );
        let calls = loops["blocking"].as_array().expect("an array");
        let sleeps: Vec<&Value> = calls
            .iter()
            .filter(|call| call["what"] == "<built-in method time.sleep>")
            .collect();
        assert_eq!(sleeps.len(), 1, "{python}: {loops:#}");
        assert_eq!(sleeps[0]["place"]["line"], 3, "{python}");
        assert_eq!(sleeps[0]["count"], 1, "{python}");
    });
}

#[test]
fn threads_and_forked_processes_count_for_themselves() {
    on_each_python(|python| {
        let shown = watched(
            python,
            "import os, threading\n\
             def f(n): return n\n\
             def work():\n    for i in range(500): f(i % 5)\n\
             threads = [threading.Thread(target=work) for _ in range(2)]\n\
             for t in threads: t.start()\n\
             for t in threads: t.join()\n\
             pid = os.fork()\n\
             if pid == 0:\n    work(); os._exit(0)\n\
             os.waitpid(pid, 0)\n",
            &["--args", "f"],
        );
        let f = function(&shown, "f");
        assert_eq!(numbers(f, &["calls"]), [1500], "{python}");
        // The forked process has inherited what a cache would hold.
        assert_eq!(numbers(f, &["hits"]), [1495], "{python}");
    });
}

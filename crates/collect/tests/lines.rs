//! Choosing functions for line timing, on every interpreter: `profile`, and where names lead.

use pitstop_collect::lines::{Names, Resolved, TO_THE_END, WantedCode, resolve};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The module of `profile`, as it lies beside the bootstrap.
const DECORATOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/lines/decorator.py");
/// The directory of the package `pitstop`.
const PACKAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../python");

/// Those in `PITSTOP_PYTHONS`, else those under `target/pythons`.
#[expect(clippy::print_stderr, reason = "a test that is not run must say so")]
fn pythons() -> Vec<PathBuf> {
    if let Some(list) = std::env::var_os("PITSTOP_PYTHONS") {
        return std::env::split_paths(&list).collect();
    }
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/pythons");
    let found: Vec<PathBuf> = (8..=15)
        .map(|minor| home.join(format!("3.{minor}/bin/python3.{minor}")))
        .filter(|path| path.is_file())
        .collect();
    if found.is_empty() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"));
        eprintln!("SKIPPED: no Python found; `cargo xtask pythons` installs them");
    }
    found
}

/// Runs a program after the bootstrap's part, with the names that were chosen in `chosen`.
fn run(python: &Path, directory: &Path, program: &str) {
    let script = format!(
        r#"
import sys
before = set(sys.modules)
module = type(sys)("_pitstop_lines")
exec(compile(open({DECORATOR:?}).read(), "decorator", "exec"), module.__dict__)
sys.modules["_pitstop_lines"] = module
chosen = []
module.install(lambda code: chosen.append(getattr(code, "co_qualname", code.co_name).split(".")[-1]))
assert set(sys.modules) - before <= {{"_pitstop_lines"}}, "something was imported"
{program}
"#
    );
    let mut command = Command::new(python);
    command
        .args(["-X", "utf8", "-c", &script])
        .current_dir(directory);
    let output = command.output().expect("the interpreter starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", python.display());
}

#[test]
fn everything_that_can_be_decorated_is_chosen_and_unchanged() {
    let here = tempfile::tempdir().expect("a directory");
    for python in pythons() {
        run(
            &python,
            here.path(),
            r#"
import functools

def f(): pass
assert profile(f) is f and f() is None

class A:
    other = int
    @profile
    def method(self): pass
    @profile
    @classmethod
    def c(cls): pass
    @profile
    @staticmethod
    def s(): pass
    @profile
    @property
    def p(self): return 1
    @p.setter
    def p(self, value): pass
    @profile
    @functools.cached_property
    def cached(self): pass
    @profile
    async def coroutine(self): pass
    @profile
    @functools.lru_cache()
    def lru(self): pass
    part = profile(functools.partial(f, 1))

assert chosen == ["f", "method", "c", "s", "p", "cached", "coroutine", "lru", "f"], chosen
assert A().p == 1 and isinstance(A.__dict__["c"], classmethod)
del chosen[:]

@profile
class B:
    elsewhere = A
    class Inner:
        def deep(self): pass
    def b(self): pass
    def again(self): return self.again
    x = property(lambda self: 1)
assert sorted(chosen) == ["<lambda>", "again", "b", "deep"], chosen

class Liar:
    def __getattr__(self, name): raise RuntimeError(name)
assert isinstance(profile(Liar()), Liar) and profile(3) == 3
with profile:
    assert profile.runcall(max, 1, 2) == 2
profile.enable(), profile.disable(), profile.enable_by_count(), profile.print_stats()
"#,
        );
    }
}

#[test]
fn profile_is_ours_in_line_profiler_installed_or_not_and_in_our_own_package() {
    let here = tempfile::tempdir().expect("a directory");
    let package = here.path().join("installed/line_profiler");
    std::fs::create_dir_all(&package).expect("a directory");
    // The hook that line_profiler 5.1 has for kernprof.
    let theirs = "
class GlobalProfiler:
    _profile = None
    def _kernprof_overwrite(self, profile):
        self._profile = profile
    def __call__(self, function):
        return self._profile(function)
profile = GlobalProfiler()
LineProfiler = object
";
    std::fs::write(package.join("__init__.py"), theirs).expect("a file");
    for python in pythons() {
        let absent = r#"
import line_profiler, pitstop
from line_profiler import profile as theirs
assert theirs is profile is pitstop.profile
try:
    from line_profiler import LineProfiler
    assert False
except ImportError:
    pass
"#;
        run(&python, here.path(), absent);
        let installed = format!(
            r#"
sys.path[:0] = ["installed", {PACKAGE:?}]
sys.dont_write_bytecode = True
import line_profiler
from line_profiler import profile as theirs, LineProfiler
assert type(theirs).__name__ == "GlobalProfiler"
assert type(line_profiler.__loader__).__name__ == "SourceFileLoader"
assert type(line_profiler.__spec__.loader).__name__ == "SourceFileLoader"
@theirs
def f(): pass
assert chosen == ["f"], chosen
import pitstop
assert pitstop.profile is profile and pitstop.__file__
del sys.modules["_pitstop_lines"], sys.modules["pitstop"]
import pitstop
off = pitstop.profile
assert off is not profile and off(f) is f and off.runcall(max, 1, 2) == 2
with off:
    off.enable(), off.add_class(int)
names = lambda thing: {{name for name in vars(type(thing)) if name[0] != "_"}}
assert names(profile) == names(off)
"#
        );
        run(&python, here.path(), &installed);
    }
}

fn resolved(python: &Path, directory: &Path, main: Option<&Path>, names: &[&str]) -> Resolved {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let query = Names {
        interpreter: python.as_os_str(),
        directory,
        main,
        imports: main.is_some(),
        names: &names,
    };
    resolve(&query).expect("the interpreter answers")
}

#[test]
fn names_lead_to_files_and_lines_without_importing_anything() {
    let here = tempfile::tempdir().expect("a directory");
    let root = std::fs::canonicalize(here.path()).expect("it is there");
    let write = |name: &str, text: &str| {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, text).expect("a file");
    };
    write("pkg/__init__.py", "raise SystemExit('imported')");
    write(
        "pkg/mod.py",
        "import os\nif os:\n    class A:\n        @property\n        def f(self):\n            pass\n\
         def g(): pass\ndef g():\n    return 1\nraise SystemExit('imported')\n",
    );
    write(
        "main.py",
        "import pkg.mod as m\nfrom pkg.mod import A, x\nimport sys, gone\n",
    );
    let code = |file: &str, first_line, last_line| WantedCode {
        file: root.join(file).to_string_lossy().into_owned(),
        first_line,
        last_line,
        name: None,
    };
    for python in pythons() {
        let at = |names: &[&str]| resolved(&python, &root, None, names);
        let module = code("pkg/mod.py", 1, TO_THE_END);
        let init = code("pkg/__init__.py", 1, TO_THE_END);
        assert_eq!(at(&["pkg.mod"]).wanted, std::slice::from_ref(&module));
        assert_eq!(at(&["pkg.mod.A"]).wanted, [code("pkg/mod.py", 3, 6)]);
        assert_eq!(at(&["pkg.mod.A.f"]).wanted, [code("pkg/mod.py", 4, 6)]);
        assert_eq!(at(&["pkg.mod.g"]).wanted, [code("pkg/mod.py", 8, 9)]);
        assert_eq!(at(&["pkg"]).wanted, [init.clone(), module.clone()]);
        assert_eq!(at(&["pkg.__init__"]).wanted, std::slice::from_ref(&init));
        let path = root.join("pkg");
        let path = path.to_str().expect("UTF-8");
        assert_eq!(at(&[path]).wanted, [init, module.clone()]);
        let join = at(&["os.path.join"]);
        assert!(join.wanted[0].file.ends_with("posixpath.py"), "{join:?}");
        let missing = at(&["sys", "gone", "pkg.mod.none", "gone.py", "math"]);
        assert_eq!(
            (missing.wanted.len(), missing.missing.len()),
            (0, 5),
            "{missing:?}"
        );
        assert_eq!(missing.missing[2].1, "`mod.py` defines no `none`");
        let main = root.join("main.py");
        let with_imports = resolved(&python, &root, Some(&main), &["main"]);
        let expected = [
            code("main.py", 1, TO_THE_END),
            module,
            code("pkg/mod.py", 3, 6),
        ];
        assert_eq!(with_imports.wanted, expected);
    }
}

#[test]
fn an_interpreter_that_is_none_is_an_error_in_words() {
    let names = ["json".to_owned()];
    let query = |interpreter| Names {
        interpreter: OsStr::new(interpreter),
        directory: Path::new("."),
        main: None,
        imports: false,
        names: &names,
    };
    let error = resolve(&query("no-such-python")).expect_err("it is not there");
    assert!(error.to_string().contains("cannot be started"), "{error}");
    let error = resolve(&query("false")).expect_err("it is no Python");
    assert!(error.to_string().contains("it said nothing"), "{error}");
}

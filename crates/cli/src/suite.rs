//! Words on the command line that name benchmarks written for another tool.

use crate::args::ReadAs;
use crate::exit::{Failure, Status};
use crate::say::say;
use crate::trial::explain;
use pitstop_bench::{Control, Error, Findings, Side, Suite, Work, find};
use std::path::{Path, PathBuf};

/// The most of a file that is looked at to tell whose it is.
const MOST_BYTES: u64 = 4 << 20;

/// The most names that are listed.
const MOST_NAMES: usize = 8;

/// Benchmarks of another tool.
pub(crate) struct Target {
    suite: Suite,
    words: Vec<String>,
    /// Only those with this in their name.
    only: Vec<String>,
}

/// What words name, if it is a suite. `only` is what names must contain.
pub(crate) fn target(
    words: &[String],
    read_as: ReadAs,
    only: Option<&str>,
) -> Result<Option<Target>, Failure> {
    let Some(first) = words.first() else {
        return Ok(None);
    };
    let (path, name) = match first.split_once("::") {
        Some((path, name)) => (path, Some(name)),
        None => (first.as_str(), None),
    };
    let suite = match read_as {
        ReadAs::Script => None,
        ReadAs::Auto => written_for(Path::new(path)),
        ReadAs::Pytest => Some(Suite::Pytest),
        ReadAs::Asv => Some(Suite::Asv),
        ReadAs::Pyperf => Some(Suite::Pyperf),
    };
    let Some(suite) = suite else {
        if let (Some(only), ReadAs::Auto | ReadAs::Script) = (only, read_as) {
            let what = format!("there is only one `{first}`, and --only {only}");
            return Err(Failure::new(Status::Usage, what).cure("leave --only out"));
        }
        return Ok(None);
    };
    if !Path::new(path).exists() {
        let what = format!("`{path}` does not exist");
        return Err(
            Failure::new(Status::Usage, what).cure("name a file or directory that is there")
        );
    }
    let mut only: Vec<String> = only.map(str::to_owned).into_iter().collect();
    let mut words = words.to_vec();
    if suite != Suite::Pytest {
        // pytest reads its own way of naming a test.
        only.extend(name.map(|name| name.replace("::", ".")));
        path.clone_into(&mut words[0]);
    }
    if suite == Suite::Asv {
        words.truncate(1);
        if let Some(directory) = asv_directory(Path::new(path)) {
            words[0] = directory.to_string_lossy().into_owned();
        }
    }
    Ok(Some(Target { suite, words, only }))
}

impl Target {
    /// Finds what it names, on a side.
    pub(crate) fn find(&self, side: &Side, control: &mut dyn Control) -> Result<Findings, Failure> {
        let found = find(self.suite, &self.words, side, control);
        let mut found = found.map_err(|error| explain(&error))?;
        let all = found.cases.len();
        let is_wanted = |name: &str| self.only.iter().all(|part| name.contains(part.as_str()));
        let names: Vec<String> = found.cases.iter().map(|(name, _)| name.clone()).collect();
        found.cases.retain(|(name, _)| is_wanted(name));
        if !found.cases.is_empty() {
            return Ok(found);
        }
        let (tool, words) = (self.suite.key(), self.words.join(" "));
        let what = format!("there is no benchmark for {tool} in `{words}`");
        let mut failure = Failure::new(Status::CannotMeasure, what);
        for (name, reason) in found.passed_over.iter().take(MOST_NAMES) {
            failure = failure.because(format!("{name}: {}", last_line(reason)));
        }
        if all > 0 {
            let names: Vec<&str> = names.iter().map(String::as_str).take(MOST_NAMES).collect();
            failure = failure.because(format!(
                "of {all} none is called so; there are {}",
                names.join(", ")
            ));
            return Err(failure.cure("name one of those"));
        }
        Err(failure.cure(match self.suite {
            Suite::Pytest => "a benchmark is a test that takes the fixture `benchmark`",
            Suite::Asv => {
                "a benchmark is a function or method named time_*, timeraw_*, peakmem_*, mem_* or \
                 track_*"
            }
            Suite::Pyperf => "a benchmark is a call of a method of `pyperf.Runner()`",
        }))
    }
}

/// Says what was not measured, and why. Whether something went wrong that should not have.
pub(crate) fn report(left_out: &[Error], passed_over: &[(String, String)]) -> bool {
    for (name, reason) in passed_over {
        say!(" skipped   {name}: {}", last_line(reason));
    }
    let mut is_broken = false;
    for error in left_out {
        if let Error::Skipped { name, why } = error {
            say!(" skipped   {name}: {}", last_line(why));
        } else {
            is_broken = true;
            say!(" failed    {error}");
        }
    }
    is_broken || !passed_over.is_empty()
}

/// The last thing that Python says.
fn last_line(text: &str) -> &str {
    let lines = text.trim_end().lines().rev();
    lines
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("no reason given")
}

/// Pairs of works of one name, and the names that only one side has.
pub(crate) fn matched(
    one: Vec<(String, Work)>,
    mut other: Vec<(String, Work)>,
) -> (Vec<(String, [Work; 2])>, Vec<String>) {
    let (mut pairs, mut alone) = (Vec::new(), Vec::new());
    for (name, work) in one {
        match other.iter().position(|(known, _)| *known == name) {
            Some(at) => {
                let (name, second) = other.remove(at);
                pairs.push((name, [work, second]));
            }
            None => alone.push(name),
        }
    }
    alone.extend(other.into_iter().map(|(name, _)| name));
    (pairs, alone)
}

/// For whom a file or directory is written.
fn written_for(path: &Path) -> Option<Suite> {
    if path.is_dir() {
        let files = std::fs::read_dir(path).into_iter().flatten().flatten();
        let is_asv = |file: PathBuf| text_for(&file) == Some(Suite::Asv);
        let holds_asv = || files.map(|entry| entry.path()).any(is_asv);
        return Some(match asv_directory(path).is_some() || holds_asv() {
            true => Suite::Asv,
            false => Suite::Pytest,
        });
    }
    text_for(path)
}

/// For whom a file is written, by what stands in it.
fn text_for(path: &Path) -> Option<Suite> {
    if path.extension().is_none_or(|ending| ending != "py") {
        return None;
    }
    let size = std::fs::metadata(path)
        .ok()
        .filter(std::fs::Metadata::is_file)?
        .len();
    if size > MOST_BYTES {
        return None;
    }
    let text = String::from_utf8_lossy(&std::fs::read(path).ok()?).into_owned();
    let name = path.file_stem()?.to_string_lossy().into_owned();
    by_text(&name, &text)
}

fn by_text(name: &str, text: &str) -> Option<Suite> {
    let mut lines = text.lines().map(str::trim_start);
    let imports = |line: &str| line.starts_with("import pyperf") || line.starts_with("from pyperf");
    if lines.clone().any(imports) {
        return Some(Suite::Pyperf);
    }
    let defines = |line: &str, prefixes: &[&str]| {
        let line = line.strip_prefix("async ").unwrap_or(line);
        let function = line.strip_prefix("def ");
        function.is_some_and(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
    };
    let is_test = name.starts_with("test_") || name.ends_with("_test");
    if is_test
        || lines
            .clone()
            .any(|line| defines(line, &["test_"]) && line.contains("benchmark"))
    {
        return Some(Suite::Pytest);
    }
    // What can be run by itself is run by itself.
    let is_program = lines.clone().any(|line| line.starts_with("if __name__"));
    let prefixes = ["time_", "timeraw_", "peakmem_", "mem_", "track_"];
    (!is_program && lines.any(|line| defines(line, &prefixes))).then_some(Suite::Asv)
}

/// Where the configuration of asv in a directory says that benchmarks are.
fn asv_directory(path: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(path.join("asv.conf.json")).ok()?;
    // asv takes comments of whole lines.
    let is_said = |line: &&str| !line.trim_start().starts_with("//");
    let text: Vec<&str> = text.lines().filter(is_said).collect();
    let text = text.join("\n");
    let value = text.split_once("\"benchmark_dir\"").and_then(|(_, rest)| {
        let rest = rest.trim_start().strip_prefix(':')?.trim_start();
        rest.strip_prefix('"')?.split_once('"')
    });
    Some(path.join(value.map_or("benchmarks", |(directory, _)| directory)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_apart_by_what_stands_in_them() {
        let asv = "class Suite:\n    def setup(self): pass\n    def time_it(self): pass\n";
        assert_eq!(by_text("speed", asv), Some(Suite::Asv));
        assert_eq!(
            by_text("speed", &format!("{asv}if __name__ == '__main__': x()")),
            None
        );
        let pyperf = "if __name__ == '__main__':\n    import pyperf\n";
        assert_eq!(by_text("bm_x", pyperf), Some(Suite::Pyperf));
        assert_eq!(by_text("test_x", "x = 1"), Some(Suite::Pytest));
        let test = "async def test_x(benchmark):\n    await benchmark(f)\n";
        assert_eq!(by_text("speed", test), Some(Suite::Pytest));
        assert_eq!(
            by_text("job", "def timer(): pass\ndef main(): time_it()\n"),
            None
        );
    }

    #[test]
    fn works_are_matched_by_name_and_the_rest_is_named() {
        let work = |text: &str| Work::Statement {
            setup: String::new(),
            text: text.into(),
        };
        let side = |names: &[&str]| {
            let one = |name: &&str| ((*name).to_owned(), work(name));
            names.iter().map(one).collect::<Vec<_>>()
        };
        let (pairs, alone) = matched(side(&["a", "b"]), side(&["c", "b"]));
        assert_eq!(pairs, [("b".to_owned(), [work("b"), work("b")])]);
        assert_eq!(alone, ["a", "c"]);
    }

    #[test]
    fn the_directory_of_asv_is_read_past_comments() {
        let directory = tempfile::tempdir().expect("a directory");
        assert_eq!(asv_directory(directory.path()), None);
        let write = |text: &str| {
            std::fs::write(directory.path().join("asv.conf.json"), text).expect("written");
            asv_directory(directory.path()).expect("there")
        };
        assert!(write("{}").ends_with("benchmarks"));
        let text = "{\n  // \"benchmark_dir\": \"no\",\n  \"benchmark_dir\" : \"speed\"\n}";
        assert!(write(text).ends_with("speed"));
    }
}

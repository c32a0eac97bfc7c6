//! What follows from a budget's work, and from what was counted of it.

use pitstop_analysis::gate::Culprit;
use pitstop_bench::{Counts, Work};
use std::path::Path;

/// Names that are listed before the rest is only counted.
const MOST_NAMES: usize = 8;

/// The import of a function's module.
pub(super) fn import_of(work: &Work) -> Work {
    let module = match work {
        Work::Function { target, .. } => target.split(':').next().unwrap_or_default(),
        _ => "",
    };
    Work::Statement {
        setup: String::new(),
        text: format!("import {module}"),
    }
}

/// A call of a function with an input of a size.
pub(super) fn sized(work: &Work, input: &str, size: u64) -> Work {
    let (setup, target) = match work {
        Work::Function { setup, target } => (setup.as_str(), target.as_str()),
        _ => ("", ":"),
    };
    let (module, name) = target.split_once(':').unwrap_or_default();
    let lines = [
        setup,
        &format!("import {module} as _module"),
        &format!("_function = _module.{name}"),
        &format!("n = {size}"),
        &format!("_input = ({input})"),
    ];
    Work::Statement {
        setup: lines.join("\n"),
        text: "_function(_input)".into(),
    }
}

/// Functions with their files relative to the repository, where they lie in it.
pub(super) fn functions(counts: &Counts, root: Option<&Path>, prefix: &str) -> Vec<Culprit> {
    let known = counts.functions.iter().map(|function| {
        let inside = root.and_then(|root| Path::new(&function.file).strip_prefix(root).ok());
        Culprit {
            name: function.name.clone(),
            file: inside.map_or(function.file.clone(), |path| {
                format!("{prefix}{}", path.display())
            }),
            line: function.line,
            base: 0,
            head: function.count,
        }
    });
    known.collect()
}

/// Modules that are new, without those below another that is new.
pub(super) fn new_modules(new: &[&String]) -> Option<String> {
    let is_top = |name: &&&String| {
        let mut others = new.iter();
        !others.any(|other| {
            name.strip_prefix(other.as_str())
                .is_some_and(|rest| rest.starts_with('.'))
        })
    };
    let top: Vec<&str> = new
        .iter()
        .filter(is_top)
        .map(|name| name.as_str())
        .collect();
    let shown = top
        .iter()
        .take(MOST_NAMES)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match top.len() {
        0 => None,
        count if count > MOST_NAMES => Some(format!(
            "new modules: {shown} and {} more",
            count - MOST_NAMES
        )),
        _ => Some(format!("new modules: {shown}")),
    }
}

/// Whether a module of the base lies in the working tree instead.
pub(super) fn is_led_astray(home: &Path, base: &Path, here: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    home.starts_with(real(here)) && !home.starts_with(real(base))
}

#[cfg(test)]
mod tests {
    use super::*;
    use pitstop_bench::Counted;

    #[test]
    fn a_call_with_an_input_is_a_statement() {
        let work = Work::Function {
            setup: "import os".into(),
            target: "a.b:C.f".into(),
        };
        let Work::Statement { setup, text } = sized(&work, "[0] * n", 50) else {
            panic!("it is a statement");
        };
        let lines = "import os\nimport a.b as _module\n_function = _module.C.f\nn = 50\n\
                     _input = ([0] * n)";
        assert_eq!(
            (setup.as_str(), text.as_str()),
            (lines, "_function(_input)")
        );
        assert_eq!(import_of(&work).text(), "import a.b");
    }

    #[test]
    fn only_the_outermost_new_modules_are_listed() {
        let names: Vec<String> = ["pandas", "pandas.core", "pandasx"]
            .map(str::to_owned)
            .into();
        let new: Vec<&String> = names.iter().collect();
        assert_eq!(
            new_modules(&new).as_deref(),
            Some("new modules: pandas, pandasx")
        );
        let names: Vec<String> = (0..20).map(|at| format!("m{at}")).collect();
        let new: Vec<&String> = names.iter().collect();
        assert!(new_modules(&new).is_some_and(|text| text.ends_with("m7 and 12 more")));
        assert_eq!(new_modules(&[]), None);
    }

    #[test]
    fn files_of_the_project_are_relative_to_its_repository() {
        let function = |file: &str| Counted {
            count: 1,
            line: 2,
            file: file.into(),
            name: "f".into(),
        };
        let counts = Counts {
            functions: vec![function("/p/a.py"), function("/usr/b.py")],
            ..Counts::default()
        };
        let all = functions(&counts, Some(Path::new("/p")), "sub/");
        let files: Vec<_> = all.iter().map(|one| one.file.as_str()).collect();
        assert_eq!(files, ["sub/a.py", "/usr/b.py"]);
        let led = |home: &str| is_led_astray(Path::new(home), Path::new("/t"), Path::new("/p"));
        assert!(led("/p/a.py") && !led("/t/a.py") && !led("/usr/a.py"));
    }
}

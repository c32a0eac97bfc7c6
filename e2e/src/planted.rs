//! The planted set: programs with one known cause of slowness, as slow and fast twins.
//!
//! A file of `fixtures/planted` is a template. Marked blocks belong to one twin only, marked lines
//! say where the cause is and where the decoys are; `fixtures/planted/README.md` has the grammar.
//! The rendered twins hold no marks: nothing that judges them can read the answer.

use crate::workbench::workspace;
use std::path::PathBuf;

/// Which of the two programs a template is rendered to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twin {
    /// The one with the cause.
    Slow,
    /// The one in which somebody mended it by hand.
    Fast,
}

/// What mending the cause saves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Elapsed time.
    Time,
    /// Memory at its peak.
    Memory,
}

/// What is right to say of the program at its larger size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// The cause, as confirmed.
    Confirmed,
    /// Nothing that promises more than is there: the advice is folklore.
    Small,
}

/// Why a place that looks like the cause is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecoyKind {
    /// It hardly runs.
    Cold,
    /// It runs, on so little that the change would not pay.
    Small,
}

/// A line that looks like the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoy {
    /// From 1.
    pub line: u32,
    /// Why it is none.
    pub kind: DecoyKind,
}

/// Arguments of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Where the cause costs.
    Above,
    /// Where mending it would not pay.
    Below,
    /// Small enough for a test.
    Test,
}

/// One file of `fixtures/planted`.
#[derive(Clone, Debug)]
pub struct Template {
    /// Its name without `.py`.
    pub name: String,
    /// The rules that may name the cause; the first is the one it was planted for.
    pub rules: Vec<String>,
    /// What mending saves.
    pub measure: Measure,
    /// What is right to say.
    pub expectation: Expectation,
    /// Packages it imports beyond the standard library.
    pub needs: Vec<String>,
    above: Vec<String>,
    below: Vec<String>,
    test: Vec<String>,
    text: String,
}

/// A program as Python gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Its text, without marks.
    pub text: String,
    /// The lines of the cause, the first of them foremost.
    pub cause: Vec<u32>,
    /// Lines that a finding may name for it: the loop, the head of the function.
    pub also: Vec<u32>,
    /// The lines that look like it.
    pub decoys: Vec<Decoy>,
}

impl Rendered {
    /// True for a line that names the cause.
    pub fn names_cause(&self, line: u32) -> bool {
        self.cause.contains(&line) || self.also.contains(&line)
    }
}

const MARK: &str = "# planted: ";

impl Template {
    /// Reads a template; an error says which line is wrong, and why.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut template = Self {
            name: name.to_owned(),
            rules: Vec::new(),
            measure: Measure::Time,
            expectation: Expectation::Confirmed,
            needs: Vec::new(),
            above: Vec::new(),
            below: Vec::new(),
            test: Vec::new(),
            text: text.to_owned(),
        };
        for (number, line) in text.lines().enumerate() {
            if let Some((key, value)) = header(line) {
                template
                    .set(key, value)
                    .map_err(|why| format!("{name}.py:{}: {why}", number + 1))?;
            }
        }
        template
            .check()
            .map_err(|why| format!("{name}.py: {why}"))?;
        Ok(template)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let words = || value.split_whitespace().map(str::to_owned).collect();
        match (key, value) {
            ("rule", _) => self.rules = value.split('|').map(str::to_owned).collect(),
            ("above", _) => self.above = words(),
            ("below", _) => self.below = words(),
            ("test", _) => self.test = words(),
            ("needs", _) => self.needs = words(),
            ("measure", "time") => self.measure = Measure::Time,
            ("measure", "memory") => self.measure = Measure::Memory,
            ("expect", "confirmed") => self.expectation = Expectation::Confirmed,
            ("expect", "small") => self.expectation = Expectation::Small,
            _ => return Err(format!("`{key}={value}` is not known in a header")),
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        for (key, is_there) in [
            ("rule", !self.rules.is_empty()),
            ("above", !self.above.is_empty()),
            ("below", !self.below.is_empty()),
            ("test", !self.test.is_empty()),
        ] {
            if !is_there {
                return Err(format!("the header has no `{key}=`"));
            }
        }
        let slow = self.try_render(Twin::Slow)?;
        let fast = self.try_render(Twin::Fast)?;
        if slow.text == fast.text {
            return Err("both twins are the same".into());
        }
        if slow.cause.is_empty() {
            return Err("no line of the slow twin is marked as the cause".into());
        }
        for (twin, rendered) in [("slow", &slow), ("fast", &fast)] {
            let count = rendered.decoys.len();
            if count != 3 {
                return Err(format!("the {twin} twin has {count} decoys instead of 3"));
            }
        }
        for kind in [DecoyKind::Cold, DecoyKind::Small] {
            if slow.decoys.iter().all(|decoy| decoy.kind != kind) {
                return Err(format!("no decoy is {kind:?}"));
            }
        }
        Ok(())
    }

    /// Its arguments of that size.
    pub fn arguments(&self, size: Size) -> &[String] {
        match size {
            Size::Above => &self.above,
            Size::Below => &self.below,
            Size::Test => &self.test,
        }
    }

    /// One of the twins.
    ///
    /// Never fails: what could be wrong was found when the template was read.
    pub fn render(&self, twin: Twin) -> Rendered {
        self.try_render(twin)
            .expect("a template that was read can be rendered")
    }

    fn try_render(&self, wanted: Twin) -> Result<Rendered, String> {
        let mut lines: Vec<&str> = Vec::new();
        let mut rendered = Rendered {
            text: String::new(),
            cause: Vec::new(),
            also: Vec::new(),
            decoys: Vec::new(),
        };
        let mut block = None;
        for (number, line) in self.text.lines().enumerate() {
            let wrong = |why: &str| Err(format!("line {}: {why}", number + 1));
            match line.trim().strip_prefix(MARK) {
                Some("slow") => block = Some(Twin::Slow),
                Some("fast") => block = Some(Twin::Fast),
                Some("end") if block.is_none() => return wrong("`end` of no block"),
                Some("end") => block = None,
                Some(_) if header(line).is_some() => {}
                Some(other) => return wrong(&format!("`{other}` is no mark")),
                None if block.is_some_and(|twin| twin != wanted) => {}
                None => {
                    let at = u32::try_from(lines.len() + 1).map_err(|error| error.to_string())?;
                    let (code, mark) = line.split_once(MARK).unwrap_or((line, ""));
                    lines.push(code.trim_end());
                    let decoy = |kind| Decoy { line: at, kind };
                    match mark {
                        "" => {}
                        "cause" => rendered.cause.push(at),
                        "also" => rendered.also.push(at),
                        "decoy cold" => rendered.decoys.push(decoy(DecoyKind::Cold)),
                        "decoy small" => rendered.decoys.push(decoy(DecoyKind::Small)),
                        other => return wrong(&format!("`{other}` is no mark")),
                    }
                }
            }
        }
        if block.is_some() {
            return Err("the last block has no `end`".into());
        }
        rendered.text = lines.join("\n") + "\n";
        Ok(rendered)
    }
}

/// The key and value of a header line.
fn header(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix(MARK)?.split_once('=')
}

/// Where the templates lie.
pub fn planted_directory() -> PathBuf {
    workspace().join("fixtures/planted")
}

/// All templates by name, or everything that is wrong with them.
pub fn planted_set() -> Result<Vec<Template>, String> {
    let directory = planted_directory();
    let listing = std::fs::read_dir(&directory)
        .map_err(|error| format!("cannot read `{}`: {error}", directory.display()))?;
    let mut paths: Vec<PathBuf> = listing
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "py"))
        .collect();
    paths.sort();
    let (mut templates, mut wrong) = (Vec::new(), Vec::new());
    for path in paths {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string());
        match text.and_then(|text| Template::parse(&name, &text)) {
            Ok(template) => templates.push(template),
            Err(why) => wrong.push(why),
        }
    }
    if wrong.is_empty() {
        Ok(templates)
    } else {
        Err(wrong.join("\n"))
    }
}

/// Those of the rules for which no program was planted.
pub fn rules_without_a_program<'a>(templates: &[Template], rules: &[&'a str]) -> Vec<&'a str> {
    let planted = |rule: &str| {
        templates
            .iter()
            .any(|one| one.rules.iter().any(|r| r == rule))
    };
    rules
        .iter()
        .copied()
        .filter(|rule| !planted(rule))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
\"\"\"A program.\"\"\"
# planted: rule=list-membership|membership
# planted: above=10 20
# planted: below=1 2
# planted: test=1 1
# planted: slow
known = [1, 2]
# planted: fast
known = {1, 2}
# planted: end
for x in (1, 2):  # planted: also
    # planted: slow
    print(x in known)  # planted: cause
    # planted: fast
    print(x in known, end='\\n')
    # planted: end
print(1 in [2])  # planted: decoy cold
print(2 in [3])  # planted: decoy cold
print(3 in [4])  # planted: decoy small
";

    fn parse(text: &str) -> Result<Template, String> {
        Template::parse("program", text)
    }

    #[test]
    fn a_template_becomes_two_programs_without_marks() {
        let template = parse(TEXT).expect("it is right");
        assert_eq!(template.rules, ["list-membership", "membership"]);
        assert_eq!(template.arguments(Size::Above), ["10", "20"]);
        let slow = template.render(Twin::Slow);
        let fast = template.render(Twin::Fast);
        let head = "\"\"\"A program.\"\"\"\n";
        let tail = "print(1 in [2])\nprint(2 in [3])\nprint(3 in [4])\n";
        assert_eq!(
            slow.text,
            format!("{head}known = [1, 2]\nfor x in (1, 2):\n    print(x in known)\n{tail}")
        );
        assert_eq!(
            fast.text,
            format!(
                "{head}known = {{1, 2}}\nfor x in (1, 2):\n    print(x in known, end='\\n')\n{tail}"
            )
        );
        assert_eq!((slow.cause, slow.also), (vec![4], vec![3]));
        assert_eq!((fast.cause, fast.also), (vec![], vec![3]));
        let lines: Vec<u32> = slow.decoys.iter().map(|decoy| decoy.line).collect();
        assert_eq!(lines, [5, 6, 7]);
    }

    #[test]
    fn what_is_wrong_with_a_template_is_said() {
        for (old, new, expected) in [
            (
                "rule=",
                "rul=",
                "program.py:2: `rul=list-membership|membership` is not known",
            ),
            ("# planted: below=1 2\n", "", "no `below=`"),
            (
                "decoy small",
                "decoy tiny",
                "line 19: `decoy tiny` is no mark",
            ),
            ("decoy small", "decoy cold", "no decoy is Small"),
            (
                "print(3 in [4])  # planted: decoy small\n",
                "",
                "has 2 decoys instead of 3",
            ),
            (
                "planted: cause",
                "planted: also",
                "no line of the slow twin is marked",
            ),
            (
                "# planted: slow\nknown",
                "# planted: slw\nknown",
                "`slw` is no mark",
            ),
            ("    # planted: end\n", "", "the last block has no `end`"),
        ] {
            let text = TEXT.replacen(old, new, 1);
            let error = parse(&text).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_rule_without_a_program_is_told() {
        let templates = [parse(TEXT).expect("it is right")];
        let missing = rules_without_a_program(&templates, &["membership", "pop-front"]);
        assert_eq!(missing, ["pop-front"]);
    }
}

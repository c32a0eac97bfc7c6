//! The commands worth typing next: ones that exist and that work for this run.

use pitstop_analysis::headline::TooFew;
use pitstop_analysis::verdict::Run;
use pitstop_analysis::{Headline, Place, Verdict};
use pitstop_model::Judgement;

/// A command and what it is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// The command line to type.
    pub command: String,
    /// What it does.
    pub purpose: String,
}

/// The commands to suggest after a verdict, the best one first.
pub fn next(verdict: &Verdict) -> Vec<Next> {
    let mut suggestions = Vec::new();
    let mut add = |command: String, purpose: &str| {
        suggestions.push(Next {
            command,
            purpose: purpose.to_owned(),
        });
    };
    let in_library = verdict.library.dominates();
    if let Some(finding) = verdict.findings.first() {
        match finding.judgement {
            Judgement::Plausible { .. } | Judgement::NotMeasured if can_run_again(&verdict.run) => {
                add(
                    "pitstop check --run".into(),
                    "run it once more, to see which findings pay",
                );
            }
            Judgement::Confirmed { .. } => add(
                format!("pitstop explain {}", finding.slug),
                "what the first finding means, measured here",
            ),
            _ => {}
        }
    }
    match &verdict.headline {
        Headline::TooFewSamples { why, .. } => {
            match why {
                TooFew::NothingSeen => add("pitstop doctor".into(), "what can be measured here"),
                TooFew::ShortRun | TooFew::SlowRate => {
                    if let Some(command) = sooner(&verdict.run) {
                        add(command, "sample 10,000 times a second");
                    }
                }
            }
            if verdict.run.attached_to.is_none() {
                add(
                    "pitstop record -p PID".into(),
                    "sample a program that keeps running",
                );
            }
            return suggestions;
        }
        Headline::WaitingDominates { .. }
        | Headline::MemoryBound { .. }
        | Headline::MostlyStartup { .. } => {
            add(
                "pitstop lines".into(),
                "the costliest lines in their source",
            );
        }
        // Lines of the user's own that call a library tell the user what is known already.
        _ if in_library => add(
            "pitstop lines --show-library".into(),
            "the costliest lines, libraries included",
        ),
        Headline::OneLineDominates { line } if !line.place.kind.is_library() => {
            add(lines_of(&line.place), "that function line by line");
        }
        Headline::OneFunctionDominates { function } if !function.place.kind.is_library() => {
            add(lines_of(&function.place), "that function line by line");
        }
        _ => add(
            "pitstop lines".into(),
            "the costliest lines in their source",
        ),
    }
    if in_library {
        add(
            "pitstop tree --show-library".into(),
            "who calls what, in libraries too",
        );
    } else {
        add("pitstop tree".into(), "who calls what, and for how long");
    }
    add(
        "pitstop export last out.svg".into(),
        "a flame graph for the browser",
    );
    suggestions
}

/// Whether how it was started is known.
fn can_run_again(run: &Run) -> bool {
    run.attached_to.is_none() && !run.command.is_empty()
}

/// The command that shows a function; for the top level of a file, the file.
fn lines_of(place: &Place) -> String {
    let name = match place.function.as_str() {
        "<module>" => &place.file,
        function => function,
    };
    format!("pitstop lines {}", quoted(name))
}

/// The command that samples the same program 10,000 times a second.
fn sooner(run: &Run) -> Option<String> {
    if let Some(pid) = run.attached_to {
        return Some(format!("pitstop record -p {pid} --rate 10khz"));
    }
    let (program, command) = (run.command.first()?, shell_words(&run.command));
    // `run` takes a script; anything else is a command for `record`.
    let is_script = program.ends_with(".py") || program.starts_with('-');
    Some(if is_script {
        format!("pitstop run --rate 10khz {command}")
    } else {
        format!("pitstop record --rate 10khz -- {command}")
    })
}

/// A command line for a POSIX shell.
pub(crate) fn shell_words(words: &[String]) -> String {
    words
        .iter()
        .map(|word| quoted(word))
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cases;
    use pitstop_model::Profile;

    fn first(profile: &Profile) -> String {
        next(&Verdict::of(profile)).swap_remove(0).command
    }

    #[test]
    fn the_first_command_suits_the_verdict() {
        assert_eq!(first(&cases::slow_report()), "pitstop lines dedupe");
        assert_eq!(first(&cases::fetcher()), "pitstop lines");
        assert_eq!(
            first(&cases::tiny()),
            "pitstop run --rate 10khz tiny.py 'a b'"
        );
        let mut attached = cases::tiny();
        attached.meta.command.clear();
        assert_eq!(first(&attached), "pitstop record -p 4000 --rate 10khz");
        let mut command = cases::tiny();
        command.meta.command = vec!["python3.13".into(), "tiny.py".into()];
        assert_eq!(
            first(&command),
            "pitstop record --rate 10khz -- python3.13 tiny.py"
        );
    }

    #[test]
    fn the_top_level_of_a_file_is_shown_by_the_files_name() {
        let mut s = pitstop_analysis::sketch::Sketch::new("a.py");
        let main = s.main();
        s.spend(
            main,
            pitstop_model::ThreadState::Python,
            99,
            "<module> a b.py:3",
        );
        assert_eq!(first(&s.finish()), "pitstop lines 'a b.py'");
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        let words = ["-c", "print('x')", ""].map(str::to_owned);
        assert_eq!(shell_words(&words), r"-c 'print('\''x'\'')' ''");
    }
}

//! Configurations that are read, and those that are refused with a reason.

use super::*;

fn read(text: &str) -> Result<Config, Failure> {
    parse(text, "pyproject.toml", Path::new("/nowhere"))
}

fn refused(text: &str) -> String {
    let failure = read(text).expect_err("it is refused");
    let cure = failure.cure.clone().expect("there is something to do");
    assert_eq!(failure.status, Status::Usage);
    format!("{} {} | {cure}", failure.what, failure.why.join(" "))
}

fn budget_of(text: &str) -> Budget {
    let mut config = read(&format!("[tool.pitstop.budgets.\"m:f\"]\n{text}")).expect("it is fine");
    config.budgets.remove(0)
}

#[test]
fn everything_that_the_manual_shows_is_read() {
    let config = read(
        "[project]\nname = 'x'\n\
         [tool.pitstop.gate]\nagainst = 'main'\nerror = '1%'\ntime-budget = '5s'\n\
         on-inconclusive = 'warn'\ndefault = { time = '+3%', bytecodes = '+2%' }\n\
         [[tool.pitstop.gate.waivers]]\nbudget = 'large'\ncheck = 'time'\nreason = 'r'\n\
         expires = 2026-12-31\nlimit = '+20%'\n\
         [tool.pitstop.budgets.large]\nrun = 'shop.parse:large'\n\
         time = { max = '120ms', regress = '+2%' }\nlatency = { p99 = '25ms', \"p99.9\" = '+10%' }\n\
         peak-rss = '64MiB'\npeak-allocated = '+5%'\nbytecodes = false\n\
         imports = { max = 150, forbid = ['pandas'] }\nimport-time = '80ms'\n\
         complexity = { max = 'O(n log n)', input = 'list(range(n))' }\n\
         [tool.pitstop.budgets.help]\nrun = ['mytool', '--help']\n\
         [tool.pitstop.budgets.\"tool.py\"]\n",
    )
    .expect("it is fine");
    assert_eq!((config.error, config.time), (0.01, Duration::from_secs(5)));
    let names: Vec<_> = config
        .budgets
        .iter()
        .map(|budget| budget.name.as_str())
        .collect();
    assert_eq!(names, ["large", "help", "tool.py"], "as in the file");
    let keys = |at: usize| -> Vec<String> {
        config.budgets[at]
            .limits
            .iter()
            .map(|wanted| wanted.kind.key())
            .collect()
    };
    assert_eq!(
        keys(0),
        [
            "time",
            "time",
            "latency.p99",
            "latency.p99.9",
            "peak-rss",
            "peak-allocated",
            "imports",
            "imports.forbid",
            "import-time",
            "complexity"
        ]
    );
    assert_eq!(keys(1), ["time"], "a command has no bytecodes");
    assert_eq!(keys(2), ["time", "bytecodes"]);
    assert_eq!(config.waivers.len(), 1);
    assert_eq!(config.budgets[0].limits[0].line, 17);
}

#[test]
fn a_name_that_can_be_run_is_run() {
    assert!(matches!(
        budget_of("time = '+3%'").work,
        Work::Function { .. }
    ));
    let script = budget_of("run = 'a.py 3'\ntime = '+3%'").work;
    assert!(matches!(script, Work::Script { words } if words.len() == 2));
    let statement = budget_of("statement = 'f(x)'\nsetup = 'x = 1'\ntime = '+3%'").work;
    assert!(matches!(statement, Work::Statement { setup, .. } if setup == "x = 1"));
}

#[test]
fn what_is_wrong_is_named_with_its_line_and_a_cure() {
    let of_budget = |text: &str| refused(&format!("[tool.pitstop.budgets.\"m:f\"]\n{text}"));
    for (text, words) in [
        (
            "tme = '+3%'",
            "pyproject.toml:2: `tool.pitstop.budgets.\"m:f\".tme` is no key that is known here  | write `time`",
        ),
        (
            "time = '3%'",
            "pyproject.toml:2: `tool.pitstop.budgets.\"m:f\".time` is `3%`  | a growth begins with a plus",
        ),
        (
            "time = 120",
            "is `120`  | write \"+3%\" over the base, or \"120ms\" at most",
        ),
        ("time = '+0%'", "\"+0.1%\""),
        ("time = true", "is of type boolean"),
        ("time = { max = '+3%' }", "is of the other sort"),
        ("time = {}", "is empty"),
        ("allocations = '64MiB'", "60000 at most"),
        ("latency = { rate = 200 }", "rate` is not known"),
        ("latency = { q99 = '1ms' }", "is no percentile"),
        ("complexity = { max = 'O(n)' }", "has no `input`"),
        (
            "complexity = { max = 'O(n)', input = 'n', sizes = [1, 2] }",
            "six ascending sizes",
        ),
        (
            "complexity = { max = 'quick', input = 'n' }",
            "write one of O(1)",
        ),
        ("run = 'mytool --help'\ntime = '+3%'", "a command is a list"),
        ("run = ['mytool']\nbytecodes = '+0%'", "this is a command"),
        ("run = 'a.py'\nimport-time = '80ms'", "this is no function"),
        (
            "run = 'a.py'\nlatency = { p99 = '1s' }",
            "a process is run only once",
        ),
        (
            "run = 'a.py'\nstatement = 'x'\ntime = '+3%'",
            "stands beside `statement`",
        ),
        ("", "has no limit"),
        ("imports = {}", "is empty"),
        ("imports = { forbid = 'pandas' }", "write a list"),
    ] {
        let said = of_budget(text);
        assert!(said.contains(words), "{text}: {said}");
    }
    for (text, words) in [
        ("x = [", "is no TOML"),
        ("[tool.other]", "has no budgets"),
        ("[tool.pitstop.gate]", "has no budgets"),
        ("[tool.pitstop]\nbudget = 1", "write `budgets`"),
        ("[tool]\npitstop = 3", "write a table"),
        (
            "[tool.pitstop.gate]\non-inconclusive = 'ignore'\n",
            "\"fail\" (1)",
        ),
        ("[tool.pitstop.gate]\nerror = '90%'\n", "use a percentage"),
        (
            "[tool.pitstop.budgets.x]\ntime = '+3%'",
            "does not say what to run",
        ),
    ] {
        let said = refused(text);
        assert!(said.contains(words), "{text}: {said}");
    }
}

#[test]
fn waivers_say_what_why_and_until_when() {
    let with = |waiver: &str| {
        refused(&format!(
            "[[tool.pitstop.gate.waivers]]\n{waiver}\n[tool.pitstop.budgets.\"m:f\"]\ntime = '+3%'"
        ))
    };
    for (text, words) in [
        ("budget = 'm:f'\nexpires = 2026-01-01", "has no `reason`"),
        ("budget = 'm:f'\nreason = 'x'", "has no `expires`"),
        (
            "budget = 'm:g'\nreason = 'x'\nexpires = 2026-01-01",
            "no budget of that name",
        ),
        (
            "budget = 'm:f'\ncheck = 'bytecodes'\nreason = 'x'\nexpires = 2026-01-01",
            "use one of: time",
        ),
        (
            "budget = 'm:f'\nreason = 'x'\nexpires = 'soon'",
            "2026-12-31",
        ),
        (
            "budget = 'm:f'\nreason = 'x'\nexpires = 2026-01-01\nlimit = '+9%'",
            "name the check",
        ),
        (
            "budget = 'm:f'\nreson = 'x'\nexpires = 2026-01-01",
            "write `reason`",
        ),
    ] {
        let said = with(text);
        assert!(said.contains(words), "{text}: {said}");
    }
}

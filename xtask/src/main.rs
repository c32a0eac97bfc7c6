//! The project's own chores: `cargo xtask <command>`.
//!
//! One file a command; this one is the table of contents. Everything a chore downloads comes by
//! package name, from apt or PyPI, into `target/`.
#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "chores talk to the terminal"
)]

mod bench;
mod ci;
mod floors;
mod layouts;
mod peers;
mod plugin;
mod process;
mod pythons;
mod test;
mod tidy;
mod viewers;
mod workspace;

use std::process::ExitCode;

/// The name of a command, what it is for, and what it does with its arguments.
type Command = (
    &'static str,
    &'static str,
    fn(&[String]) -> anyhow::Result<()>,
);

const COMMANDS: &[Command] = &[
    (
        "test",
        "set up what tests need, then run every test",
        test::run,
    ),
    (
        "ci",
        "everything a change must pass: format, lints, laws, drift, tests",
        ci::run,
    ),
    (
        "floors",
        "hold the crates' dependencies against the house plan",
        floors::run,
    ),
    ("tidy", "hold every file against the house style", tidy::run),
    (
        "pythons",
        "find or install CPython 3.8 to 3.15 under target/pythons",
        pythons::run,
    ),
    (
        "layouts",
        "compare what is generated from CPython's headers (`--write`: renew)",
        layouts::run,
    ),
    ("bench", "measure the product against its peers", bench::run),
    (
        "peers",
        "install what tests compare with under target/peers",
        peers::run,
    ),
    (
        "plugin",
        "run the tests of the plugin for pytest, and pytest-benchmark's against it",
        plugin::run,
    ),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        eprint!("{}", usage());
        return ExitCode::from(2);
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", usage());
        return ExitCode::SUCCESS;
    }
    let Some((_, _, command)) = COMMANDS.iter().find(|(known, _, _)| known == name) else {
        eprintln!("xtask: no command `{name}`\n\n{}", usage());
        return ExitCode::from(2);
    };
    match command(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask <command>\n\n");
    for (name, purpose, _) in COMMANDS {
        text.push_str(&format!("    {name:<9}{purpose}\n"));
    }
    text
}

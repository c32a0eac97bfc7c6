//! The options of `cargo xtask bench sampling`.

use anyhow::{Context, Result, bail};
use std::path::PathBuf;

pub(super) const USAGE: &str = "\
usage: cargo xtask bench sampling [options]

    --only NAME,...   only these figures
    --quick           few samples and few pairs: shows that it works, not how well
    --samples N       samples of each program and version (impossible) and run (shares)
    --pairs N         pairs of runs for each ratio of ours (slowdown), half as many of peers
    --python 3.X,...  only these interpreters, for figures that take several
    --pitstop PATH    measure this one instead of building one
    --json FILE       also write the table and all raw results to this file";

/// What was asked for.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Options {
    /// Names of figures; none means all.
    pub(super) only: Vec<String>,
    pub(super) quick: bool,
    pub(super) samples: Option<u64>,
    pub(super) pairs: Option<usize>,
    /// Minor versions of interpreters; none means all.
    pub(super) minors: Vec<u8>,
    pub(super) pitstop: Option<PathBuf>,
    pub(super) json: Option<PathBuf>,
    pub(super) help: bool,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || {
                rest.next()
                    .with_context(|| format!("`{argument}` needs a value"))
            };
            match argument.as_str() {
                "--only" => options
                    .only
                    .extend(value()?.split(',').map(|name| name.trim().to_owned())),
                "--quick" => options.quick = true,
                "--samples" => {
                    let count = value()?.replace(['_', ','], "");
                    let count = count.parse().ok().filter(|count| *count >= 100);
                    options.samples =
                        Some(count.context("`--samples` takes a number from 100 up")?);
                }
                "--pairs" => {
                    let pairs = value()?.parse().ok().filter(|pairs| *pairs >= 5);
                    options.pairs = Some(pairs.context("`--pairs` takes a number from 5 up")?);
                }
                "--python" => {
                    for version in value()?.split(',') {
                        let minor = version.trim().strip_prefix("3.");
                        let minor = minor.and_then(|minor| minor.parse().ok());
                        options
                            .minors
                            .push(minor.context("`--python` takes versions like 3.13")?);
                    }
                }
                "--pitstop" => options.pitstop = Some(PathBuf::from(value()?).canonicalize()?),
                "--json" => options.json = Some(PathBuf::from(value()?)),
                "--help" | "-h" => options.help = true,
                unknown => bail!("no option `{unknown}`\n\n{USAGE}"),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words)
    }

    #[test]
    fn options_are_read_and_nonsense_is_refused() {
        let options = parse("--only hour,shares --quick --samples 5_000 --python 3.8,3.15");
        let options = options.expect("they are fine");
        assert_eq!(options.minors, [8, 15]);
        assert_eq!(options.only, ["hour", "shares"]);
        assert!(options.quick);
        assert_eq!(options.samples, Some(5000));
        assert_eq!(parse("").ok(), Some(Options::default()));
        for nonsense in [
            "--samples",
            "--samples many",
            "--samples 0",
            "--fast",
            "--python 2",
        ] {
            assert!(parse(nonsense).is_err(), "{nonsense}");
        }
    }
}

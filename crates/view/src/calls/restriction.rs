//! What a list of functions is restricted to: a number of them, a part, a pattern.

use super::python::{repr, repr_fraction};
use fancy_regex::Regex;
use pitstop_analysis::calls::FunctionCalls;
use std::fmt;
use std::str::FromStr;

/// A restriction, read as the browser of `python -m pstats` reads it: a whole number, a fraction
/// from 0 to 1, or else a pattern of Python's `re` that is searched for in what is printed.
#[derive(Debug)]
pub enum Restriction {
    /// The first so many.
    First(u64),
    /// The first part, from 0 to 1, of the list.
    Part(f64),
    /// Those whose printed name matches.
    Pattern(Box<Regex>),
}

/// A text that is no restriction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadRestriction {
    /// A number with a fraction that is not from 0 to 1.
    NoPart,
    /// No regular expression; why not.
    NoPattern(String),
}

impl fmt::Display for BadRestriction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPart => f.write_str("a fraction of the list lies between 0 and 1"),
            Self::NoPattern(why) => write!(f, "it is no regular expression: {why}"),
        }
    }
}

impl std::error::Error for BadRestriction {}

impl Restriction {
    /// A pattern, even if it looks like a number.
    ///
    /// # Errors
    /// [`BadRestriction::NoPattern`] when it is no regular expression.
    pub fn pattern(text: &str) -> Result<Self, BadRestriction> {
        let regex = Regex::new(text);
        let regex = regex.map_err(|error| BadRestriction::NoPattern(error.to_string()))?;
        Ok(Self::Pattern(Box::new(regex)))
    }

    /// Leaves out what it leaves out.
    pub(super) fn apply(&self, functions: &mut Vec<&FunctionCalls>) {
        match self {
            Self::First(count) => {
                functions.truncate(usize::try_from(*count).unwrap_or(usize::MAX));
            }
            // All of it is no restriction to pstats, and less than nothing cannot be given.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a part of a list, rounded as pstats rounds it"
            )]
            Self::Part(part) if *part < 1.0 => {
                functions.truncate((functions.len() as f64 * part + 0.5) as usize);
            }
            Self::Part(_) => {}
            Self::Pattern(regex) => functions.retain(|function| {
                // A search that gives up, after a million steps, has found nothing.
                regex.is_match(&function.label.to_string()).unwrap_or(false)
            }),
        }
    }
}

impl FromStr for Restriction {
    type Err = BadRestriction;

    fn from_str(text: &str) -> Result<Self, BadRestriction> {
        if let Ok(count) = text.parse() {
            return Ok(Self::First(count));
        }
        // `inf` and `nan` are rather names of functions than parts of a list.
        let is_number = text.contains(|c: char| c.is_ascii_digit());
        match text.parse::<f64>() {
            Ok(part) if is_number && (0.0..=1.0).contains(&part) => Ok(Self::Part(part)),
            Ok(_) if is_number => Err(BadRestriction::NoPart),
            _ => Self::pattern(text),
        }
    }
}

/// As Python's `repr` shows it.
impl fmt::Display for Restriction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First(count) => write!(f, "{count}"),
            Self::Part(part) => f.write_str(&repr_fraction(*part)),
            Self::Pattern(regex) => f.write_str(&repr(regex.as_str())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_a_part_or_a_pattern() {
        let kind = |text: &str| match text.parse::<Restriction>() {
            Ok(restriction) => restriction.to_string(),
            Err(error) => error.to_string(),
        };
        assert_eq!(kind("10"), "10");
        assert_eq!(kind(".25"), "0.25");
        assert_eq!(kind("1.0"), "1.0");
        assert_eq!(kind("json"), "'json'");
        assert_eq!(kind("inf"), "'inf'");
        assert_eq!(kind("a(?=b)"), "'a(?=b)'");
        assert_eq!(kind("1.5"), "a fraction of the list lies between 0 and 1");
        assert_eq!(kind("-3"), "a fraction of the list lies between 0 and 1");
        assert!(kind("(").starts_with("it is no regular expression: "));
    }
}

//! The repair of a finding: the change that a rule makes, its proof, and what became of it.

use crate::proof::{Proof, Verdict};
use pitstop_model::{Finding, FixClass};

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is equal and faster, and stands in the file now.
    Kept,
    /// It is equal and faster; nobody asked to write it.
    Proved,
    /// It is not equal, or not faster: the file is as it was.
    Dropped,
    /// It was not tried.
    NotTried,
}

impl Outcome {
    /// Its name in documents.
    pub fn key(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Proved => "proved",
            Self::Dropped => "dropped",
            Self::NotTried => "not_tried",
        }
    }
}

/// A repair.
#[derive(Clone, Debug, PartialEq)]
pub struct Repair {
    /// What was found.
    pub finding: Finding,
    /// The change, as a unified diff; empty if there is none.
    pub diff: String,
    /// Its proof, if it was tried.
    pub proof: Option<Proof>,
    /// Why it was not tried, or could not be.
    pub refusal: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
}

/// Why a change of this class is not even tried; `None` if it is.
pub fn hindrance(class: FixClass, accepts_behaviour: bool) -> Option<&'static str> {
    match class {
        FixClass::Safe | FixClass::TypeConditional => None,
        FixClass::Behavioural if accepts_behaviour => None,
        FixClass::Behavioural => {
            Some("it changes a corner of what the program does; --accept-behaviour tries it")
        }
        FixClass::Advice => Some("nothing is changed by itself"),
    }
}

/// Whether a change may stand.
pub fn may_stand(proof: &Proof) -> bool {
    proof.verdict() == Verdict::Accepted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_behaviour_is_tried_only_if_somebody_accepts_that() {
        assert_eq!(hindrance(FixClass::Safe, false), None);
        assert_eq!(hindrance(FixClass::TypeConditional, false), None);
        assert!(hindrance(FixClass::Behavioural, false).is_some());
        assert_eq!(hindrance(FixClass::Behavioural, true), None);
        assert!(hindrance(FixClass::Advice, true).is_some());
    }

    #[test]
    fn nothing_stands_without_a_measurement() {
        let proof = Proof {
            equality_only: true,
            ..Proof::default()
        };
        assert!(!may_stand(&proof));
    }
}

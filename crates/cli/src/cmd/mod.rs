//! One file a command.

pub(crate) mod bench;
pub(crate) mod compare;
pub(crate) mod doctor;
pub(crate) mod dump;
pub(crate) mod export;
pub(crate) mod lines;
pub(crate) mod record;
pub(crate) mod run;
pub(crate) mod tree;

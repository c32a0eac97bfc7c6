//! One file a command.

pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod doctor;
pub(crate) mod dump;
pub(crate) mod exact;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod fix;
pub(crate) mod gate;
pub(crate) mod history;
pub(crate) mod imports;
pub(crate) mod line_times;
pub(crate) mod lines;
pub(crate) mod output;
pub(crate) mod record;
pub(crate) mod run;
pub(crate) mod scale;
pub(crate) mod trace;
pub(crate) mod tree;
pub(crate) mod verify;

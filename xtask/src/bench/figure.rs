//! What a figure is, and what measuring it gives.

use super::rig::Rig;
use super::table::Row;
use anyhow::Result;

/// One figure of the sampler, or a few that are measured together.
pub(super) struct Figure {
    pub(super) name: &'static str,
    pub(super) purpose: &'static str,
    pub(super) measure: fn(&Rig) -> Result<Report>,
}

/// What came out.
pub(super) struct Report {
    pub(super) rows: Vec<Row>,
    /// Everything the rows were computed from.
    pub(super) raw: serde_json::Value,
}

//! The findings of a verdict: what could be changed, and what that would save.

use crate::paint::number::{TimeScale, counted};
use crate::paint::{Cell, Column, Page, Table, Tint};
use crate::verdict::WIDE;
use pitstop_analysis::Verdict;
use pitstop_model::{Finding, Judgement, Remedy};

/// How many rows the table shows at most.
const SHOWN: usize = 6;

/// Draws them; nothing if there are none.
pub(super) fn findings(page: &mut Page, verdict: &Verdict) {
    let of_interest = |finding: &&Finding| !matches!(finding.judgement, Judgement::NotMeasured);
    let all: Vec<&Finding> = verdict.findings.iter().filter(of_interest).collect();
    if all.is_empty() {
        return;
    }
    let largest = all
        .iter()
        .filter_map(|it| largest_ns(it))
        .fold(0.0, f64::max);
    let scale = TimeScale::of(largest);
    let mut table = Table::new([
        Column::number(),
        Column::word(),
        Column::path(12),
        Column::code(8).on_pages_from(WIDE),
        Column::word(),
        Column::word().on_pages_from(50),
    ]);
    table.titles(["", "finding", "line", "", "", ""]);
    for (index, finding) in all.iter().take(SHOWN).enumerate() {
        let (tint, gain) = gain(finding, &scale);
        let place = format!("{}:{}", finding.place.file, finding.place.start.0);
        table.row([
            (Tint::Strong, (index + 1).to_string()),
            (Tint::None, finding.slug.clone()),
            (Tint::None, place),
            (Tint::Quiet, finding.function.clone()),
            (tint, gain),
            (Tint::Quiet, way(finding).to_owned()),
        ]);
    }
    table.write(page, 1);
    let more = all.len().saturating_sub(SHOWN);
    if more > 0 {
        let line = page.line().gap(1);
        page.wrapped(
            line,
            Tint::Quiet,
            &format!("and {}", counted(more as u64, "more finding")),
        );
    }
}

fn largest_ns(finding: &Finding) -> Option<f64> {
    match &finding.judgement {
        Judgement::Confirmed { saving_ns, .. } => Some(saving_ns.high),
        _ => finding.measured_ns.map(|it| it.middle),
    }
}

/// What it would save, or at most.
fn gain(finding: &Finding, scale: &TimeScale) -> Cell {
    match &finding.judgement {
        Judgement::Confirmed { saving_ns, .. } => (
            Tint::Strong,
            format!(
                "saves {} ({} – {})",
                scale.format(saving_ns.middle),
                scale.format(saving_ns.low),
                scale.format(saving_ns.high)
            ),
        ),
        Judgement::Plausible { .. } | Judgement::NotMeasured => {
            let most = finding.measured_ns.map_or(0.0, |it| it.middle);
            (Tint::None, format!("may save up to {}", scale.format(most)))
        }
        Judgement::Refuted { .. } => (Tint::Quiet, "does not pay here".into()),
    }
}

fn way(finding: &Finding) -> &'static str {
    match (&finding.judgement, &finding.remedy) {
        (Judgement::Refuted { .. }, _) => "",
        (_, Remedy::Edit { .. }) => "edit ready",
        (_, Remedy::ByHand { .. }) => "by hand",
    }
}

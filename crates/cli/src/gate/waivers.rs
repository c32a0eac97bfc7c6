//! Waivers: what may be broken, why, and until when.

use super::config::{Budget, Wanted};
use super::quantity::limit;
use super::reader::{Document, Item, Section};
use crate::exit::{Failure, Status};
use pitstop_analysis::gate::{Date, Kind, Limit};
use std::path::Path;
use toml::de::DeValue;

/// A waiver as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Promise {
    /// The budget.
    pub(crate) budget: String,
    /// The check; all of them if it is not named.
    pub(crate) check: Option<String>,
    /// Why.
    pub(crate) reason: String,
    /// Who gave it; empty for nobody.
    pub(crate) owner: String,
    /// The last day.
    pub(crate) expires: Date,
    /// What may not be passed all the same.
    pub(crate) limit: Option<Limit>,
}

impl Promise {
    /// Whether it speaks of a limit of a budget.
    pub(crate) fn is_for(&self, budget: &str, wanted: &Wanted) -> bool {
        let same = |check: &String| *check == wanted.kind.key();
        self.budget == budget && self.check.as_ref().is_none_or(same)
    }
}

/// Waivers in the configuration itself, or in the file that it names.
pub(super) fn read(
    item: &Item<'_>,
    budgets: &[Budget],
    directory: &Path,
) -> Result<Vec<Promise>, Failure> {
    let Some(name) = item.value().as_str() else {
        let items = item.items("[[tool.pitstop.gate.waivers]]")?;
        return items.iter().map(|item| promise(item, budgets)).collect();
    };
    let text = std::fs::read_to_string(directory.join(name)).map_err(|error| {
        item.wrong(format_args!("names `{name}`, which cannot be read"))
            .because(error)
            .cure("make that file, or leave the key out")
    })?;
    let document = Document {
        file: name,
        text: &text,
    };
    let table = document.parse()?;
    let root = Section::root(document, table.get_ref());
    root.only(&["waivers"])?;
    match root.get("waivers") {
        Some(list) => {
            let items = list.items("[[waivers]]")?;
            items.iter().map(|item| promise(item, budgets)).collect()
        }
        None => Ok(Vec::new()),
    }
}

fn promise(item: &Item<'_>, budgets: &[Budget]) -> Result<Promise, Failure> {
    let section = item.section("[[tool.pitstop.gate.waivers]]")?;
    section.only(&["budget", "check", "reason", "owner", "expires", "limit"])?;
    let named = section.required("budget", "\"NAME\"")?;
    let name = named.string("\"NAME\"")?;
    let Some(budget) = budgets.iter().find(|budget| budget.name == name) else {
        let names: Vec<&str> = budgets.iter().map(|budget| budget.name.as_str()).collect();
        return Err(named
            .wrong(format_args!(
                "is `{name}`, and there is no budget of that name"
            ))
            .cure(format!("use one of: {}", names.join(", "))));
    };
    let check = match section.get("check") {
        None => None,
        Some(item) => {
            let check = item.string("\"time\"")?;
            let mut known: Vec<String> = Vec::new();
            known.extend(budget.limits.iter().map(|wanted| wanted.kind.key()));
            known.dedup();
            if !known.iter().any(|key| key == check) {
                return Err(item
                    .wrong(format_args!(
                        "is `{check}`, which that budget does not limit"
                    ))
                    .cure(format!("use one of: {}", known.join(", "))));
            }
            Some(check.to_owned())
        }
    };
    let limit = match section.get("limit") {
        None => None,
        Some(item) => Some(own_limit(&item, check.as_deref(), budget)?),
    };
    let owner = match section.get("owner") {
        Some(item) => item.string("\"name\"")?.to_owned(),
        None => String::new(),
    };
    let reason = section.required("reason", "\"why it is so\"")?;
    Ok(Promise {
        budget: name.to_owned(),
        check,
        reason: reason.string("\"why it is so\"")?.to_owned(),
        owner,
        expires: date(&section.required("expires", "2026-12-31")?)?,
        limit,
    })
}

fn own_limit(item: &Item<'_>, check: Option<&str>, budget: &Budget) -> Result<Limit, Failure> {
    let mut wanted = budget.limits.iter();
    let wanted = wanted.find(|wanted| Some(wanted.kind.key().as_str()) == check);
    let Some(wanted) = wanted else {
        return Err(item
            .wrong("is a limit of nothing")
            .cure("name the check: check = \"time\""));
    };
    if matches!(wanted.kind, Kind::Complexity | Kind::Forbidden) {
        let failure = item.wrong("is for numbers, and this check has none");
        return Err(failure.cure("leave it out"));
    }
    let text = match item.value() {
        DeValue::Integer(number) => number.as_str(),
        _ => item.string("\"+20%\"")?,
    };
    limit(text, wanted.kind).map_err(|cure| item.wrong(format_args!("is `{text}`")).cure(cure))
}

/// A day of TOML, or a text that is one.
fn date(item: &Item<'_>) -> Result<Date, Failure> {
    let known = match item.value() {
        DeValue::Datetime(known) => known
            .date
            .and_then(|date| Date::new(i64::from(date.year), date.month, date.day)),
        DeValue::String(text) => written(text),
        _ => None,
    };
    known.ok_or_else(|| {
        item.wrong("is no day")
            .cure("write the last day: expires = 2026-12-31")
    })
}

/// `2026-12-31`
fn written(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let date = Date::new(
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
        parts.next()?.parse().ok()?,
    );
    date.filter(|_| parts.next().is_none())
}

/// Today, in UTC.
pub(crate) fn today() -> Result<Date, Failure> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map_err(|error| {
        Failure::new(
            Status::CannotMeasure,
            "the clock of this machine is before 1970",
        )
        .because(error)
        .cure("set it: waivers expire by it")
    })?;
    Ok(Date::of_unix(now.as_secs()))
}

//! Which lines of which files a line table shows.

use super::Costs;
use crate::extent::last_line;
use pitstop_model::{FileId, FunctionId, Id, Profile};
use std::collections::{BTreeMap, BTreeSet};

/// A line of a file is worth showing unasked if its own share is at least this.
const OWN_SHARE: f64 = 0.005;
/// A line that only calls is worth showing beside others if its total share is at least this.
const TOTAL_SHARE: f64 = 0.05;
/// Lines shown before and after a line with a cost.
const CONTEXT: u32 = 1;

/// What is to be shown.
#[derive(Default)]
pub(super) struct Choice {
    pub(super) lines: BTreeMap<FileId, BTreeSet<u32>>,
    pub(super) functions: BTreeSet<FunctionId>,
    pub(super) unmatched: Vec<String>,
}

/// The functions around the hottest lines.
pub(super) fn hottest(profile: &Profile, costs: &Costs, count: usize) -> Choice {
    let mut ranked: Vec<(FileId, u32, f64)> = costs
        .iter()
        .flat_map(|(&file, lines)| lines.iter().map(move |(&line, c)| (file, line, c.share)))
        .filter(|&(_, _, share)| share >= OWN_SHARE)
        .collect();
    ranked.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
    ranked.truncate(count);
    let mut choice = Choice::default();
    for &(file, line, _) in &ranked {
        let wanted = choice.lines.entry(file).or_default();
        let last = line_count(profile, file).max(line);
        wanted.extend(line.saturating_sub(CONTEXT).max(1)..=line.saturating_add(CONTEXT).min(last));
        choice.functions.extend(functions_at(profile, file, line));
    }
    for &function in &choice.functions {
        let entry = profile.places.function(function);
        let wanted = choice.lines.entry(entry.file).or_default();
        if !is_module(profile, function) {
            wanted.extend((entry.first_line > 0).then_some(entry.first_line));
        }
        let costs = costs.get(&entry.file).into_iter().flatten();
        let worth = costs.filter(|(_, cost)| cost.total_share >= TOTAL_SHARE);
        wanted.extend(
            worth
                .map(|(&line, _)| line)
                .filter(|&line| functions_at(profile, entry.file, line).any(|f| f == function)),
        );
    }
    choice
}

/// The functions and files that were asked for by name.
pub(super) fn selected(profile: &Profile, costs: &Costs, select: &[String]) -> Choice {
    let mut choice = Choice::default();
    for name in select {
        let mut found = false;
        for (index, function) in profile.places.functions().iter().enumerate() {
            let qualified = profile.text(function.qualname);
            if qualified != name && profile.text(function.name) != name {
                continue;
            }
            found = true;
            let id = FunctionId::from_index(index);
            choice.functions.insert(id);
            let wanted = choice.lines.entry(function.file).or_default();
            wanted.extend(lines_of(profile, costs, id));
        }
        for (index, file) in profile.places.files().iter().enumerate() {
            let id = FileId::from_index(index);
            let path = profile.text(file.path);
            let whole = profile.text(file.short) == name || path == name;
            if !whole && !path.ends_with(&format!("/{name}")) {
                continue;
            }
            found = true;
            let last = line_count(profile, id);
            let wanted = choice.lines.entry(id).or_default();
            for &line in costs.get(&id).into_iter().flat_map(BTreeMap::keys) {
                let end = line.saturating_add(CONTEXT).min(last.max(line));
                wanted.extend(line.saturating_sub(CONTEXT).max(1)..=end);
                choice.functions.extend(functions_at(profile, id, line));
            }
        }
        if !found {
            choice.unmatched.push(name.clone());
        }
    }
    choice
}

/// All lines of a function; of a module, those with a cost.
fn lines_of(profile: &Profile, costs: &Costs, function: FunctionId) -> BTreeSet<u32> {
    let places = &profile.places;
    let entry = places.function(function);
    let sampled = places.frames().iter();
    let mut lines: BTreeSet<u32> = sampled
        .filter(|frame| frame.function == function && frame.line > 0)
        .map(|frame| frame.line)
        .filter(|line| costs.get(&entry.file).is_some_and(|c| c.contains_key(line)))
        .collect();
    if is_module(profile, function) || entry.first_line == 0 {
        return lines;
    }
    let text = profile.sources.get(entry.file);
    let source: Vec<&str> = text.map(|t| t.text.lines().collect()).unwrap_or_default();
    let last = last_line(&source, entry.first_line).max(lines.last().copied().unwrap_or(0));
    let end = last.min(line_count(profile, entry.file).max(entry.first_line));
    lines.extend(entry.first_line..=end);
    lines
}

/// The functions with a frame at a line.
fn functions_at(
    profile: &Profile,
    file: FileId,
    line: u32,
) -> impl Iterator<Item = FunctionId> + '_ {
    let places = &profile.places;
    let frames = places.frames().iter();
    frames
        .filter(move |frame| frame.line == line && places.function(frame.function).file == file)
        .map(|frame| frame.function)
}

fn is_module(profile: &Profile, function: FunctionId) -> bool {
    profile.text(profile.places.function(function).name) == "<module>"
}

fn line_count(profile: &Profile, file: FileId) -> u32 {
    let text = profile.sources.get(file);
    let count = text.map_or(0, |text| text.text.lines().count());
    u32::try_from(count).unwrap_or(u32::MAX)
}

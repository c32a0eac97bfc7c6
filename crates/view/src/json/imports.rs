//! `pitstop/imports@1`.
//!
//! `modules` lists who imports before what is imported; `parent` is a position in it.

use super::document;
use crate::imports::Picture;
use pitstop_analysis::imports::Unneeded;
use serde::Serialize;

#[derive(Serialize)]
struct ImportsJson<'a> {
    schema: &'static str,
    name: &'a str,
    runs: usize,
    startup_ns: f64,
    program_ns: f64,
    unneeded: UnneededJson,
    lazy: LazyJson<'a>,
    modules: Vec<ModuleJson<'a>>,
}

#[derive(Serialize)]
struct UnneededJson {
    basis: Option<&'static str>,
    modules: usize,
    own_ns: f64,
}

/// `kind` is `measured`, `estimate`, `failed` or `unknown`.
#[derive(Serialize)]
struct LazyJson<'a> {
    kind: &'static str,
    saved_ns: Option<f64>,
    ratio: Option<f64>,
    ratio_low: Option<f64>,
    ratio_high: Option<f64>,
    verdict: Option<&'static str>,
    pairs: Option<usize>,
    failure: Option<&'a str>,
}

#[derive(Serialize)]
struct ModuleJson<'a> {
    name: &'a str,
    parent: Option<usize>,
    depth: usize,
    own_ns: f64,
    total_ns: f64,
    startup: bool,
    unneeded: Option<bool>,
}

fn lazy<'a>(picture: &Picture<'a>) -> LazyJson<'a> {
    let nothing = LazyJson {
        kind: "unknown",
        saved_ns: None,
        ratio: None,
        ratio_low: None,
        ratio_high: None,
        verdict: None,
        pairs: None,
        failure: picture.lazy_failure,
    };
    if picture.lazy_failure.is_some() {
        return LazyJson {
            kind: "failed",
            ..nothing
        };
    }
    if let Some(known) = picture.lazy {
        return LazyJson {
            kind: "measured",
            saved_ns: Some(known.sides[0].time.median - known.sides[1].time.median),
            ratio: Some(known.ratio),
            ratio_low: known.interval.map(|interval| interval.low),
            ratio_high: known.interval.map(|interval| interval.high),
            verdict: Some(known.verdict.key()),
            pairs: Some(known.pairs),
            ..nothing
        };
    }
    if picture.imports.basis.is_some() {
        return LazyJson {
            kind: "estimate",
            saved_ns: Some(picture.imports.unneeded_ns),
            ..nothing
        };
    }
    nothing
}

/// Imports as JSON.
pub fn imports(picture: &Picture<'_>) -> String {
    let found = picture.imports;
    let modules = found.modules.iter();
    document(&ImportsJson {
        schema: "pitstop/imports@1",
        name: picture.name,
        runs: found.runs,
        startup_ns: found.startup_ns,
        program_ns: found.program_ns,
        unneeded: UnneededJson {
            basis: found.basis.map(|basis| match basis {
                Unneeded::NeverLoaded => "never_loaded",
                Unneeded::NeverCalled => "never_called",
            }),
            modules: found.unneeded,
            own_ns: found.unneeded_ns,
        },
        lazy: lazy(picture),
        modules: modules
            .map(|module| ModuleJson {
                name: &module.name,
                parent: module.parent,
                depth: module.depth,
                own_ns: module.own_ns,
                total_ns: module.total_ns,
                startup: module.is_startup,
                unneeded: module.is_unneeded,
            })
            .collect(),
    })
}

//! The laws of the house, each with the sentence that a violation prints.

use super::graph::Package;

/// Each room and its floor.
const FLOORS: &[(&str, u8)] = &[
    ("stats", 1),
    ("source", 1),
    ("model", 1),
    ("cpython", 1),
    ("wire", 1),
    ("analysis", 2),
    ("rules", 2),
    ("archive", 2),
    ("target", 2),
    ("probe", 2),
    ("view", 3),
    ("export", 3),
    ("bench", 3),
    ("store", 3),
    ("collect", 3),
    ("fix", 4),
    ("server", 4),
    ("cli", 5),
];

/// Rooms that touch raw memory, descriptors or foreign processes.
const MAY_BE_UNSAFE: &[&str] = &["wire", "target", "probe"];

/// Rooms that may know what a process is.
const MAY_KNOW_PROCESSES: &[&str] = &["collect", "bench", "fix", "server", "cli"];

/// Rooms that show what others computed, and what they must not reach for.
const SHOWING: &[&str] = &["view", "export"];
const NOT_FOR_SHOWING: &[&str] = &["collect", "target", "archive"];

/// One sentence for every law that is broken.
pub(super) fn broken(packages: &[Package]) -> Vec<String> {
    let mut sentences = Vec::new();
    for package in packages {
        let name = &package.name;
        let rooms = package
            .dependencies
            .iter()
            .filter_map(|dependency| room(dependency));
        for used in rooms.clone().filter(|used| *used == "probe") {
            sentences.push(format!("nobody links the {used}, but {name} does"));
        }
        if !package.is_room {
            continue;
        }
        let Some((own, floor)) = room(name).and_then(|own| Some((own, floor(own)?))) else {
            sentences.push(format!(
                "every room has a floor in the house plan, but {name} has none"
            ));
            continue;
        };
        if !package.forbids_unsafe && !MAY_BE_UNSAFE.contains(&own) {
            sentences.push(format!(
                "unsafe lives in {} only, but {own} does not say `#![forbid(unsafe_code)]`",
                MAY_BE_UNSAFE.join(", ")
            ));
        }
        for used in rooms {
            sentences.extend(arrow(own, floor, used));
        }
    }
    sentences
}

/// What is wrong with one room using another.
fn arrow(own: &str, own_floor: u8, used: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    match floor(used) {
        None => {
            sentences.push(format!("{own} uses {used}, which has no floor in the house plan"));
        }
        Some(used_floor) if used_floor >= own_floor => sentences.push(format!(
            "arrows go downward only, but {own} (floor {own_floor}) uses {used} (floor {used_floor})"
        )),
        Some(_) => {}
    }
    if used == "target" && !MAY_KNOW_PROCESSES.contains(&own) {
        sentences.push(format!(
            "only {} know processes, but {own} uses target",
            MAY_KNOW_PROCESSES.join(", ")
        ));
    }
    if SHOWING.contains(&own) && NOT_FOR_SHOWING.contains(&used) {
        sentences.push(format!(
            "view and export show what was computed, but {own} uses {used}"
        ));
    }
    if own == "probe" && used != "wire" {
        sentences.push(format!(
            "the probe knows nothing but wire, but it uses {used}"
        ));
    }
    sentences
}

fn room(package: &str) -> Option<&str> {
    package
        .strip_prefix("pitstop-")
        .filter(|name| *name != "e2e")
}

fn floor(room: &str) -> Option<u8> {
    FLOORS
        .iter()
        .find(|(name, _)| *name == room)
        .map(|(_, floor)| *floor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made_up(name: &str, dependencies: &[&str]) -> Package {
        Package {
            name: name.to_owned(),
            is_room: true,
            dependencies: dependencies.iter().map(|&name| name.to_owned()).collect(),
            forbids_unsafe: true,
        }
    }

    fn sentences(name: &str, dependencies: &[&str]) -> Vec<String> {
        broken(&[made_up(name, dependencies)])
    }

    #[test]
    fn arrows_downward_and_to_foreign_crates_are_fine() {
        assert!(sentences("pitstop-cli", &["pitstop-collect", "pitstop-model", "clap"]).is_empty());
        assert!(sentences("pitstop-collect", &["pitstop-target", "libc"]).is_empty());
        assert!(sentences("pitstop-probe", &["pitstop-wire"]).is_empty());
    }

    #[test]
    fn an_arrow_upward_or_sideways_is_named_with_its_floors() {
        assert_eq!(
            sentences("pitstop-analysis", &["pitstop-view"]),
            ["arrows go downward only, but analysis (floor 2) uses view (floor 3)"]
        );
        assert_eq!(
            sentences("pitstop-model", &["pitstop-stats"]),
            ["arrows go downward only, but model (floor 1) uses stats (floor 1)"]
        );
    }

    #[test]
    fn only_some_rooms_know_processes() {
        assert_eq!(
            sentences("pitstop-view", &["pitstop-target"]),
            [
                "only collect, bench, fix, server, cli know processes, but view uses target",
                "view and export show what was computed, but view uses target"
            ]
        );
        assert_eq!(
            sentences("pitstop-export", &["pitstop-archive"]),
            ["view and export show what was computed, but export uses archive"]
        );
    }

    #[test]
    fn nobody_links_the_probe_not_even_tests() {
        let tests = Package {
            is_room: false,
            ..made_up("pitstop-e2e", &["pitstop-probe"])
        };
        assert_eq!(
            broken(&[tests]),
            ["nobody links the probe, but pitstop-e2e does"]
        );
        assert_eq!(
            sentences("pitstop-probe", &["pitstop-model"]),
            ["the probe knows nothing but wire, but it uses model"]
        );
    }

    #[test]
    fn a_room_that_is_not_in_the_plan_is_refused() {
        assert_eq!(
            sentences("pitstop-attic", &[]),
            ["every room has a floor in the house plan, but pitstop-attic has none"]
        );
        assert_eq!(
            sentences("pitstop-cli", &["pitstop-attic"]),
            ["cli uses attic, which has no floor in the house plan"]
        );
    }

    #[test]
    fn unsafe_stays_in_its_three_rooms() {
        let careless = |name| Package {
            forbids_unsafe: false,
            ..made_up(name, &[])
        };
        assert!(broken(&[careless("pitstop-target")]).is_empty());
        assert_eq!(
            broken(&[careless("pitstop-cli")]),
            [
                "unsafe lives in wire, target, probe only, but cli does not say \
              `#![forbid(unsafe_code)]`"
            ]
        );
    }
}

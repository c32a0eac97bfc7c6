//! What is drawn for a process, and how it gets it.
//!
//! CPython's speed depends on where things lie: the order of dictionaries and sets of strings
//! (PYTHONHASHSEED), the stack's offset (the size of arguments and environment, Mytkowicz et al.
//! 2009), and the addresses of heap and libraries (ASLR). A pair shares all of it.

use crate::job::Side;
use pitstop_model::Layout;
use pitstop_stats::Rng;
use std::ffi::{OsStr, OsString};

/// A page of the stack: longer paddings only repeat its offsets.
const MOST_PADDING_BYTES: u64 = 4096;

/// The variable that makes the environment longer.
const PADDING: &str = "PITSTOP_PADDING";

/// Draws a layout.
pub(crate) fn draw(rng: &mut Rng, cpu: Option<u32>, fixed_addresses: bool) -> Layout {
    Layout {
        // CPython takes 0 to 4294967295, and 0 means no randomization at all.
        hash_seed: 1 + rng.below(u64::from(u32::MAX)) as u32,
        padding_bytes: rng.below(MOST_PADDING_BYTES) as u32,
        cpu,
        fixed_addresses,
    }
}

/// The environment of a process: ours, the side's, and the layout's. `even_bytes` more of padding
/// make up for what the other side of a pair has in longer words.
pub(crate) fn environment(
    layout: &Layout,
    side: &Side,
    even_bytes: usize,
) -> Vec<(OsString, OsString)> {
    let ours = std::env::vars_os().filter(|(name, _)| name != PADDING);
    let mut all: Vec<(OsString, OsString)> = ours
        .filter(|(name, _)| !side.variables.iter().any(|(other, _)| other == name))
        .chain(side.variables.iter().cloned())
        .collect();
    // Who sets a seed means it.
    if !all.iter().any(|(name, _)| name == "PYTHONHASHSEED") {
        let seed = layout.hash_seed.to_string();
        all.push(("PYTHONHASHSEED".into(), seed.into()));
    }
    let padding = layout.padding_bytes as usize + even_bytes;
    all.push((PADDING.into(), "x".repeat(padding).into()));
    all
}

/// The bytes that a side's words take on the new stack: the program twice (its name and
/// `AT_EXECFN`), arguments, and variables.
pub(crate) fn stack_bytes(program: &OsStr, args: &[OsString], side: &Side) -> usize {
    let arguments: usize = args.iter().map(|word| word.len() + 1).sum();
    let changed = side.variables.iter();
    let changed: usize = changed
        .map(|(name, value)| {
            let before = std::env::var_os(name).map_or(0, |value| name.len() + value.len() + 2);
            (name.len() + value.len() + 2).saturating_sub(before)
        })
        .sum();
    2 * program.len() + arguments + changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_seed_and_spread() {
        let draws = |seed| {
            let mut rng = Rng::new(seed);
            (0..50)
                .map(|_| draw(&mut rng, None, true))
                .collect::<Vec<_>>()
        };
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
        assert!(draws(1).iter().all(|layout| layout.hash_seed > 0));
        assert!(draws(1).iter().any(|layout| layout.padding_bytes > 2048));
    }

    #[test]
    fn a_side_sets_what_the_layout_leaves_alone() {
        let mut side = Side::default();
        let layout = draw(&mut Rng::new(1), None, true);
        let value = |side: &Side, name: &str| {
            let all = environment(&layout, side, 10);
            let mut named = all.iter().filter(|(other, _)| other == name);
            let value = named.next().map(|(_, value)| value.clone());
            assert!(named.next().is_none(), "{name} is there twice");
            value.map(|value| value.to_string_lossy().into_owned())
        };
        assert_eq!(
            value(&side, "PYTHONHASHSEED"),
            Some(layout.hash_seed.to_string())
        );
        let padding = value(&side, PADDING).map(|text| text.len());
        assert_eq!(padding, Some(layout.padding_bytes as usize + 10));
        side.variables.push(("PYTHONHASHSEED".into(), "0".into()));
        side.variables.push(("PATH".into(), "nowhere".into()));
        assert_eq!(value(&side, "PYTHONHASHSEED").as_deref(), Some("0"));
        assert_eq!(value(&side, "PATH").as_deref(), Some("nowhere"));
    }
}

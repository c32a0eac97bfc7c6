//! The variables of a frame and what they hold.
//!
//! A code object names the slots of its frames: arguments first, then other variables, then the
//! cells that it shares with functions inside and outside of it. Up to 3.10 those are three lists
//! of names, and an argument that an inner function uses too has two slots of which the first is
//! empty; from 3.11 on it is one list, and a byte a slot says whether a cell may be in it.

use crate::frame::RawFrame;
use crate::layout::Layout;
use crate::memory::{Memory, ReadError};
use crate::object::{Objects, ReprLimits, Speller};
use crate::text::read_bytes;

/// The most variables that are shown.
const MAX_VARIABLES: usize = 64;
/// The most slots that are looked at.
const MAX_SLOTS: usize = 256;
/// The longest name, in characters.
const MAX_NAME: u64 = 100;

/// What a code object says about one slot.
struct Slot {
    name: u64,
    may_be_cell: bool,
}

/// The variables of a frame that have a value: name and what `repr` would say, arguments first.
///
/// # Errors
/// Why the frame or its code could not be read. One variable that cannot be is left out or shows
/// as `<unreadable>`.
pub fn locals(
    memory: &impl Memory,
    layout: &Layout,
    frame: RawFrame,
) -> Result<Vec<(String, String)>, ReadError> {
    let objects = Objects::new(memory, layout);
    let slots = slots(&objects, frame.code)?;
    let first = frame.address.wrapping_add(layout.frame.locals);
    let values = objects.words(first, slots.len())?;
    let mut variables: Vec<(String, u64)> = Vec::new();
    // An argument whose own slot is empty keeps its place for the cell that has its value.
    let named = objects.each(slots.iter().zip(&values), |(slot, &value)| {
        Ok((
            objects.str(slot.name, MAX_NAME)?,
            content(&objects, slot, value),
        ))
    })?;
    for (name, value) in named {
        match variables.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) if *known == 0 => *known = value,
            Some(_) => {}
            None => variables.push((name, value)),
        }
    }
    let bound = variables.into_iter().filter(|(_, value)| *value != 0);
    Ok(bound
        .take(MAX_VARIABLES)
        .map(|(name, value)| {
            let speller = Speller::new(&objects, ReprLimits::default());
            (name, speller.repr(value))
        })
        .collect())
}

/// The object that a slot holds, itself or in a cell; 0 if there is none.
fn content<M: Memory>(objects: &Objects<'_, M>, slot: &Slot, value: u64) -> u64 {
    let layout = objects.layout;
    let tag = value & layout.locals.slot_tags;
    if tag & !layout.locals.slot_reference_tag != 0 {
        return 0; // a number that the interpreter keeps for itself
    }
    let object = value & !layout.locals.slot_tags;
    if object == 0 || !slot.may_be_cell {
        return object;
    }
    // Before its function begins, an argument is not in its cell yet.
    match objects.kind(object) {
        Ok(kind) if kind.is_exactly("cell") => objects
            .word(object, layout.object.cell_content)
            .unwrap_or(0),
        _ => object,
    }
}

/// The slots of a code object's frames.
fn slots<M: Memory>(objects: &Objects<'_, M>, code: u64) -> Result<Vec<Slot>, ReadError> {
    let layout = &objects.layout.locals;
    let names = |at| objects.items(objects.word(code, at)?, MAX_SLOTS);
    let variables = names(objects.layout.code.local_names)?;
    let kinds = match layout.kinds {
        Some(at) => {
            let kinds = objects.word(code, at)?;
            read_bytes(&objects.memory, objects.layout, kinds, MAX_SLOTS as u64)?
        }
        None => Vec::new(),
    };
    let may_be_cell = |index: usize| {
        let kind = kinds.get(index).copied().unwrap_or(0);
        u64::from(kind) & layout.cell_kinds != 0
    };
    let mut slots: Vec<Slot> = variables
        .into_iter()
        .enumerate()
        .map(|(index, name)| Slot {
            name,
            may_be_cell: may_be_cell(index),
        })
        .collect();
    for at in [layout.cell_names, layout.free_names].into_iter().flatten() {
        // Behind names that were left out the slots cannot be told.
        if slots.len() >= MAX_SLOTS {
            break;
        }
        slots.extend(names(at)?.into_iter().map(|name| Slot {
            name,
            may_be_cell: true,
        }));
    }
    slots.truncate(MAX_SLOTS);
    Ok(slots)
}

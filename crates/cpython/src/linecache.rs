//! Source texts that exist nowhere but in the process: what was typed, generated, or sent to it.
//!
//! Consoles, notebooks and test tools put such texts into `linecache.cache`, so that tracebacks
//! can show them: `{file name: (size, mtime, lines, full name)}`. From 3.13 on CPython's own
//! console and `python -c` use `linecache._interactive_cache` beside it, with the same values
//! under keys made of code objects (`Lib/linecache.py`). An entry of one item is a promise to
//! load the text later, which nobody kept yet.

use crate::bounded::BATCH;
use crate::layout::Layout;
use crate::memory::{Memory, ReadError, Slice};
use crate::object::{Entry, Objects};
use crate::text::{StrHeader, points, text_of};

/// The most entries of a cache that are looked at.
const MAX_ENTRIES: usize = 4096;
/// The longest file name, in characters.
const MAX_NAME: u64 = 4096;
/// The most lines of one text.
const MAX_LINES: usize = 200_000;
/// The most bytes of all texts together.
const MAX_TEXT_BYTES: u64 = 4 << 20;

/// The texts in the `linecache` of the interpreter at `interpreter` whose file name is `wanted`:
/// file name and text.
///
/// Empty if the program has not imported `linecache`. What is not understood is left out, and so
/// is a text that together with those before it has more than 4 MiB.
///
/// # Errors
/// Why the cache could not be read.
pub fn linecache_texts(
    memory: &impl Memory,
    layout: &Layout,
    interpreter: u64,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<(String, String)>, ReadError> {
    let objects = Objects::new(memory, layout);
    let mut texts: Vec<(String, String)> = Vec::new();
    let mut bytes_left = MAX_TEXT_BYTES;
    for variable in ["cache", "_interactive_cache"] {
        let entries = match entries(&objects, interpreter, variable) {
            Ok(entries) => entries,
            // What the first cache gave is worth keeping.
            Err(_) if !texts.is_empty() => break,
            Err(error) => return Err(error),
        };
        objects.each(entries, |entry| {
            let items = objects.items(entry.value, 5)?;
            let [_, _, lines, full_name] = items[..] else {
                return Err(ReadError::Unmapped(entry.value));
            };
            // A key that is no string stands for a piece of code; its file is the full name.
            let name = objects
                .str(entry.key, MAX_NAME)
                .or_else(|_| objects.str(full_name, MAX_NAME))?;
            // The functions of one console input share its text.
            let is_known = texts.iter().any(|(known, _)| *known == name);
            if !is_known && wanted(&name) {
                let text = text_of_lines(&objects, lines, bytes_left)?;
                bytes_left = bytes_left.saturating_sub(text.len() as u64);
                texts.push((name, text));
            }
            Ok(())
        })?;
    }
    Ok(texts)
}

/// The entries of one of the module's dicts; none if there is no such dict.
fn entries<M: Memory>(
    objects: &Objects<'_, M>,
    interpreter: u64,
    variable: &str,
) -> Result<Vec<Entry>, ReadError> {
    match objects.module_variable(interpreter, "linecache", variable)? {
        Some(cache) => objects.dict_entries(cache, MAX_ENTRIES),
        None => Ok(Vec::new()),
    }
}

/// The lines of a list in one text, if there are at most `max_bytes` in the process.
fn text_of_lines<M: Memory>(
    objects: &Objects<'_, M>,
    lines: u64,
    max_bytes: u64,
) -> Result<String, ReadError> {
    let lines = objects.items(lines, MAX_LINES + 1)?;
    if lines.len() > MAX_LINES {
        return Err(ReadError::Unmapped(0));
    }
    let mut text = String::new();
    let mut bytes_left = max_bytes;
    for batch in lines.chunks(BATCH) {
        let headers = headers(objects, batch)?;
        let sizes = headers.iter().map(|header| header.length * header.width);
        let size = sizes.clone().fold(0u64, u64::saturating_add);
        bytes_left = bytes_left
            .checked_sub(size)
            .ok_or(ReadError::Unmapped(batch[0]))?;
        let mut bodies: Vec<Vec<u8>> = sizes.map(|size| vec![0; size as usize]).collect();
        let mut slices: Vec<Slice<'_>> = bodies
            .iter_mut()
            .zip(batch.iter().zip(&headers))
            .map(|(buffer, (line, header))| Slice {
                address: line.wrapping_add(header.data),
                buffer,
            })
            .collect();
        read_all(objects, &mut slices)?;
        for (body, header) in bodies.iter().zip(&headers) {
            text.push_str(&text_of(&points(header.width, body)));
        }
    }
    Ok(text)
}

/// What the strings of a batch say about themselves.
fn headers<M: Memory>(
    objects: &Objects<'_, M>,
    batch: &[u64],
) -> Result<Vec<StrHeader>, ReadError> {
    let size = StrHeader::prefix_bytes(objects.layout);
    let mut buffers = vec![0; size * batch.len()];
    let mut slices: Vec<Slice<'_>> = buffers
        .chunks_exact_mut(size)
        .zip(batch)
        .map(|(buffer, &address)| Slice { address, buffer })
        .collect();
    read_all(objects, &mut slices)?;
    buffers
        .chunks_exact(size)
        .zip(batch)
        .map(|(bytes, line)| {
            StrHeader::parse(objects.layout, bytes)
                .filter(|header| !header.is_pointer)
                .ok_or(ReadError::Unmapped(*line))
        })
        .collect()
}

/// Reads all slices or says why not.
fn read_all<M: Memory>(
    objects: &Objects<'_, M>,
    slices: &mut [Slice<'_>],
) -> Result<(), ReadError> {
    let filled = objects.memory.read_many(slices);
    match slices.get_mut(filled) {
        None => Ok(()),
        // The batch does not say why it stopped; the slice it stopped at does.
        Some(slice) => match objects.memory.read(slice.address, slice.buffer) {
            Ok(()) => Err(ReadError::Unmapped(slice.address)),
            Err(error) => Err(error),
        },
    }
}

//! Objects as text, the way `repr` shows them, without running anything.
//!
//! Built-in types are spelled out; an instance of a subclass has the name of its class around
//! that: `Point((1, 2))`. Of everything else the type is told: `<socket.socket object>`. `…`
//! stands for what the limits leave out, `<unreadable>` for what cannot be made sense of.

use super::Objects;
use super::kind::{BYTES, DICT, Kind, LIST, LONG, TUPLE, TYPE, UNICODE};
use super::number::float;
use super::quote::Text;
use crate::layout::Layout;
use crate::memory::{Memory, ReadError};
use crate::text::{read_bytes, read_points};

/// The deepest nesting that is followed, whatever the caller allows: the stack is finite.
const MAX_DEPTH: usize = 16;
/// The longest text, whatever the caller allows.
const MAX_CHARS: usize = 65_536;

/// How much of an object is spelled out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReprLimits {
    /// How many containers may be open at once; the next one shows as `[…]`.
    pub depth: usize,
    /// How many items of a container are shown.
    pub items: usize,
    /// How many characters the text may have, `…` included.
    pub chars: usize,
}

impl Default for ReprLimits {
    /// One line of a terminal, more or less.
    fn default() -> Self {
        Self {
            depth: 3,
            items: 10,
            chars: 120,
        }
    }
}

/// What Python's `repr` would say about the object at `address`, within limits.
pub fn repr(memory: &impl Memory, layout: &Layout, address: u64, limits: ReprLimits) -> String {
    Speller::new(&Objects::new(memory, layout), limits).repr(address)
}

/// Spells objects, one after the other.
pub(crate) struct Speller<'a, 'm, M> {
    objects: &'a Objects<'m, M>,
    limits: ReprLimits,
    text: Text,
    /// The containers that are open, outermost first.
    open: Vec<u64>,
}

/// The pieces of a container's text.
struct Brackets {
    open: &'static str,
    close: &'static str,
}

const LIST_BRACKETS: Brackets = Brackets {
    open: "[",
    close: "]",
};
const TUPLE_BRACKETS: Brackets = Brackets {
    open: "(",
    close: ")",
};
const BRACES: Brackets = Brackets {
    open: "{",
    close: "}",
};

impl<'a, 'm, M: Memory> Speller<'a, 'm, M> {
    pub(crate) fn new(objects: &'a Objects<'m, M>, limits: ReprLimits) -> Self {
        Self {
            objects,
            limits,
            text: Text::new(limits.chars.min(MAX_CHARS)),
            open: Vec::new(),
        }
    }

    /// The text of an object.
    pub(crate) fn repr(mut self, object: u64) -> String {
        self.object(object);
        self.text.finish()
    }

    fn object(&mut self, object: u64) {
        if self.text.is_cut() {
            return;
        }
        // Half of an object may have been written by then; that half is true.
        if self.try_object(object).is_err() {
            self.text.push("<unreadable>");
        }
    }

    fn try_object(&mut self, object: u64) -> Result<(), ReadError> {
        let kind = self.objects.kind(object)?;
        if self.is_plain(object, &kind)? {
            return Ok(());
        }
        let exact = [
            (LONG, "int"),
            (UNICODE, "str"),
            (BYTES, "bytes"),
            (TUPLE, "tuple"),
            (LIST, "list"),
            (DICT, "dict"),
        ];
        match exact.into_iter().find(|(flag, _)| kind.is_a(*flag)) {
            Some((flag, name)) if kind.is_exactly(name) => self.builtin(object, flag),
            Some((flag, _)) => {
                let name = self.objects.full_name(&kind);
                self.text.push(name);
                self.text.push("(");
                self.builtin(object, flag)?;
                self.text.push(")");
                Ok(())
            }
            None if kind.is_a(TYPE) => {
                let class = self.objects.kind_at(object)?;
                let name = self.objects.full_name(&class);
                self.text.push(&format!("<class '{name}'>"));
                Ok(())
            }
            None => {
                let name = self.objects.full_name(&kind);
                self.text.push(&format!("<{name} object>"));
                Ok(())
            }
        }
    }

    /// Writes the object if its type can be told by its name alone.
    fn is_plain(&mut self, object: u64, kind: &Kind) -> Result<bool, ReadError> {
        let is = |name| kind.is_exactly(name);
        if is("NoneType") {
            self.text.push("None");
        } else if is("bool") {
            let zero = self.objects.u64(object)? == 0;
            self.text.push(if zero { "False" } else { "True" });
        } else if is("ellipsis") {
            self.text.push("Ellipsis");
        } else if is("NotImplementedType") {
            self.text.push("NotImplemented");
        } else if is("float") {
            let at = self.objects.layout.object.float_value;
            let value = f64::from_bits(self.objects.word(object, at)?);
            self.text.push(&float(value));
        } else if is("set") {
            self.set(object, "set()", "{", "}")?;
        } else if is("frozenset") {
            self.set(object, "frozenset()", "frozenset({", "})")?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn builtin(&mut self, object: u64, flag: u64) -> Result<(), ReadError> {
        let (memory, layout) = (&self.objects.memory, self.objects.layout);
        // One more than fits, so that what is left out is known to be.
        let most = self.text.left() as u64 + 1;
        match flag {
            LONG => match self.objects.int(object)? {
                Ok(int) => self.text.push(&int.decimal()),
                Err(bits) => self.text.push(&format!("<int of {bits} bits>")),
            },
            UNICODE => {
                let (_, points) = read_points(memory, layout, object, most)?;
                self.text.push_str(&points);
            }
            BYTES => {
                let bytes = read_bytes(memory, layout, object, most)?;
                self.text.push_bytes(&bytes);
            }
            LIST => self.sequence(object, &LIST_BRACKETS)?,
            TUPLE => self.sequence(object, &TUPLE_BRACKETS)?,
            _ => self.dict(object)?,
        }
        Ok(())
    }

    fn sequence(&mut self, object: u64, brackets: &Brackets) -> Result<(), ReadError> {
        let (count, items) = self.objects.sequence(object)?;
        let shown = count.min(self.most_items() as u64) as usize;
        let items = self.objects.words(items, shown)?;
        self.container(object, brackets, count, |speller| {
            for (index, &item) in items.iter().enumerate() {
                speller.separate(index);
                speller.object(item);
            }
            if count == 1 && brackets.close == ")" {
                speller.text.push(",");
            }
            items.len()
        });
        Ok(())
    }

    fn dict(&mut self, object: u64) -> Result<(), ReadError> {
        let count = self.objects.dict_len(object)?;
        let entries = self.objects.dict_entries(object, self.most_items())?;
        self.container(object, &BRACES, count, |speller| {
            for (index, entry) in entries.iter().enumerate() {
                speller.separate(index);
                speller.object(entry.key);
                speller.text.push(": ");
                speller.object(entry.value);
            }
            entries.len()
        });
        Ok(())
    }

    fn set(
        &mut self,
        object: u64,
        empty: &'static str,
        open: &'static str,
        close: &'static str,
    ) -> Result<(), ReadError> {
        let count = self.objects.set_len(object)?;
        if count == 0 {
            self.text.push(empty);
            return Ok(());
        }
        let items = self.objects.set_items(object, self.most_items())?;
        self.container(object, &Brackets { open, close }, count, |speller| {
            for (index, &item) in items.iter().enumerate() {
                speller.separate(index);
                speller.object(item);
            }
            items.len()
        });
        Ok(())
    }

    /// Writes a container of `count` items; `inner` writes some and says how many.
    fn container(
        &mut self,
        object: u64,
        brackets: &Brackets,
        count: u64,
        inner: impl FnOnce(&mut Self) -> usize,
    ) {
        self.text.push(brackets.open);
        let too_deep = self.open.len() >= self.limits.depth.min(MAX_DEPTH);
        if count > 0 && (too_deep || self.open.contains(&object)) {
            self.text.push("…");
        } else if count > 0 {
            self.open.push(object);
            let shown = inner(self);
            self.open.pop();
            if (shown as u64) < count {
                self.separate(shown);
                self.text.push("…");
            }
        }
        self.text.push(brackets.close);
    }

    fn separate(&mut self, index: usize) {
        if index > 0 {
            self.text.push(", ");
        }
    }

    /// The most items of a container that are worth reading: each takes a character at least.
    fn most_items(&self) -> usize {
        self.limits.items.min(self.text.left() + 1)
    }
}

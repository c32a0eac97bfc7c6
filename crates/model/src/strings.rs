//! Interned text: each distinct string is kept once and named by a [`StringId`].

use crate::id::{Id, StringId};
use rustc_hash::FxHashMap;
use std::sync::Arc;

/// An append-only table of distinct texts. Entry 0 is always the empty text.
#[derive(Clone, Debug)]
pub struct Strings {
    texts: Vec<Arc<str>>,
    by_text: FxHashMap<Arc<str>, StringId>,
}

impl Default for Strings {
    fn default() -> Self {
        let mut strings = Self {
            texts: Vec::new(),
            by_text: FxHashMap::default(),
        };
        strings.intern("");
        strings
    }
}

impl Strings {
    /// The handle of the empty text.
    pub const EMPTY: StringId = StringId(0);

    /// Returns the handle of `text`, adding it if it is new.
    pub fn intern(&mut self, text: &str) -> StringId {
        if let Some(&id) = self.by_text.get(text) {
            return id;
        }
        let id = StringId::from_index(self.texts.len());
        let text: Arc<str> = Arc::from(text);
        self.texts.push(Arc::clone(&text));
        self.by_text.insert(text, id);
        id
    }

    /// The text behind a handle; the empty text for a handle of another table.
    pub fn get(&self, id: StringId) -> &str {
        self.texts.get(id.index()).map_or("", |text| text)
    }

    /// The number of distinct texts.
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Never true: the empty text is always there.
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }

    /// All texts in the order of their handles.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.texts.iter().map(AsRef::as_ref)
    }
}

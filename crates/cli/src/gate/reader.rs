//! Reading TOML so that every complaint names file, line, key, and what to write instead.

use crate::exit::{Failure, Status};
use std::fmt::Display;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A file and its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Document<'a> {
    /// As it is shown.
    pub(crate) file: &'a str,
    pub(crate) text: &'a str,
}

impl<'a> Document<'a> {
    /// The whole file as a table.
    pub(crate) fn parse(self) -> Result<Spanned<DeTable<'a>>, Failure> {
        DeTable::parse(self.text).map_err(|error| {
            let line = error.span().map_or(1, |span| self.line(span.start));
            Failure::new(Status::Usage, format!("{}:{line} is no TOML", self.file))
                .because(error.message())
                .cure("mend that line")
        })
    }

    fn line(self, offset: usize) -> u32 {
        let before = self.text.as_bytes().iter().take(offset);
        before.filter(|byte| **byte == b'\n').count() as u32 + 1
    }
}

/// A value, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Item<'a> {
    document: Document<'a>,
    /// Its key with all keys above.
    path: String,
    value: &'a DeValue<'a>,
    /// The line of its key.
    pub(crate) line: u32,
}

/// A table, and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Section<'a> {
    document: Document<'a>,
    path: String,
    table: &'a DeTable<'a>,
    pub(crate) line: u32,
}

impl<'a> Item<'a> {
    /// What is wrong with it.
    pub(crate) fn wrong(&self, why: impl Display) -> Failure {
        let what = format!(
            "{}:{}: `{}` {why}",
            self.document.file, self.line, self.path
        );
        Failure::new(Status::Usage, what)
    }

    fn needs(&self, what: &str) -> Failure {
        let kind = self.value.type_str();
        self.wrong(format_args!("is of type {kind}"))
            .cure(format!("write {what}"))
    }

    pub(crate) fn value(&self) -> &'a DeValue<'a> {
        self.value
    }

    pub(crate) fn string(&self, example: &str) -> Result<&'a str, Failure> {
        let text = self.value.as_str().filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| self.needs(&format!("a text: {example}")))
    }

    pub(crate) fn items(&self, example: &str) -> Result<Vec<Item<'a>>, Failure> {
        let Some(array) = self.value.as_array() else {
            return Err(self.needs(&format!("a list: {example}")));
        };
        let item = |(at, value): (usize, &'a Spanned<DeValue<'a>>)| Item {
            document: self.document,
            path: format!("{}[{at}]", self.path),
            value: value.get_ref(),
            line: self.document.line(value.span().start),
        };
        Ok(array.iter().enumerate().map(item).collect())
    }

    pub(crate) fn strings(&self, example: &str) -> Result<Vec<String>, Failure> {
        let items = self.items(example)?;
        let texts = items
            .iter()
            .map(|item| item.string("\"…\"").map(str::to_owned));
        texts.collect()
    }

    pub(crate) fn section(&self, example: &str) -> Result<Section<'a>, Failure> {
        let Some(table) = self.value.as_table() else {
            return Err(self.needs(&format!("a table: {example}")));
        };
        Ok(Section {
            document: self.document,
            path: self.path.clone(),
            table,
            line: self.line,
        })
    }
}

impl<'a> Section<'a> {
    /// The whole document.
    pub(crate) fn root(document: Document<'a>, table: &'a DeTable<'a>) -> Self {
        Self {
            document,
            path: String::new(),
            table,
            line: 1,
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<Item<'a>> {
        let (found, value) = self.table.get_key_value(key)?;
        Some(self.item(found, value))
    }

    fn item(
        &self,
        key: &Spanned<std::borrow::Cow<'a, str>>,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Item<'a> {
        let name = key.get_ref();
        let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let name = if !name.is_empty() && name.chars().all(is_bare) {
            name.to_string()
        } else {
            format!("{name:?}")
        };
        let dot = if self.path.is_empty() { "" } else { "." };
        Item {
            document: self.document,
            path: format!("{}{dot}{name}", self.path),
            value: value.get_ref(),
            line: self.document.line(key.span().start),
        }
    }

    /// Tables on the way down, if they are all there.
    pub(crate) fn down(&self, keys: &[&str]) -> Result<Option<Section<'a>>, Failure> {
        let mut section = self.clone();
        for key in keys {
            let Some(item) = section.get(key) else {
                return Ok(None);
            };
            section = item.section(&format!("[{}]", item.path))?;
        }
        Ok(Some(section))
    }

    /// Everything in it, in the order of the file.
    pub(crate) fn all(&self) -> Vec<(String, Item<'a>)> {
        let mut all: Vec<_> = self.table.iter().collect();
        all.sort_by_key(|(key, _)| key.span().start);
        let named = |(key, value): (&'a Spanned<_>, &'a Spanned<DeValue<'a>>)| {
            let name: &std::borrow::Cow<'a, str> = key.get_ref();
            (name.to_string(), self.item(key, value))
        };
        all.into_iter().map(named).collect()
    }

    /// Complains about keys that nobody reads.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Failure> {
        for (name, item) in self.all() {
            if known.contains(&name.as_str()) {
                continue;
            }
            let failure = item.wrong("is no key that is known here");
            return Err(match nearest(&name, known) {
                Some(meant) => failure.cure(format!("write `{meant}`")),
                None => failure.cure(format!("use one of: {}", known.join(", "))),
            });
        }
        Ok(())
    }

    /// What is wrong with the whole of it.
    pub(crate) fn wrong(&self, why: impl Display) -> Failure {
        let what = format!(
            "{}:{}: `{}` {why}",
            self.document.file, self.line, self.path
        );
        Failure::new(Status::Usage, what)
    }

    /// A key that must be there.
    pub(crate) fn required(&self, key: &str, example: &str) -> Result<Item<'a>, Failure> {
        self.get(key).ok_or_else(|| {
            self.wrong(format_args!("has no `{key}`"))
                .cure(format!("add: {key} = {example}"))
        })
    }
}

/// The known word that a mistyped one is nearest to, if it is near at all.
fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.replace('_', "-").to_lowercase();
    let word = plain(word);
    let near = known
        .iter()
        .map(|known| (distance(&word, &plain(known)), *known));
    let (steps, meant) = near.min()?;
    (steps <= 2 && steps < word.len()).then_some(meant)
}

/// Letters to add, drop or replace to get from one word to the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (place, wanted) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *wanted);
            diagonal = row[place + 1];
            row[place + 1] = replaced.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_keys_are_understood_and_strange_ones_are_not() {
        let known = ["time", "peak-rss", "imports"];
        assert_eq!(nearest("tme", &known), Some("time"));
        assert_eq!(nearest("peak_rss", &known), Some("peak-rss"));
        assert_eq!(nearest("import", &known), Some("imports"));
        assert_eq!(nearest("zzzzzz", &known), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn complaints_name_file_line_and_key() {
        let document = Document {
            file: "p.toml",
            text: "[a]\nb = 1\n\n[a.\"c d\"]\nx = 2\n",
        };
        let table = document.parse().expect("it is TOML");
        let root = Section::root(document, table.get_ref());
        let section = root.down(&["a"]).expect("tables").expect("it is there");
        let item = section.get("b").expect("it is there");
        let failure = item.string("\"y\"").expect_err("a number");
        assert!(
            failure
                .what
                .starts_with("p.toml:2: `a.b` is of type integer"),
            "{failure:?}"
        );
        let failure = section.only(&["b"]).expect_err("c d is unknown");
        assert!(
            failure.what.contains("p.toml:4: `a.\"c d\"`"),
            "{failure:?}"
        );
        let bad = Document {
            text: "x = [\n",
            ..document
        };
        assert!(
            bad.parse()
                .is_err_and(|failure| failure.what.contains("p.toml:"))
        );
    }
}

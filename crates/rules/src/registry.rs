//! All rules, and how to choose among them.

use crate::pages;
use crate::rule::Rule;

/// Every rule, by code.
pub static RULES: &[&dyn Rule] = &[
    &pages::list_membership::Page,
    &pages::pop_front::Page,
    &pages::quadratic_text::Page,
    &pages::quadratic_concat::Page,
    &pages::sort_for_extreme::Page,
    &pages::regex_in_loop::Page,
    &pages::deepcopy_in_loop::Page,
    &pages::hoisted_append::Page,
];

/// A rule by its code or name; case does not matter.
pub fn find(name: &str) -> Option<&'static dyn Rule> {
    let is_it = |rule: &&&dyn Rule| {
        let meta = rule.meta();
        meta.code.eq_ignore_ascii_case(name) || meta.slug.eq_ignore_ascii_case(name)
    };
    RULES.iter().find(is_it).copied()
}

/// A word that names no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no rule `{name}`")]
pub struct UnknownRule {
    /// The word.
    pub name: String,
    /// A rule that it may be meant to be.
    pub near: Option<&'static str>,
}

/// The rules to go by.
#[derive(Clone)]
pub struct Selection {
    rules: Vec<&'static dyn Rule>,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            rules: RULES.to_vec(),
        }
    }
}

impl Selection {
    /// Rules by code (`PS101`), beginning of codes (`PS1`), name or category. Nothing selects all.
    ///
    /// # Errors
    /// A word names nothing.
    pub fn new(select: &[String], ignore: &[String]) -> Result<Self, UnknownRule> {
        for word in select.iter().chain(ignore) {
            if !RULES.iter().any(|rule| is_named(*rule, word)) {
                return Err(UnknownRule {
                    name: word.clone(),
                    near: near(word),
                });
            }
        }
        let is_in =
            |rule: &dyn Rule, words: &[String]| words.iter().any(|word| is_named(rule, word));
        let chosen = RULES
            .iter()
            .copied()
            .filter(|rule| (select.is_empty() || is_in(*rule, select)) && !is_in(*rule, ignore));
        Ok(Self {
            rules: chosen.collect(),
        })
    }

    /// The rules.
    pub fn rules(&self) -> &[&'static dyn Rule] {
        &self.rules
    }
}

fn is_named(rule: &dyn Rule, word: &str) -> bool {
    let meta = rule.meta();
    let upper = word.to_ascii_uppercase();
    (upper.starts_with("PS") && meta.code.starts_with(&upper))
        || meta.slug.eq_ignore_ascii_case(word)
        || meta.category.key().eq_ignore_ascii_case(word)
}

/// The rule whose name shares the longest beginning, or a whole part, with a word.
fn near(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let common = |slug: &str| {
        let same = slug.bytes().zip(word.bytes());
        let beginning = same.take_while(|(one, other)| one == other).count();
        let parts = slug.split('-').filter(|part| word.contains(part)).count();
        beginning.max(parts * 3)
    };
    let slugs = RULES.iter().map(|rule| rule.meta().slug);
    let best = slugs.max_by_key(|slug| common(slug))?;
    (common(best) >= 3).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(select: &[&str], ignore: &[&str]) -> Result<Vec<&'static str>, UnknownRule> {
        let words = |all: &[&str]| {
            all.iter()
                .map(|word| (*word).to_owned())
                .collect::<Vec<_>>()
        };
        let selection = Selection::new(&words(select), &words(ignore))?;
        Ok(selection
            .rules()
            .iter()
            .map(|rule| rule.meta().slug)
            .collect())
    }

    #[test]
    fn rules_are_chosen_by_code_name_and_category() {
        assert_eq!(chosen(&[], &[]).map(|all| all.len()), Ok(RULES.len()));
        assert_eq!(chosen(&["ps101"], &[]), Ok(vec!["list-membership"]));
        assert_eq!(chosen(&["PS1", "pop-front"], &["PS101", "PS1"]), Ok(vec![]));
        assert_eq!(chosen(&["micro"], &[]), Ok(vec!["hoisted-append"]));
        let unknown = chosen(&["list-memebrship"], &[]).expect_err("no such rule");
        assert_eq!(unknown.near, Some("list-membership"));
        assert_eq!(chosen(&["xyz"], &[]).expect_err("no such rule").near, None);
    }

    #[test]
    fn codes_and_names_are_unique_and_in_order() {
        let codes: Vec<_> = RULES.iter().map(|rule| rule.meta().code).collect();
        assert!(codes.windows(2).all(|two| two[0] < two[1]), "{codes:?}");
        for rule in RULES {
            let slug = rule.meta().slug;
            let same = RULES.iter().filter(|other| other.meta().slug == slug);
            assert_eq!(same.count(), 1, "{slug}");
        }
    }
}

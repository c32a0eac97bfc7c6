//! PS105 `sort-for-extreme`: sorting everything to take the first, the last, or a few.

use crate::edits::{imported, integer, is_free};
use crate::judge::Evidence;
use crate::rule::{Candidate, Category, Fix, Found, Manual, Meta, Pair, Refusal, Rule};
use pitstop_model::{EvidenceKind, FixClass};
use pitstop_source::syntax::{AnyNodeRef, Expr, NodeKind, ast, span};
use pitstop_source::{Edit, Module, NodeId};

/// The page.
pub(crate) struct Page;

static META: Meta = Meta {
    code: "PS105",
    slug: "sort-for-extreme",
    title: "sorting all to take a few",
    category: Category::Algorithm,
    growth: "O(n log n)",
    needs: &[
        EvidenceKind::Share,
        EvidenceKind::Count,
        EvidenceKind::Needed,
    ],
    class: FixClass::TypeConditional,
    since: None,
    overlaps: &["FURB192"],
    manual: Manual {
        what: "`sorted(items)[0]` and `sorted(items)[:k]` order everything and throw nearly all of it away. \
               `min`, `max` and `heapq.nsmallest` look at each item once.",
        pays: "`min` and `max`: two to seven times as fast at 10,000 items in random order. `nsmallest`: about \
               three times, for ten of 10,000.",
        not: "- `nsmallest` for a good part of the items: three times in ten is already *five times slower* \
              than sorting\n\
              - the items are nearly sorted to begin with: sorting those is one pass\n\
              - the sorted list is needed as well",
        preconditions: "For `[0]` and `[-1]`: an empty input raises `ValueError` instead of `IndexError`, and of \
                        equal items `max` takes the first where `[-1]` took the last. `nsmallest(k, …)` is \
                        defined as `sorted(…)[:k]`; k is not negative.",
        example: "\
cheapest = sorted(offers)[0]
podium = sorted(times)[:3]
# better:
import heapq

cheapest = min(offers)
podium = heapq.nsmallest(3, times)
",
    },
    pair: Pair {
        text: include_str!("../../pairs/sort_for_extreme.py"),
        unit: "items, of which 10 are taken",
        sizes: &[20, 1000, 20_000],
    },
    proof: include_str!("../../proofs/sort_for_extreme.py"),
};

/// Up to this share of the items `nsmallest` can pay (advice.md, appendix A: ten of 10,000 pay,
/// 3,000 of 10,000 cost five times as much).
const MOST_SHARE: f64 = 0.02;

/// What is taken of the sorted list.
#[derive(Clone, Copy)]
enum Taken {
    First,
    Last,
    Beginning(Option<i64>),
}

impl Rule for Page {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn kinds(&self) -> &'static [NodeKind] {
        &[NodeKind::ExprSubscript]
    }

    fn candidates(&self, module: &Module<'_>, node: NodeId, found: &mut Found) {
        let Some((call, taken)) = taken(module, node) else {
            return;
        };
        let what = match taken {
            Taken::First => "its first item".to_owned(),
            Taken::Last => "its last item".to_owned(),
            Taken::Beginning(Some(k)) => format!("its first {k} items"),
            Taken::Beginning(None) => "its first items".to_owned(),
        };
        let message = format!("everything is sorted to take {what}");
        let candidate = found.add(module, node, message);
        candidate.note(span(call), "this list is thrown away");
    }

    fn size(&self, evidence: &Evidence) -> Result<u64, String> {
        match evidence.needed {
            Some(needed) if needed.used > 1 => {
                let share = needed.used as f64 / needed.all.max(1) as f64;
                if share > MOST_SHARE {
                    return Err(format!(
                        "{} of {} items are taken, and sorting is faster for that many",
                        needed.used, needed.all
                    ));
                }
                Ok(needed.all)
            }
            Some(needed) => Ok(needed.all),
            None => Ok(1),
        }
    }

    fn fix(&self, module: &Module<'_>, candidate: &Candidate) -> Result<Fix, Refusal> {
        let refuse = |why: String| Refusal::new("use `min`, `max` or `heapq.nsmallest`", why);
        let (call, taken) =
            taken(module, candidate.node).ok_or_else(|| refuse("it has changed".into()))?;
        let mut key = String::new();
        let mut is_reversed = false;
        for keyword in &call.arguments.keywords {
            match (keyword.arg.as_deref(), &keyword.value) {
                (Some("key"), value) => key = format!(", key={}", module.text_of(value)),
                (Some("reverse"), Expr::BooleanLiteral(it)) => is_reversed = it.value,
                _ => return Err(refuse("`reverse` is only known when it runs".into())),
            }
        }
        let items = &call.arguments.args[0];
        let mut text = module.text_of(items).to_owned();
        let is_bare = items
            .as_generator_expr()
            .is_some_and(|it| !it.parenthesized);
        if is_bare && (!key.is_empty() || matches!(taken, Taken::Beginning(_))) {
            text = format!("({text})");
        }
        let whole = module.span(candidate.node);
        let Taken::Beginning(k) = taken else {
            let name = if matches!(taken, Taken::First) == is_reversed {
                "max"
            } else {
                "min"
            };
            if !is_free(module, name) {
                return Err(refuse(format!(
                    "`{name}` means something else in this file"
                )));
            }
            let mut conditions =
                vec!["it is never empty, or nobody catches the `IndexError` for that".into()];
            if matches!(taken, Taken::Last) {
                conditions.push("equal items are as good as each other".into());
            }
            return Ok(Fix {
                title: format!("take it with `{name}`"),
                class: FixClass::Behavioural,
                conditions,
                edits: vec![Edit::replace(whole, format!("{name}({text}{key})"))],
            });
        };
        let k = k.filter(|k| *k > 0);
        let k = k.ok_or_else(|| refuse("how many are taken is only known when it runs".into()))?;
        let name = if is_reversed { "nlargest" } else { "nsmallest" };
        let (function, import) = imported(module, "heapq", name, candidate.node).map_err(refuse)?;
        let mut edits: Vec<Edit> = import.into_iter().collect();
        edits.push(Edit::replace(
            whole,
            format!("{function}({k}, {text}{key})"),
        ));
        Ok(Fix {
            title: format!("take them with `heapq.{name}`"),
            class: FixClass::TypeConditional,
            conditions: vec![format!("there are many more than {k} items")],
            edits,
        })
    }
}

/// The call of `sorted`, and what is taken of it.
fn taken<'a>(module: &Module<'a>, node: NodeId) -> Option<(&'a ast::ExprCall, Taken)> {
    let AnyNodeRef::ExprSubscript(it) = module.syntax(node) else {
        return None;
    };
    let call = it.value.as_call_expr()?;
    let is_sorted = module.is_builtin(&call.func, "sorted")
        && call.arguments.args.len() == 1
        && !call.arguments.args[0].is_starred_expr();
    if !is_sorted {
        return None;
    }
    let taken = match &*it.slice {
        Expr::Slice(slice) if slice.lower.is_none() && slice.step.is_none() => {
            let upper = slice.upper.as_deref()?;
            let number = integer(upper);
            if number.is_some_and(|number| number < 0) {
                return None;
            }
            Taken::Beginning(number)
        }
        index => match integer(index)? {
            0 => Taken::First,
            -1 => Taken::Last,
            _ => return None,
        },
    };
    Some((call, taken))
}

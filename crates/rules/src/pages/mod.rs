//! One file a rule.

pub(crate) mod deepcopy_in_loop;
pub(crate) mod hoisted_append;
pub(crate) mod list_membership;
pub(crate) mod pop_front;
pub(crate) mod quadratic_concat;
pub(crate) mod quadratic_text;
pub(crate) mod regex_in_loop;
pub(crate) mod sort_for_extreme;

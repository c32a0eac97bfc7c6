//! A running program becomes a Profile.

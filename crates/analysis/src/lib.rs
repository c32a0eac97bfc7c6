//! Pure questions to a Profile.

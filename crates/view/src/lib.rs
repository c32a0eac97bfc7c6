//! One file per picture.

//! The .pit file: append-only, checksummed, recoverable.

//! The archive from outside: what goes in comes out, and nothing that happens to a file hurts.

mod compare;
mod create;
mod disk;
mod golden;
mod hostile;
mod interrupted;
mod killed;
mod round_trip;
mod sample;
mod trials;

//! What `pitstop gate` needs beside the engines: its configuration, the base, the measuring.

pub(crate) mod base;
pub(crate) mod config;
mod derived;
pub(crate) mod init;
pub(crate) mod measure;
mod quantity;
pub(crate) mod reader;
pub(crate) mod sides;
pub(crate) mod waivers;

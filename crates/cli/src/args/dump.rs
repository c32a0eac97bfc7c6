//! The command line of `pitstop dump`.

use clap::Args;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pitstop dump -p 4711\n  \
    pitstop dump -p 4711 --locals\n  \
    pitstop dump -p 4711 --json | jq '.threads[].frames[0]'")]
pub(crate) struct DumpArgs {
    /// The process.
    #[arg(short, long, value_name = "PID")]
    pub(crate) pid: u32,
    /// Show the local variables of every frame.
    #[arg(short, long)]
    pub(crate) locals: bool,
    /// Stop each thread while it is read.
    #[arg(long)]
    pub(crate) blocking: bool,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

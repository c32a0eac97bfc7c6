//! The command line of `pitstop doctor`.

use clap::Args;

#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  \
    pitstop doctor                       what can be measured here\n  \
    pitstop doctor -p 4711               and whether this process can be\n  \
    pitstop doctor --json | jq '.checks[] | select(.health != \"good\")'")]
pub(crate) struct DoctorArgs {
    /// Also look at this process.
    #[arg(short, long, value_name = "PID")]
    pub(crate) pid: Option<u32>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

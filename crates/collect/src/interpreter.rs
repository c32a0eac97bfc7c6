//! Finding the interpreter inside a process and choosing the layout that fits it.

use pitstop_cpython::opcodes::{self, OpcodeSets};
use pitstop_cpython::{Layout, Memory, layout_fits, self_described, tables};
use pitstop_target::rseq::RseqArea;
use pitstop_target::version::Version;
use pitstop_target::{FindError, LiveMemory, PythonImage, find_python};
use thiserror::Error;

/// Everything needed to read one Python process.
#[derive(Clone, Debug)]
pub(crate) struct Interpreter {
    /// Its memory.
    pub(crate) memory: LiveMemory,
    /// Address of `_PyRuntime`.
    pub(crate) runtime: u64,
    /// Where things lie in it.
    pub(crate) layout: Layout,
    /// Which CPython it is.
    pub(crate) version: Version,
    /// What its opcodes do.
    pub(crate) opcodes: &'static OpcodeSets,
    /// Where its threads keep the number of the CPU they run on.
    pub(crate) rseq: Option<RseqArea>,
}

/// Why a process cannot be sampled.
#[derive(Error, Debug)]
pub enum AttachError {
    /// The process could not be looked into, or there is no interpreter in it.
    #[error(transparent)]
    Find(#[from] FindError),
    /// There is an interpreter whose layout is not known.
    #[error(
        "process {pid} runs a CPython that pitstop cannot read: {reason}; \
         supported are the released CPython 3.8 to 3.15 with the GIL"
    )]
    Unsupported {
        /// The process.
        pid: u32,
        /// What is wrong with it.
        reason: String,
    },
    /// The runtime is still being set up; asking again a little later helps.
    #[error("the interpreter in process {pid} is still starting; try again")]
    NotReady {
        /// The process.
        pid: u32,
    },
}

impl AttachError {
    /// True when asking again a little later may succeed.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::NotReady { .. } | Self::Find(FindError::NotReady(_))
        )
    }

    /// True when the process ended before it could be looked into.
    pub fn is_gone(&self) -> bool {
        matches!(self, Self::Find(FindError::Gone(_)))
    }
}

/// Looks for an interpreter in a process.
///
/// # Errors
/// [`AttachError`] says whether the process is not Python, not readable, not supported, or just
/// not ready.
pub(crate) fn attach(pid: u32) -> Result<Interpreter, AttachError> {
    let image = find_python(pid)?;
    let memory = LiveMemory::new(pid);
    let (layout, version) = choose_layout(pid, &memory, &image)?;
    let opcodes = opcodes::for_version(layout.minor);
    Ok(Interpreter {
        memory,
        runtime: image.runtime,
        layout,
        version,
        opcodes,
        rseq: image.rseq,
    })
}

/// Enough of the start of `_PyRuntime` for the debug offsets of every version.
const HEADER_BYTES: usize = 2048;

fn choose_layout(
    pid: u32,
    memory: &LiveMemory,
    image: &PythonImage,
) -> Result<(Layout, Version), AttachError> {
    let mut header = vec![0; HEADER_BYTES];
    if memory.read(image.runtime, &mut header).is_err() {
        return Err(AttachError::NotReady { pid });
    }
    if let Ok(description) = self_described::parse_header(&header) {
        let layout = self_described::layout(&header).map_err(|error| AttachError::Unsupported {
            pid,
            reason: error.to_string(),
        })?;
        let version = Version::from_hex(description.version_hex).unwrap_or(Version::release(
            3,
            layout.minor,
            0,
        ));
        return match layout_fits(memory, &layout, image.runtime) {
            true => Ok((layout, version)),
            false => Err(AttachError::NotReady { pid }),
        };
    }
    // 3.8 to 3.12 do not describe themselves. Only what the file says is tried: while it starts, an
    // interpreter can look like one of another version.
    let named = &image.versions;
    for version in named {
        let Some(layout) = tables::for_version(version.minor) else {
            continue;
        };
        if layout.minor < 13 && layout_fits(memory, layout, image.runtime) {
            return Ok((*layout, *version));
        }
    }
    let too_old = named
        .first()
        .filter(|version| version.major < 3 || version.minor < 8);
    match too_old {
        Some(version) => Err(AttachError::Unsupported {
            pid,
            reason: format!("it is version {version}"),
        }),
        None => Err(AttachError::NotReady { pid }),
    }
}

/// Like [`attach`], but waits a moment for an interpreter that is just starting.
///
/// # Errors
/// As [`attach`].
pub(crate) fn attach_patiently(pid: u32) -> Result<Interpreter, AttachError> {
    let patience = std::time::Duration::from_secs(2);
    let begun = std::time::Instant::now();
    loop {
        match attach(pid) {
            Err(error) if error.is_transient() && begun.elapsed() < patience => {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            result => return result,
        }
    }
}

//! Writes crates/cpython/src/opcode_sets.rs from each interpreter's own `opcode` module.
//!
//! Which instructions call and which never do is decided here, by name; every decision is checked
//! against CPython's headers where they know: the numbers against `opcode.h`, and from 3.13 on the
//! claim "never calls" against the flags that CPython's own generator computed.

use crate::process;
use crate::pythons::Python;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Command;

const PROGRAM: &str = include_str!("opcodes.py");

/// Instructions that cannot run Python code while their frame is the caller, and the minor
/// versions for which that was read in `Python/ceval.c` or `Python/bytecodes.c`.
///
/// What is *not* here, though it looks harmless: everything that drops a reference (POP_TOP,
/// STORE_FAST, IS_OP: `__del__` and weakref callbacks), that allocates a container (up to 3.11
/// the collector runs there), that looks at the eval breaker (RESUME, JUMP_BACKWARD: signal
/// handlers), whose general form calls (a specialised instruction that misses runs the general
/// one and stays in memory: COMPARE_OP_INT), EXTENDED_ARG (up to 3.10 `f_lasti` stays on it while
/// the instruction behind it runs), NOP (3.12 enters `__init__` through a frame that stands on
/// one), YIELD_VALUE (`throw()` makes a suspended generator a caller where it stands) and
/// RETURN_VALUE before 3.12 (profile functions are called from it).
///
/// Held against running interpreters: of more than 100,000 parent frames a version, in programs
/// made of finalizers, generators, signals, collections and slots and (up to 3.13) CPython's own
/// tests of them, none stood at a member.
const NEVER_CALLS: &[(&str, u8, u8)] = &[
    ("LOAD_FAST", 8, 15),
    ("LOAD_FAST__LOAD_FAST", 11, 12),
    ("LOAD_FAST__LOAD_CONST", 11, 12),
    ("LOAD_CONST__LOAD_FAST", 11, 12),
    ("LOAD_FAST_LOAD_FAST", 13, 15),
    ("LOAD_FAST_BORROW", 14, 15),
    ("LOAD_FAST_BORROW_LOAD_FAST_BORROW", 14, 15),
    ("LOAD_FAST_AND_CLEAR", 12, 15),
    // Not up to 3.10: a generator suspended in `yield from` stands on the LOAD_CONST before it, and
    // `throw()` makes it a caller there.
    ("LOAD_CONST", 11, 15),
    ("LOAD_CONST_IMMORTAL", 14, 15),
    ("LOAD_CONST_MORTAL", 14, 15),
    ("LOAD_SMALL_INT", 14, 15),
    ("LOAD_COMMON_CONSTANT", 14, 15),
    // Guards and two loads. On a miss the general form looks up plain dicts by an exact string.
    // Not on 3.15, where a global may be a lazy import.
    ("LOAD_GLOBAL_MODULE", 11, 14),
    ("LOAD_GLOBAL_BUILTIN", 11, 14),
    ("COPY", 11, 15),
    ("SWAP", 11, 15),
    ("PUSH_NULL", 11, 15),
    ("DUP_TOP", 8, 10),
    ("DUP_TOP_TWO", 8, 10),
    ("ROT_TWO", 8, 10),
    ("ROT_THREE", 8, 10),
    ("ROT_FOUR", 8, 10),
    ("KW_NAMES", 11, 12),
    ("COPY_FREE_VARS", 11, 15),
    ("JUMP_FORWARD", 8, 15),
    ("JUMP_BACKWARD_NO_INTERRUPT", 11, 15),
    // Only exact bools from 3.13 on; before, `__bool__`.
    ("POP_JUMP_IF_TRUE", 13, 15),
    ("POP_JUMP_IF_FALSE", 13, 15),
    ("UNARY_NOT", 13, 15),
    ("NOT_TAKEN", 14, 15),
    // The frame is unlinked before its locals are dropped.
    ("RETURN_VALUE", 12, 15),
    ("RETURN_CONST", 12, 13),
];

/// Instructions that stand for another one, kept elsewhere: nothing can be said about them.
const OPAQUE: &[&str] = &[
    "INSTRUMENTED_LINE",
    "INSTRUMENTED_INSTRUCTION",
    "ENTER_EXECUTOR",
    "TRACE_RECORD",
    "RESERVED",
];

/// Flags of `pycore_opcode_metadata.h` (3.13 and later) that contradict "never calls".
const CALLING_FLAGS: &[&str] = &["HAS_ERROR_FLAG", "HAS_ESCAPES_FLAG", "HAS_EVAL_BREAK_FLAG"];

/// Specialised calls that push a Python frame: standing there is the work of the interpreter, not
/// of C code.
const ENTERS_PYTHON: &[&str] = &[
    "CALL_PY_EXACT_ARGS",
    "CALL_PY_WITH_DEFAULTS",
    "CALL_PY_GENERAL",
    "CALL_BOUND_METHOD_EXACT_ARGS",
    "CALL_BOUND_METHOD_GENERAL",
    "CALL_ALLOC_AND_ENTER_INIT",
    "CALL_KW_PY",
    "CALL_KW_BOUND_METHOD",
    "CALL_EX_PY",
    "PRECALL_PYFUNC",
    "PRECALL_BOUND_METHOD",
];

/// Calls that become one of the specialised ones once they have run a few times.
const UNSETTLED: &[&str] = &[
    "CALL",
    "CALL_KW",
    "CALL_FUNCTION_EX",
    "CALL_ADAPTIVE",
    "PRECALL",
    "PRECALL_ADAPTIVE",
];

/// True for an instruction whose work is a call, of C code as it may be.
fn calls(name: &str) -> bool {
    let name = name.strip_prefix("INSTRUMENTED_").unwrap_or(name);
    if ENTERS_PYTHON.contains(&name) {
        return false;
    }
    // CALL_FINALLY (3.8) is a jump.
    (name.starts_with("CALL") && name != "CALL_FINALLY")
        || name.starts_with("PRECALL")
        || name == "IMPORT_NAME"
}

struct Opcode {
    name: String,
    number: u8,
    cache_entries: u8,
}

/// The text of the file.
pub(super) fn generate(pythons: &[Python], sources: &str) -> Result<String> {
    let mut text = format!(
        "//! The instructions of CPython 3.8 to 3.15, sorted by whether they call.
//!
//! @generated by `cargo xtask layouts --write`; edits are lost. What the sets mean and how they
//! were chosen: [`crate::opcodes`] and xtask/src/layouts/opcodes.rs.
{sources}

use crate::opcodes::OpcodeSets;

/// The sets of CPython 3.`minor`, if it is one we know.
pub(crate) fn known(minor: u8) -> Option<&'static OpcodeSets> {{
    match minor {{
"
    );
    for python in pythons {
        writeln!(text, "{minor} => Some(&V3_{minor}),", minor = python.minor)?;
    }
    text.push_str("_ => None, }}\n");
    for python in pythons {
        let sets = sets(python).with_context(|| format!("opcodes of {}", python.version))?;
        text.push_str(&sets);
    }
    Ok(text)
}

fn sets(python: &Python) -> Result<String> {
    let opcodes = ask(python)?;
    let include = python.include_directories()?.swap_remove(0);
    let header = ["opcode_ids.h", "opcode.h"]
        .iter()
        .find_map(|name| std::fs::read_to_string(include.join(name)).ok())
        .context("no header with opcode numbers")?;
    check_numbers(&opcodes, &header)?;
    let metadata = include.join("internal").join("pycore_opcode_metadata.h");
    let suspects = suspects(&std::fs::read_to_string(metadata).unwrap_or_default());

    let minor = python.minor;
    let named_never = |opcode: &Opcode| {
        NEVER_CALLS
            .iter()
            .any(|(name, first, last)| *name == opcode.name && (*first..=*last).contains(&minor))
    };
    let never = |opcode: &Opcode| named_never(opcode) && !suspects.contains(&opcode.name);
    for (name, first, last) in NEVER_CALLS {
        if (*first..=*last).contains(&minor) && opcodes.iter().all(|opcode| opcode.name != *name) {
            // A name that a version lacks is a typing error, unless it only came or went.
            let optional = matches!(*name, "LOAD_CONST_IMMORTAL" | "LOAD_CONST_MORTAL");
            if !optional {
                bail!("there is no `{name}`");
            }
        }
    }
    let mut text = format!("\nstatic V3_{minor}: OpcodeSets = OpcodeSets {{\n");
    let mut set = |field: &str, chosen: &dyn Fn(&Opcode) -> bool| {
        let members: Vec<&Opcode> = opcodes.iter().filter(|opcode| chosen(opcode)).collect();
        let mut words = [0u64; 4];
        for opcode in &members {
            words[usize::from(opcode.number / 64)] |= 1 << (opcode.number % 64);
        }
        let names: Vec<&str> = members.iter().map(|opcode| opcode.name.as_str()).collect();
        if names.is_empty() {
            let _ = writeln!(text, "{field}: [0; 4],");
            return;
        }
        for line in wrapped(&names) {
            let _ = writeln!(text, "// {line}");
        }
        let shown: Vec<String> = words.iter().map(|word| hexadecimal(*word)).collect();
        let _ = writeln!(text, "{field}: [{}],", shown.join(", "));
    };
    set("calls", &|opcode| calls(&opcode.name));
    set("unsettled", &|opcode| {
        minor >= 11 && UNSETTLED.contains(&opcode.name.as_str())
    });
    set("never_calls", &never);
    set("opaque", &|opcode| OPAQUE.contains(&opcode.name.as_str()));
    let mut caches = [0u8; 256];
    for opcode in &opcodes {
        caches[usize::from(opcode.number)] = opcode.cache_entries;
    }
    let caches = if caches == [0; 256] {
        "[0; 256]".to_owned()
    } else {
        format!("{caches:?}")
    };
    writeln!(text, "cache_entries: {caches},\n}};")?;
    Ok(text)
}

fn ask(python: &Python) -> Result<Vec<Opcode>> {
    let answer =
        process::output(Command::new(&python.executable).args(["-I", "-S", "-c", PROGRAM]))?;
    answer
        .lines()
        .map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [name, number, cache_entries] = words[..] else {
                bail!("the program prints `NAME number cache_entries`, not `{line}`");
            };
            Ok(Opcode {
                name: name.to_owned(),
                number: number.parse()?,
                cache_entries: cache_entries.parse()?,
            })
        })
        .collect()
}

/// Two sources must agree: the `opcode` module and the header the interpreter was built with.
fn check_numbers(opcodes: &[Opcode], header: &str) -> Result<()> {
    let mut defined = BTreeMap::new();
    for line in header.lines() {
        let mut words = line.split_whitespace();
        if words.next() == Some("#define")
            && let (Some(name), Some(number)) = (words.next(), words.next())
            && let Ok(number) = number.parse::<u32>()
        {
            defined.insert(name, number);
        }
    }
    for opcode in opcodes {
        match defined.get(opcode.name.as_str()) {
            Some(number) if *number == u32::from(opcode.number) => {}
            other => bail!(
                "`{}` is {} to Python and {other:?} to C",
                opcode.name,
                opcode.number
            ),
        }
    }
    Ok(())
}

/// Instructions that CPython's own metadata says may run other code; empty before 3.13.
fn suspects(metadata: &str) -> BTreeSet<String> {
    metadata
        .lines()
        .filter(|line| line.contains("INSTR_FMT_"))
        .filter(|line| CALLING_FLAGS.iter().any(|flag| line.contains(flag)))
        .filter_map(|line| Some(line.trim().strip_prefix('[')?.split_once(']')?.0.to_owned()))
        .collect()
}

fn hexadecimal(word: u64) -> String {
    let digits = format!("{word:016x}");
    format!(
        "0x{}_{}_{}_{}",
        &digits[..4],
        &digits[4..8],
        &digits[8..12],
        &digits[12..]
    )
}

fn wrapped(names: &[&str]) -> Vec<String> {
    let mut lines = vec![String::new()];
    for name in names {
        let line = lines.last_mut().expect("there is always a line");
        if !line.is_empty() && line.len() + name.len() > 88 {
            lines.push((*name).to_owned());
        } else {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(name);
        }
    }
    lines
}

//! Objects of running interpreters, read from outside and held against what those say themselves.

mod counted;
mod process;

use counted::Counted;
use pitstop_cpython::{
    Code, Layout, MAX_THREAD_BYTES, Memory, RawFrame, ReadError, ReprLimits, Snapshot,
    linecache_texts, locals, repr, thread_names, thread_prefix_bytes, threads, walk,
};
use process::{Program, pythons};
use std::collections::BTreeMap;
use std::path::Path;

const PROGRAM: &str = include_str!("process/program.py");

/// Runs `check` on the program in every interpreter.
fn with_every_python(check: impl Fn(&Path, &Program)) {
    for python in pythons() {
        check(&python, &Program::start(&python, PROGRAM));
    }
}

/// The innermost frame of a function, in whichever thread.
fn frame_of(program: &Program, function: &str) -> RawFrame {
    let (memory, layout) = (&program.memory, &program.layout);
    for thread in threads(memory, layout, program.interpreter).unwrap() {
        let mut buffer = [0; MAX_THREAD_BYTES];
        let prefix = &mut buffer[..thread_prefix_bytes(layout)];
        memory.read(thread.address, prefix).unwrap();
        let mut snapshot = Snapshot::default();
        snapshot.begin(64);
        let mut frames = Vec::new();
        walk(memory, layout, prefix, &mut snapshot, &mut frames, 64);
        for frame in frames {
            if Code::read(memory, layout, frame.code).is_ok_and(|code| code.name == function) {
                return frame;
            }
        }
    }
    panic!("nobody runs `{function}`");
}

#[test]
fn every_thread_has_the_name_that_the_program_gave_it() {
    with_every_python(|python, program| {
        let names = thread_names(&program.memory, &program.layout, program.interpreter).unwrap();
        let found: BTreeMap<String, String> = names
            .into_iter()
            .map(|(pthread, name)| (pthread.to_string(), name))
            .collect();
        let told: BTreeMap<String, String> = program
            .facts("thread")
            .into_iter()
            .map(|fact| (fact[0].clone(), fact[1].clone()))
            .collect();
        assert_eq!(found, told, "{}", python.display());
        assert!(told.len() >= 50);
        // The idents are those of the thread states.
        for thread in threads(&program.memory, &program.layout, program.interpreter).unwrap() {
            assert!(found.contains_key(&thread.pthread.to_string()));
        }
    });
}

#[test]
fn every_text_of_linecache_is_read_whole() {
    with_every_python(|python, program| {
        // `<string>` is this program, which CPython registers itself from 3.13 on.
        let unwanted = ["<unwanted>", "<string>"];
        let wanted = |name: &str| name.starts_with('<') && !unwanted.contains(&name);
        let memory = Counted::new(&program.memory);
        let texts = linecache_texts(&memory, &program.layout, program.interpreter, &wanted);
        let texts = texts.unwrap();
        let name = |texts: &[String]| texts[0].clone();
        let mut told: Vec<String> = program.facts("text").into_iter().map(name).collect();
        let mut found: Vec<String> = texts.iter().map(|(name, _)| name.clone()).collect();
        told.sort();
        found.sort();
        assert_eq!(found, told, "{}", python.display());
        for fact in program.facts("text") {
            let (_, text) = texts.iter().find(|(name, _)| *name == fact[0]).unwrap();
            assert_eq!(text.chars().count().to_string(), fact[1], "{}", fact[0]);
            let last = text.lines().last();
            let last = last.map_or("[]".to_owned(), |line| format!("['{line}']"));
            assert_eq!(last.replace("['turtle = '", "[\"turtle = '"), fact[2]);
        }
        let (_, turtle) = texts.iter().find(|(name, _)| name == "<żółw>").unwrap();
        assert_eq!(turtle, "# 日本\nturtle = '🐢'\n\né");
        // Five thousand lines do not take ten thousand reads.
        assert!(memory.reads.get() < 2000, "{}", memory.reads.get());
    });
}

#[test]
fn locals_are_spelled_as_python_spells_them() {
    with_every_python(|python, program| {
        let frame = frame_of(program, "work");
        let found = locals(&program.memory, &program.layout, frame).unwrap();
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names[..6],
            ["argument", "captured", "default", "keyword", "rest", "more"],
            "{}",
            python.display()
        );
        let found: BTreeMap<&str, &str> = found
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let told: BTreeMap<&str, &str> = program
            .facts("local")
            .into_iter()
            .map(|fact| (fact[0].as_str(), fact[1].as_str()))
            .collect();
        assert_eq!(found, told, "{}", python.display());
        assert!(told.len() > 45);
    });
}

#[test]
fn of_a_crowd_of_locals_the_first_are_shown() {
    with_every_python(|_, program| {
        let frame = frame_of(program, "crowded");
        let found = locals(&program.memory, &program.layout, frame).unwrap();
        assert_eq!(found.len(), 64);
        assert_eq!(found[2], ("v00".to_owned(), "0".to_owned()));
        assert_eq!(found[63], ("v61".to_owned(), "61".to_owned()));
    });
}

#[test]
fn a_program_without_the_modules_has_neither_names_nor_texts() {
    let script = "import ctypes, sys
runtime = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, '_PyRuntime'))
for module in ['threading', 'linecache']:
    sys.modules.pop(module, None)
print('ready', hex(runtime), sys.version_info[1], sep='\\t', flush=True)
sys.stdin.read()";
    for python in pythons() {
        let program = Program::start(&python, script);
        let (memory, layout) = (&program.memory, &program.layout);
        let names = thread_names(memory, layout, program.interpreter).unwrap();
        let texts = linecache_texts(memory, layout, program.interpreter, &|_| true).unwrap();
        assert_eq!((names, texts), (vec![], vec![]));
    }
}

/// A process in which some words are not what they should be.
struct Damaged<'a, M> {
    memory: &'a M,
    seed: u64,
}

impl<M: Memory> Memory for Damaged<'_, M> {
    fn read(&self, address: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.memory.read(address, buffer)?;
        for (index, word) in buffer.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            let at = address.wrapping_add(8 * index as u64);
            let dice = mixed(at ^ self.seed);
            let value = u64::from_ne_bytes(*word);
            let value = match dice % 256 {
                0 => mixed(dice),
                1 => value.wrapping_add(mixed(dice) % 256),
                2 => value | u64::MAX << (mixed(dice) % 64),
                3 => at,
                4 => 0,
                _ => value,
            };
            *word = value.to_ne_bytes();
        }
        Ok(())
    }
}

/// Bits from which no pattern can be told (the finalizer of splitmix64).
fn mixed(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Asks everything; panics if that takes too many reads.
fn ask(memory: &impl Memory, layout: &Layout, interpreter: u64, frame: RawFrame) -> usize {
    let counted = Counted::new(memory);
    let mut answers = 0;
    let mut bounded = |answer: bool| {
        let reads = counted.reads.replace(0);
        assert!(reads <= 20_000, "{reads} reads");
        answers += usize::from(answer);
    };
    bounded(thread_names(&counted, layout, interpreter).is_ok_and(|names| !names.is_empty()));
    let texts = linecache_texts(&counted, layout, interpreter, &|_| true);
    bounded(texts.is_ok_and(|texts| !texts.is_empty()));
    bounded(locals(&counted, layout, frame).is_ok_and(|variables| !variables.is_empty()));
    let limits = ReprLimits {
        depth: usize::MAX,
        items: usize::MAX,
        chars: 10_000,
    };
    let text = repr(&counted, layout, frame.code, limits);
    assert!(text.chars().count() <= limits.chars);
    bounded(text != "<unreadable>");
    answers
}

#[test]
fn damaged_processes_are_read_within_bounds() {
    with_every_python(|python, program| {
        let frame = frame_of(program, "work");
        let mut answers = 0;
        for seed in 0..100 {
            let memory = Damaged {
                memory: &program.memory,
                seed: mixed(seed),
            };
            answers += ask(&memory, &program.layout, program.interpreter, frame);
        }
        // Some of the damage must have been passed over, or nothing deep has been tried.
        assert!(answers > 20, "{}: {answers} answers", python.display());
    });
}

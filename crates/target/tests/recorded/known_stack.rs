//! Every recording walks to the stack that the program is known to have had.

use crate::portrait::{self, Thread};
use crate::recordings::{self, Recording};
use pitstop_cpython::{Memory, RawFrame, Slice, Snapshot, WalkEnd, opcodes, walk};

const PROGRAM: &str = include_str!("../../../../fixtures/recorded/known_stack.py");
const FILE: &str = "/app/known_stack.py";

/// What is known of a frame: qualified name, and pieces of the lines where its function begins
/// and where it stands.
type Known = (&'static str, &'static str, &'static str);

/// The main thread, innermost first. Outside of it is only the line that starts the program.
const MAIN: [Known; 12] = [
    ("leaf", "def leaf()", "time.sleep(60)"),
    ("callback", "def callback(item)", "    leaf()"),
    (
        "recursive.<locals>.<lambda>",
        "sorted(items, key=callback)",
        "sorted(items, key=callback)",
    ),
    ("recursive", "def recursive(depth)", "return rank([1])[0]"),
    RECURSIVE,
    RECURSIVE,
    RECURSIVE,
    ("Report.stages", "def stages(self)", "yield recursive(3)"),
    (
        "Report.produce",
        "def produce(self)",
        "yield from self.stages()",
    ),
    (
        "Report.outer",
        "def outer(self)",
        "for value in self.produce()",
    ),
    ("main", "def main()", "Report().outer()"),
    ("<module>", "\"\"\"A stack and", "\nmain()"),
];

const RECURSIVE: Known = (
    "recursive",
    "def recursive(depth)",
    "return recursive(depth - 1)",
);

/// A frame as tests compare it: file, qualified name, name, first line, line.
type Shown = (String, String, String, u32, u32);

/// The line of the program that has `piece` in it; a break in front begins the line.
fn line_of(piece: &str) -> u32 {
    let mut found = PROGRAM.match_indices(piece);
    let (at, _) = found.next().unwrap_or_else(|| panic!("no `{piece}`"));
    assert_eq!(found.next(), None, "`{piece}` is not unique");
    let at = at + usize::from(piece.starts_with('\n'));
    PROGRAM[..at].matches('\n').count() as u32 + 1
}

fn expected(file: &str, qualname: &str, first_line: u32, line: u32, minor: u8) -> Shown {
    let name = qualname.rsplit('.').next().expect("it has a last part");
    let qualname = if minor >= 11 { qualname } else { name };
    let [file, qualname, name] = [file, qualname, name].map(str::to_owned);
    (file, qualname, name, first_line, line)
}

fn shown(thread: &Thread) -> Vec<Shown> {
    let show = |place: &portrait::Place| {
        let code = &place.code;
        (
            code.filename.clone(),
            code.qualname.clone(),
            code.name.clone(),
            code.first_line,
            place.line,
        )
    };
    thread.places.iter().map(show).collect()
}

fn portrait_of(recording: &Recording) -> portrait::Portrait {
    portrait::take(&recording.memory, &recording.layout, recording.runtime)
        .unwrap_or_else(|error| panic!("3.{}: {error}", recording.minor))
}

#[test]
fn the_main_thread_stands_where_it_is_known_to_stand() {
    for recording in recordings::all() {
        let minor = recording.minor;
        let known = |&(qualname, first, line): &Known| {
            expected(FILE, qualname, line_of(first), line_of(line), minor)
        };
        let mut whole: Vec<Shown> = MAIN.iter().map(known).collect();
        whole.push(expected("<string>", "<module>", 1, 1, minor));
        // The module's code begins at line 0 or 1, by version.
        whole[11].3 = 1;
        let portrait = portrait_of(recording);
        let main = &portrait.threads[1];
        assert_eq!(shown(main), whole, "3.{minor}");
        assert_eq!(main.stack.end, WalkEnd::Complete, "3.{minor}");
    }
}

#[test]
fn the_second_thread_waits_for_its_lock() {
    for recording in recordings::all() {
        let minor = recording.minor;
        let portrait = portrait_of(recording);
        let waiter = &portrait.threads[0];
        assert_eq!(waiter.stack.end, WalkEnd::Complete, "3.{minor}");
        let shown = shown(waiter);
        let (innermost, callers) = shown.split_first().expect("it has frames");
        let first_line = line_of("def waiter(lock, has_started)");
        let line = line_of("has_started.set()") + 1;
        assert_eq!(
            *innermost,
            expected(FILE, "waiter", first_line, line, minor),
            "3.{minor}"
        );
        // The program itself said where in the standard library it was called.
        let said: Vec<String> = callers
            .iter()
            .map(|(_, _, name, _, line)| format!("{name}:{line}"))
            .collect();
        assert_eq!(
            Some(said.join(" ").as_str()),
            recording.memory.fact("callers"),
            "3.{minor}"
        );
        for (file, qualname, name, first_line, line) in callers {
            assert_eq!(file, "/usr/lib/python3/threading.py");
            let method = format!("Thread.{name}");
            assert_eq!(qualname, if minor >= 11 { &method } else { name });
            assert!(0 < *first_line && first_line < line, "3.{minor} {name}");
        }
    }
}

#[test]
fn the_interpreter_is_alive_and_nobody_holds_its_gil() {
    for recording in recordings::all() {
        let minor = recording.minor;
        let portrait = portrait_of(recording);
        assert!(portrait.fits, "3.{minor}");
        assert!(!portrait.is_finalizing, "3.{minor}");
        assert_eq!(portrait.interpreters.len(), 1, "3.{minor}");
        assert_eq!(portrait.interpreters[0].id, 0, "3.{minor}");
        assert_eq!(portrait.gil.holder(), None, "3.{minor}");
        assert_eq!(portrait.threads.len(), 2, "3.{minor}");
        let [waiter, main] = [0, 1].map(|index| portrait.threads[index].state);
        // Both threads have waited, so one of them held it last.
        assert!(
            [waiter.address, main.address].contains(&portrait.gil.last_holder),
            "3.{minor}"
        );
        assert_ne!(waiter.pthread, main.pthread, "3.{minor}");
        for thread in [waiter, main] {
            assert_eq!(thread.native_id.is_some(), minor >= 11, "3.{minor}");
        }
    }
}

#[test]
fn every_frame_stands_at_an_instruction_that_can_have_called() {
    for recording in recordings::all() {
        let opcodes = opcodes::for_version(recording.minor);
        for thread in &portrait_of(recording).threads {
            for place in &thread.places {
                assert!(place.is_code);
                assert_eq!(place.fingerprint, place.code.fingerprint);
                let at = (recording.minor, &place.code.qualname, place.opcode);
                assert!(!opcodes.never_calls(place.opcode), "{at:?}");
            }
            let leaf = &thread.places[0];
            let at = (recording.minor, &leaf.code.qualname, leaf.opcode);
            assert!(opcodes.calls(leaf.opcode), "{at:?}");
        }
    }
}

/// 3.8 to 3.12 do not describe themselves; where no file tells the version, the fit of a layout
/// does. It cannot tell 3.8, 3.9 and 3.10 reliably, where what it looks at lies in the same places.
#[test]
fn the_fit_of_a_layout_tells_versions_apart_from_3_11_on() {
    for recording in recordings::all() {
        let minor = recording.minor;
        let fitting = portrait_of(recording).fitting;
        match minor {
            8..=10 => {
                assert!(fitting.contains(&minor), "3.{minor}");
                assert!(fitting.iter().all(|minor| *minor <= 10), "3.{minor}");
            }
            11 | 12 => assert_eq!(fitting, [minor]),
            _ => assert!(fitting.is_empty()),
        }
    }
}

#[test]
fn the_guess_of_the_second_walk_is_all_it_needs() {
    for recording in recordings::all() {
        let Recording { memory, layout, .. } = recording;
        for thread in &portrait_of(recording).threads {
            let prefix =
                portrait::prefix(memory, layout, thread.state.address).expect("it was read before");
            let mut snapshot = Snapshot::default();
            let mut frames: Vec<RawFrame> = Vec::new();
            snapshot.begin(64);
            walk(memory, layout, &prefix, &mut snapshot, &mut frames, 256);
            assert!(snapshot.missed());
            for _ in 0..3 {
                snapshot.begin(0);
                let mut slices: Vec<Slice<'_>> = Vec::new();
                snapshot.slices(&mut slices);
                let filled = memory.read_many(&mut slices);
                snapshot.filled(filled);
                let end = walk(memory, layout, &prefix, &mut snapshot, &mut frames, 256);
                assert_eq!(end, WalkEnd::Complete, "3.{}", recording.minor);
                assert_eq!(frames, thread.stack.frames, "3.{}", recording.minor);
                assert!(!snapshot.missed());
            }
        }
    }
}

#[test]
fn a_walk_that_may_not_go_deeper_says_so() {
    for recording in recordings::all() {
        let Recording { memory, layout, .. } = recording;
        let main = &portrait_of(recording).threads[1];
        let prefix =
            portrait::prefix(memory, layout, main.state.address).expect("it was read before");
        let whole = &main.stack.frames;
        for depth in 0..whole.len() + 2 {
            let mut snapshot = Snapshot::default();
            let mut frames = Vec::new();
            snapshot.begin(64);
            let end = walk(memory, layout, &prefix, &mut snapshot, &mut frames, depth);
            assert_eq!(frames, whole[..depth.min(whole.len())]);
            let enough = depth >= whole.len();
            assert_eq!(
                end,
                if enough {
                    WalkEnd::Complete
                } else {
                    WalkEnd::TooDeep
                },
                "3.{} to depth {depth}",
                recording.minor
            );
        }
    }
}

//! Line tables that somebody made up.

use pitstop_cpython::layout::LineTableStyle;
use pitstop_cpython::line_at;
use proptest::prelude::*;

const STYLES: [LineTableStyle; 3] = [
    LineTableStyle::Lnotab,
    LineTableStyle::Pep626,
    LineTableStyle::Locations,
];

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..600u64,
        1 => any::<u64>(),
        1 => Just(u64::MAX),
        1 => Just(1 << 31),
    ]
}

/// Bytes that continue numbers are common, so that numbers grow long.
fn table() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        3 => any::<u8>(),
        2 => Just(0x7fu8),
        1 => Just(0xf0),
        1 => Just(0xe8),
        1 => Just(0x80),
        1 => Just(0x3f),
    ];
    proptest::collection::vec(byte, 0..400)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_a_table(table in table(), first_line: u32, offset in number()) {
        for style in STYLES {
            if let Some(line) = line_at(style, &table, first_line, offset) {
                prop_assert!(line > 0);
            }
        }
    }

    #[test]
    fn what_lies_behind_an_instruction_does_not_move_it(
        table in table(),
        more in table(),
        first_line in 1..100_000u32,
        offset in 0..600u64,
    ) {
        for style in [LineTableStyle::Pep626, LineTableStyle::Locations] {
            let line = line_at(style, &table, first_line, offset);
            let even = &table[..table.len() / 2 * 2];
            let longer = [even, &more].concat();
            if line.is_some() && even.len() == table.len() {
                prop_assert_eq!(line_at(style, &longer, first_line, offset), line);
            }
        }
    }
}

/// Sixteen steps of the longest number there is would lead beyond 64 bits.
#[test]
fn lines_beyond_any_number_are_none() {
    for last in [0x3e, 0x3f] {
        let mut entry = vec![0x80 | (13 << 3)];
        entry.extend([0x7f; 9]);
        entry[1] = 0x40 | last;
        entry.push(0x3f);
        let table = entry.repeat(100);
        assert_eq!(line_at(LineTableStyle::Locations, &table, 1, 198), None);
        assert_eq!(line_at(LineTableStyle::Locations, &table, 1, 0), None);
    }
}

#[test]
fn a_long_table_is_read_once() {
    for style in STYLES {
        for fill in [0, 1, 0x7f, 0x80, 0xff] {
            let table = vec![fill; 1 << 20];
            line_at(style, &table, u32::MAX, u64::MAX);
        }
    }
}

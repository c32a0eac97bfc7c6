//! From an instruction to its source line, in the three encodings of 3.8 to 3.15.
//!
//! Sources: `Objects/lnotab_notes.txt` (3.8, 3.9; 3.10 for PEP 626), `Objects/locations.md`
//! (3.11 and later). A damaged table ends early; it never loops and never panics.

use crate::layout::LineTableStyle;

/// The line of the instruction at byte `offset`. An instruction without a line of its own, like
/// the jump that ends a loop and at which threads wait for the GIL, counts to the line before it;
/// `None` if there is none.
pub fn line_at(style: LineTableStyle, table: &[u8], first_line: u32, offset: u64) -> Option<u32> {
    let line = match style {
        LineTableStyle::Lnotab => Some(lnotab(table, first_line, offset)),
        LineTableStyle::Pep626 => pep626(table, first_line, offset),
        LineTableStyle::Locations => locations(table, first_line, offset),
    }?;
    u32::try_from(line).ok().filter(|&line| line > 0)
}

fn lnotab(table: &[u8], first_line: u32, offset: u64) -> i64 {
    let mut line = i64::from(first_line);
    let mut address = 0;
    for pair in table.chunks_exact(2) {
        address += u64::from(pair[0]);
        if address > offset {
            break;
        }
        line += i64::from(pair[1].cast_signed());
    }
    line
}

fn pep626(table: &[u8], first_line: u32, offset: u64) -> Option<i64> {
    let mut line = i64::from(first_line);
    let mut any = false;
    let mut address = 0;
    for pair in table.chunks_exact(2) {
        let delta = pair[1].cast_signed();
        if delta != i8::MIN {
            line += i64::from(delta);
            any = true;
        }
        address += u64::from(pair[0]);
        if address > offset {
            return any.then_some(line);
        }
    }
    None
}

fn locations(table: &[u8], first_line: u32, offset: u64) -> Option<i64> {
    let mut line = i64::from(first_line);
    let mut any = false;
    let mut address = 0;
    let mut rest = table;
    while let Some((&head, tail)) = rest.split_first() {
        rest = tail;
        address += (u64::from(head & 7) + 1) * 2;
        let code = (head >> 3) & 15;
        let delta = match code {
            // No location at all.
            15 => None,
            // Long form: line, end line, column, end column.
            14 => {
                let delta = signed(&mut rest)?;
                for _ in 0..3 {
                    unsigned(&mut rest)?;
                }
                Some(delta)
            }
            // Line only.
            13 => Some(signed(&mut rest)?),
            // One line, with two bytes of columns.
            10..=12 => {
                rest = rest.get(2..)?;
                Some(i64::from(code) - 10)
            }
            // Same line, with one byte of columns.
            _ => {
                rest = rest.get(1..)?;
                Some(0)
            }
        };
        // Sixteen of the longest numbers are more than a line can be.
        line = line.checked_add(delta.unwrap_or(0))?;
        any |= delta.is_some();
        if address > offset {
            return any.then_some(line);
        }
    }
    None
}

/// A number in 6-bit groups, least significant first; bit 6 says that another follows.
fn unsigned(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..60).step_by(6) {
        let (&byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 63) << shift;
        if byte & 64 == 0 {
            return Some(value);
        }
    }
    None
}

fn signed(rest: &mut &[u8]) -> Option<i64> {
    let value = unsigned(rest)?;
    let magnitude = (value >> 1).cast_signed();
    Some(if value & 1 == 1 {
        -magnitude
    } else {
        magnitude
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use LineTableStyle::{Lnotab, Locations, Pep626};

    #[test]
    fn lnotab_follows_forward_and_backward_steps() {
        // Line 1 at bytes 0..6, line 3 at 6..56, line 2 from 56 on.
        let table = [6, 2, 50, 0xff];
        let line = |offset| line_at(Lnotab, &table, 1, offset);
        assert_eq!(
            [line(0), line(5), line(6), line(55), line(56)].map(Option::unwrap),
            [1, 1, 3, 3, 2]
        );
    }

    #[test]
    fn an_instruction_without_a_line_counts_to_the_line_before_it() {
        let table = [4, 1, 2, 0x80, 6, 2];
        let line = |offset| line_at(Pep626, &table, 10, offset);
        assert_eq!(
            [line(0), line(4), line(6), line(12)],
            [Some(11), Some(11), Some(13), None]
        );
    }

    #[test]
    fn location_table_forms_are_told_apart() {
        let short = 0x80;
        let one_line = 0x80 | (11 << 3) | 1;
        let none = 0x80 | (15 << 3);
        let no_columns = 0x80 | (13 << 3);
        let long = 0x80 | (14 << 3);
        let table = [
            short, 7, one_line, 1, 2, none, no_columns, 0b101, long, 6, 0, 1, 2,
        ];
        let line = |offset| line_at(Locations, &table, 5, offset);
        assert_eq!(
            [
                line(0),
                line(2),
                line(5),
                line(6),
                line(8),
                line(10),
                line(12)
            ],
            [Some(5), Some(6), Some(6), Some(6), Some(4), Some(7), None]
        );
    }
}

//! Values as rows, as the guest describes them: nodes of a graph in the order of a walk.

/// A node of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// How deep it lies; what is deeper below it is its parts.
    pub depth: u32,
    /// Where it lies in the one around it: `[3]`, `.name`.
    pub label: String,
    /// Its type; `the same object` for one that was met before.
    pub kind: String,
    /// Its value, or how many parts it has.
    pub value: String,
}

impl Row {
    /// What people read: `3 (int)`.
    pub(super) fn shown(&self) -> String {
        match self.kind.as_str() {
            "NoneType" => "None".into(),
            "the same object" => format!("the same object as {}", self.value),
            "float" => format!("{} (float)", float(&self.value).unwrap_or(f64::NAN)),
            "str" => format!("{:?}", self.value),
            kind @ ("list" | "tuple" | "dict" | "set" | "frozenset") => {
                format!("a {kind} of {}", self.value)
            }
            kind if self.value.is_empty() => format!("a {kind}"),
            kind => format!("{} ({kind})", self.value),
        }
    }
}

/// Whether two rows are equal; floats within a relative tolerance.
fn same(one: &Row, other: &Row, tolerance: f64) -> bool {
    if one == other {
        return true;
    }
    let alike = one.depth == other.depth && one.label == other.label && one.kind == other.kind;
    if !alike || tolerance <= 0.0 || one.kind != "float" {
        return false;
    }
    match (float(&one.value), float(&other.value)) {
        (Some(one), Some(other)) => (one - other).abs() <= tolerance * one.abs().max(other.abs()),
        _ => false,
    }
}

/// Whether two values are equal; floats within a relative tolerance.
pub fn same_rows(one: &[Row], other: &[Row], tolerance: f64) -> bool {
    first_difference(one, other, tolerance).is_none()
}

/// The position of the first row that differs.
pub(super) fn first_difference(one: &[Row], other: &[Row], tolerance: f64) -> Option<usize> {
    let shorter = one.len().min(other.len());
    let found = (0..shorter).find(|&at| !same(&one[at], &other[at], tolerance));
    found.or((one.len() != other.len()).then_some(shorter))
}

/// Where a row lies: `result[3].price`.
pub(super) fn place(rows: &[Row], at: usize) -> String {
    let Some(row) = rows.get(at) else {
        return rows.last().map_or(String::new(), |row| row.label.clone());
    };
    let mut labels = vec![row.label.as_str()];
    let mut depth = row.depth;
    for above in rows[..at].iter().rev() {
        if above.depth < depth {
            labels.push(&above.label);
            depth = above.depth;
        }
    }
    labels.reverse();
    labels.concat()
}

/// The row that a row is a part of.
pub(super) fn around(rows: &[Row], at: usize) -> Option<&Row> {
    let depth = rows.get(at)?.depth;
    rows[..at].iter().rev().find(|row| row.depth < depth)
}

/// A float as `float.hex` writes it (CPython, Objects/floatobject.c): `-0x1.8p+1`, `inf`, `nan`.
pub(super) fn float(text: &str) -> Option<f64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    match digits {
        "inf" => return Some(sign * f64::INFINITY),
        "nan" => return Some(f64::NAN),
        _ => {}
    }
    let (digits, exponent) = digits.strip_prefix("0x")?.split_once('p')?;
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.len() + fraction.len() > 14 {
        return None;
    }
    let mantissa = u64::from_str_radix(&format!("{whole}{fraction}"), 16).ok()?;
    let exponent: i32 = exponent.parse().ok()?;
    let bits = exponent.checked_sub(4 * fraction.len() as i32)?;
    // In two steps, since 2 to the power of -1074 times a large number is no power of its own.
    let (half, rest) = (bits / 2, bits - bits / 2);
    Some(sign * mantissa as f64 * 2f64.powi(half) * 2f64.powi(rest))
}

#[cfg(test)]
pub(super) fn made(rows: &[(u32, &str, &str, &str)]) -> Vec<Row> {
    let row = |&(depth, label, kind, value): &(u32, &str, &str, &str)| Row {
        depth,
        label: label.into(),
        kind: kind.into(),
        value: value.into(),
    };
    rows.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_read_to_the_bit() {
        for (text, value) in [
            ("0x1.8000000000000p+1", 3.0),
            ("-0x0.0p+0", -0.0),
            ("0x1.999999999999ap-4", 0.1),
            ("0x0.0000000000001p-1022", 5e-324),
            ("0x1.fffffffffffffp+1023", f64::MAX),
            ("-inf", f64::NEG_INFINITY),
        ] {
            assert_eq!(
                float(text).map(f64::to_bits),
                Some(value.to_bits()),
                "{text}"
            );
        }
        assert!(float("nan").is_some_and(f64::is_nan));
        assert_eq!(float("1.5"), None);
    }

    #[test]
    fn places_name_the_way() {
        let rows = made(&[
            (0, "result", "list", "2"),
            (1, "[0]", "int", "1"),
            (1, "[1]", "dict", "1"),
            (2, "['a']", "int", "2"),
        ]);
        assert_eq!(place(&rows, 3), "result[1]['a']");
        assert_eq!(around(&rows, 3).map(|row| row.kind.as_str()), Some("dict"));
    }

    #[test]
    fn a_tolerance_is_for_floats_only() {
        let one = made(&[(0, "result", "float", "0x1.0000000000000p+0")]);
        let near = made(&[(0, "result", "float", "0x1.0000000000001p+0")]);
        assert!(!same_rows(&one, &near, 0.0));
        assert!(same_rows(&one, &near, 1e-9));
        let int = made(&[(0, "result", "int", "1")]);
        assert!(!same_rows(&one, &int, 1.0));
    }
}

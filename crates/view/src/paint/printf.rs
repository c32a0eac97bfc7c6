//! Numbers as C's `printf`, and so Python's `%`, writes them. For output that other programs fixed.

/// `%WIDTH.PRECISIONf`.
pub(crate) fn fixed(number: f64, width: usize, precision: usize) -> String {
    let text = if number.is_nan() {
        "nan".to_owned()
    } else {
        format!("{number:.precision$}")
    };
    format!("{text:>width$}")
}

/// `%WIDTH.PRECISIONg`: as many significant digits, without zeros at the end; scientific where the
/// exponent is below -4 or not below the precision (C11 7.21.6.1).
pub(crate) fn general(number: f64, width: usize, precision: usize) -> String {
    let text = general_text(number, precision.max(1));
    format!("{text:>width$}")
}

fn general_text(number: f64, precision: usize) -> String {
    if !number.is_finite() || number == 0.0 {
        return match number {
            _ if number.is_nan() => "nan".to_owned(),
            _ if number == 0.0 && number.is_sign_negative() => "-0".to_owned(),
            _ => format!("{number}"),
        };
    }
    // The exponent is that of the rounded number: 9.9999995 has seven digits before it.
    let scientific = format!("{number:.*e}", precision - 1);
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let limit = i32::try_from(precision).unwrap_or(i32::MAX);
    if exponent < -4 || exponent >= limit {
        let sign = if exponent < 0 { '-' } else { '+' };
        let power = exponent.unsigned_abs();
        return format!("{}e{sign}{power:02}", without_zeros(digits));
    }
    let decimals = usize::try_from(limit - 1 - exponent).unwrap_or(0);
    without_zeros(&format!("{number:.decimals$}")).to_owned()
}

fn without_zeros(digits: &str) -> &str {
    if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_python_prints_them() {
        // `'%g' % x` of CPython 3.13.
        for (number, text) in [
            (1e-6, "1e-06"),
            (1e-9, "1e-09"),
            (1.0, "1"),
            (0.0, "0"),
            (-0.0, "-0"),
            (0.0001, "0.0001"),
            (0.00001234567, "1.23457e-05"),
            (123_456.7, "123457"),
            (999_999.5, "1e+06"),
            (9.999_999_5, "10"),
            (1_234_567_890.0, "1.23457e+09"),
            (1e100, "1e+100"),
            (0.1 + 0.2, "0.3"),
            (f64::INFINITY, "inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(general(number, 0, 6), text);
        }
        // `'%5.3g' % x` and `'%5.1f' % x`.
        assert_eq!(general(123.456, 5, 3), "  123");
        assert_eq!(general(1_234_567.0, 5, 3), "1.23e+06");
        assert_eq!(general(0.5, 5, 3), "  0.5");
        assert_eq!(fixed(0.25, 5, 1), "  0.2");
        assert_eq!(fixed(0.35, 5, 1), "  0.3");
        assert_eq!(fixed(12_345.67, 5, 1), "12345.7");
        assert_eq!(fixed(f64::NAN, 5, 1), "  nan");
    }
}

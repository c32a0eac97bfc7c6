//! How far a function reaches in its source, judged by indentation alone.
//!
//! A profile knows where a function begins but not where it ends. A parser would know, for the
//! Python version it was made for; indentation is the same in all of them and never fails. Where
//! it is fooled (a text literal that begins in the first column) a table shows some lines less.

/// The last line (1-based) of the function that begins at `first_line`.
///
/// Never before `first_line`, never after the end of the source.
pub(crate) fn last_line(lines: &[&str], first_line: u32) -> u32 {
    let first = (first_line.max(1) - 1) as usize;
    let Some(margin) = lines.get(first).map(|line| indentation(line)) else {
        return first_line;
    };
    let Some(body) = body_start(lines, first) else {
        return first_line;
    };
    let mut last = body - 1;
    for (index, line) in lines.iter().enumerate().skip(body) {
        let text = line.trim_start();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if indentation(line) <= margin {
            break;
        }
        last = index;
    }
    u32::try_from(last + 1).unwrap_or(first_line)
}

/// The index after the line that ends the function's head, past decorators and parameters.
fn body_start(lines: &[&str], first: usize) -> Option<usize> {
    let is_def = |line: &str| {
        let text = line.trim_start();
        text.starts_with("def ") || text.starts_with("async def ") || text.starts_with("class ")
    };
    // A code object's first line is that of its first decorator.
    let decorated = lines[first].trim_start().starts_with('@');
    let def = match decorated {
        true => first + lines[first..].iter().position(|line| is_def(line))?,
        false => first,
    };
    if !is_def(lines[def]) {
        return None;
    }
    let head_ends = |line: &&str| {
        let text = line.split(" #").next().unwrap_or(line).trim_end();
        text.ends_with(':')
    };
    // A one-line function has its body behind the colon.
    let one_line = !head_ends(&lines[def]) && lines[def].contains("):");
    if one_line {
        return Some(def + 1);
    }
    let end = lines[def..].iter().position(head_ends)?;
    Some(def + end + 1)
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extent(source: &str, first_line: u32) -> u32 {
        last_line(&source.lines().collect::<Vec<_>>(), first_line)
    }

    #[test]
    fn a_function_ends_before_the_next_line_of_its_own_indentation() {
        let source = "def f(a):\n    x = a\n\n# about g\n    return x\n\n\ndef g():\n    pass\n";
        assert_eq!(extent(source, 1), 5);
        assert_eq!(extent(source, 8), 9);
    }

    #[test]
    fn decorators_and_long_heads_belong_to_it() {
        let source = "@cache\n@other\ndef f(\n    a,\n):\n    return a\nx = 1\n";
        assert_eq!(extent(source, 1), 6);
    }

    #[test]
    fn methods_end_within_their_class() {
        let source =
            "class A:\n    def f(self):\n        return 1\n    def g(self): return 2\n    x = 1";
        assert_eq!(extent(source, 2), 3);
        assert_eq!(extent(source, 4), 4);
    }

    #[test]
    fn what_is_not_a_function_is_one_line() {
        assert_eq!(extent("x = [y for y in z]\n", 1), 1);
        assert_eq!(extent("", 7), 7);
        assert_eq!(extent("def f(", 1), 1);
    }
}

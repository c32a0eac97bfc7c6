//! Reads the data in a pickle, and nothing but data: no name in it is ever looked up or called.
//!
//! The opcodes are those that CPython's `Lib/pickletools.py` lists for protocols 2 to 5, as far as
//! plain data and objects of classes need them. A pickle may be hostile: everything is checked
//! against the bytes that are left, nothing is allocated before it was read, shared values are
//! handles and never copied, and an object may contain itself.

use thiserror::Error;

/// Why bytes are not a pickle of plain data.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PickleError {
    /// It does not begin as pickles of protocol 2 to 5 do.
    #[error("it does not begin as a pickle of protocol 2 to 5")]
    NoPickle,
    /// It ends in the middle.
    #[error("it ends early, at byte {at}")]
    Truncated {
        /// Where.
        at: usize,
    },
    /// Something that plain data does not need.
    #[error("at byte {at} it has the instruction {code:#04x}, which data does not need")]
    Instruction {
        /// Where.
        at: usize,
        /// Which.
        code: u8,
    },
    /// The instructions do not fit together.
    #[error("it is damaged at byte {at}: {what}")]
    Damaged {
        /// Where.
        at: usize,
        /// What does not fit.
        what: &'static str,
    },
}

/// A value. What can be shared or can contain itself is a handle into [`Pickle`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    None,
    Bool(bool),
    /// A whole number that fits; larger ones are `Huge`.
    Int(i64),
    Huge,
    Float(f64),
    Text(&'a str),
    /// Bytes, as data or as text of Python 2.
    Bytes(&'a [u8]),
    /// A tuple, list, dict, class or object.
    Node(usize),
}

/// A value with parts.
#[derive(Clone, Debug)]
pub(crate) enum Node<'a> {
    Tuple(Vec<Value<'a>>),
    List(Vec<Value<'a>>),
    /// Keys and values in the order they were set; a key may be there several times.
    Dict(Vec<(Value<'a>, Value<'a>)>),
    /// The name of something in a module.
    Class {
        module: &'a str,
        name: &'a str,
    },
    /// An object of a class with its state.
    Object {
        class: Value<'a>,
        state: Value<'a>,
    },
}

/// What a pickle holds.
#[derive(Debug)]
pub(crate) struct Pickle<'a> {
    nodes: Vec<Node<'a>>,
    root: Value<'a>,
}

impl<'a> Pickle<'a> {
    /// Reads a pickle. What follows its end is ignored, as Python does.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, PickleError> {
        if !matches!(bytes, [PROTO, 2..=5, ..]) {
            return Err(PickleError::NoPickle);
        }
        let mut machine = Machine {
            bytes,
            at: 0,
            begun: 0,
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Vec::new(),
            nodes: Vec::new(),
        };
        let root = machine.run()?;
        Ok(Self {
            nodes: machine.nodes,
            root,
        })
    }

    /// The value pickled.
    pub(crate) fn root(&self) -> Value<'a> {
        self.root
    }

    /// The parts of a value; `None` for one without.
    pub(crate) fn node(&self, value: Value<'a>) -> Option<&Node<'a>> {
        match value {
            Value::Node(index) => self.nodes.get(index),
            _ => None,
        }
    }
}

const PROTO: u8 = 0x80;

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the current instruction began.
    begun: usize,
    stack: Vec<Value<'a>>,
    /// The heights of the stack that marks were set at.
    marks: Vec<usize>,
    memo: Vec<Option<Value<'a>>>,
    nodes: Vec<Node<'a>>,
}

impl<'a> Machine<'a> {
    fn run(&mut self) -> Result<Value<'a>, PickleError> {
        loop {
            self.begun = self.at;
            let code = self.byte()?;
            if code == b'.' {
                return self.pop();
            }
            self.step(code)?;
        }
    }

    fn step(&mut self, code: u8) -> Result<(), PickleError> {
        match code {
            PROTO => self.take(1).map(drop),
            // Frames only say how much to read at once.
            0x95 => self.take(8).map(drop),
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' => self.pop().map(drop),
            b'1' => self.since_mark().map(drop),
            b'2' => {
                let top = *self.top()?;
                self.push(top)
            }
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'J' | b'K' | b'M' | 0x8a | 0x8b | b'G' => self.number(code),
            0x8c | b'X' | 0x8d | b'U' | b'T' | b'C' | b'B' | 0x8e => self.text(code),
            b')' | b't' | 0x85 | 0x86 | 0x87 => self.tuple(code),
            b']' => self.add(Node::List(Vec::new())),
            b'}' => self.add(Node::Dict(Vec::new())),
            b'a' | b'e' | b'l' => self.list(code),
            b's' | b'u' | b'd' => self.dict(code),
            b'h' | b'j' | b'q' | b'r' | 0x94 => self.memo(code),
            b'c' | 0x93 | 0x81 | b'b' => self.object(code),
            code => Err(PickleError::Instruction {
                at: self.begun,
                code,
            }),
        }
    }

    fn number(&mut self, code: u8) -> Result<(), PickleError> {
        let value = match code {
            b'K' => Value::Int(i64::from(self.byte()?)),
            b'M' => Value::Int(i64::from(u16::from_le_bytes(self.array()?))),
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.array()?))),
            b'G' => Value::Float(f64::from_be_bytes(self.array()?)),
            _ => {
                let length = if code == 0x8a {
                    usize::from(self.byte()?)
                } else {
                    self.length_of(4)?
                };
                long(self.take(length)?)
            }
        };
        self.push(value)
    }

    fn text(&mut self, code: u8) -> Result<(), PickleError> {
        let length = match code {
            0x8c | b'U' | b'C' => usize::from(self.byte()?),
            b'X' | b'T' | b'B' => self.length_of(4)?,
            _ => self.length_of(8)?,
        };
        let bytes = self.take(length)?;
        let value = match code {
            // A file name that is no UTF-8 has lone surrogates, which Rust's texts cannot have.
            0x8c | b'X' | 0x8d => {
                std::str::from_utf8(bytes).map_or(Value::Bytes(bytes), Value::Text)
            }
            _ => Value::Bytes(bytes),
        };
        self.push(value)
    }

    fn tuple(&mut self, code: u8) -> Result<(), PickleError> {
        let parts = match code {
            b')' => Vec::new(),
            b't' => self.since_mark()?,
            code => {
                let length = usize::from(code - 0x84);
                let from = self.floor_of(length)?;
                self.stack.split_off(from)
            }
        };
        self.add(Node::Tuple(parts))
    }

    fn list(&mut self, code: u8) -> Result<(), PickleError> {
        let new = match code {
            b'a' => vec![self.pop()?],
            _ => self.since_mark()?,
        };
        if code == b'l' {
            return self.add(Node::List(new));
        }
        match self.top_node()? {
            Node::List(parts) => parts.extend(new),
            _ => return self.damaged("it appends to what is no list"),
        }
        Ok(())
    }

    fn dict(&mut self, code: u8) -> Result<(), PickleError> {
        let new = match code {
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.since_mark()?,
        };
        if !new.len().is_multiple_of(2) {
            return self.damaged("a key has no value");
        }
        let pairs = new.chunks_exact(2).map(|pair| (pair[0], pair[1]));
        if code == b'd' {
            return self.add(Node::Dict(pairs.collect()));
        }
        match self.top_node()? {
            Node::Dict(entries) => entries.extend(pairs),
            _ => return self.damaged("it sets a key of what is no dict"),
        }
        Ok(())
    }

    fn memo(&mut self, code: u8) -> Result<(), PickleError> {
        let index = match code {
            b'h' | b'q' => usize::from(self.byte()?),
            b'j' | b'r' => self.length_of(4)?,
            _ => self.memo.len(),
        };
        if matches!(code, b'h' | b'j') {
            return match self.memo.get(index) {
                Some(&Some(value)) => self.push(value),
                _ => self.damaged("it refers to what was not stored"),
            };
        }
        let value = *self.top()?;
        // Pickles number what they store from 0 on, so a number beyond the bytes is nonsense.
        if index >= self.bytes.len() {
            return self.damaged("it stores at a number without measure");
        }
        if index >= self.memo.len() {
            self.memo.resize(index + 1, None);
        }
        self.memo[index] = Some(value);
        Ok(())
    }

    fn object(&mut self, code: u8) -> Result<(), PickleError> {
        match code {
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.add(Node::Class { module, name })
            }
            0x93 => match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) => self.add(Node::Class { module, name }),
                _ => self.damaged("the name of a class is no text"),
            },
            0x81 => {
                let _arguments = self.pop()?;
                let class = self.pop()?;
                let state = Value::None;
                self.add(Node::Object { class, state })
            }
            _ => {
                let new = self.pop()?;
                match self.top_node()? {
                    Node::Object { state, .. } => *state = new,
                    _ => return self.damaged("it gives a state to what is no object"),
                }
                Ok(())
            }
        }
    }

    fn push(&mut self, value: Value<'a>) -> Result<(), PickleError> {
        self.stack.push(value);
        Ok(())
    }

    fn add(&mut self, node: Node<'a>) -> Result<(), PickleError> {
        self.nodes.push(node);
        self.push(Value::Node(self.nodes.len() - 1))
    }

    /// The height of the stack below its last `count` values, none of which is below a mark.
    fn floor_of(&self, count: usize) -> Result<usize, PickleError> {
        let mark = self.marks.last().copied().unwrap_or(0);
        match self.stack.len().checked_sub(count) {
            Some(from) if from >= mark => Ok(from),
            _ => self.damaged("it takes from an empty stack"),
        }
    }

    fn pop(&mut self) -> Result<Value<'a>, PickleError> {
        self.floor_of(1)?;
        let top = self.stack.pop();
        top.map_or_else(|| self.damaged("it takes from an empty stack"), Ok)
    }

    fn top(&self) -> Result<&Value<'a>, PickleError> {
        let from = self.floor_of(1)?;
        Ok(&self.stack[from])
    }

    fn top_node(&mut self) -> Result<&mut Node<'a>, PickleError> {
        let damaged = self.damaged("it changes what has no parts");
        match *self.top()? {
            Value::Node(index) => self.nodes.get_mut(index).map_or(damaged, Ok),
            _ => damaged,
        }
    }

    fn since_mark(&mut self) -> Result<Vec<Value<'a>>, PickleError> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark.min(self.stack.len()))),
            None => self.damaged("it closes what was not opened"),
        }
    }

    fn damaged<T>(&self, what: &'static str) -> Result<T, PickleError> {
        Err(PickleError::Damaged {
            at: self.begun,
            what,
        })
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], PickleError> {
        let rest = &self.bytes[self.at..];
        match rest.get(..length) {
            Some(bytes) => {
                self.at += length;
                Ok(bytes)
            }
            None => Err(PickleError::Truncated {
                at: self.bytes.len(),
            }),
        }
    }

    fn byte(&mut self) -> Result<u8, PickleError> {
        Ok(self.array::<1>()?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        let bytes = self.take(N)?;
        let mut array = [0; N];
        array.copy_from_slice(bytes);
        Ok(array)
    }

    /// A length of so many bytes, little-endian.
    fn length_of(&mut self, bytes: usize) -> Result<usize, PickleError> {
        let mut wide = [0; 8];
        wide[..bytes].copy_from_slice(self.take(bytes)?);
        // More than there is in any case is caught when it is read.
        Ok(usize::try_from(u64::from_le_bytes(wide)).unwrap_or(usize::MAX))
    }

    /// The text up to the end of the line.
    fn line(&mut self) -> Result<&'a str, PickleError> {
        let rest = &self.bytes[self.at..];
        let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
            return Err(PickleError::Truncated {
                at: self.bytes.len(),
            });
        };
        self.at += length + 1;
        std::str::from_utf8(&rest[..length])
            .map_or_else(|_| self.damaged("the name of a class is no text"), Ok)
    }
}

/// A whole number in two's complement, lowest byte first.
fn long(bytes: &[u8]) -> Value<'static> {
    let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
    let fill = if negative { 0xff } else { 0 };
    let mut wide = [fill; 8];
    let kept = bytes.len().min(8);
    wide[..kept].copy_from_slice(&bytes[..kept]);
    let number = i64::from_le_bytes(wide);
    let fits = bytes[kept..].iter().all(|&byte| byte == fill) && (number < 0) == negative;
    if fits {
        Value::Int(number)
    } else {
        Value::Huge
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn root(bytes: &[u8]) -> Result<Value<'_>, PickleError> {
        Pickle::read(bytes).map(|pickle| pickle.root())
    }

    #[test]
    fn numbers_are_read_as_python_writes_them() {
        // pickle.dumps(value, 2) of CPython 3.13.
        for (bytes, value) in [
            (&b"\x80\x02K\x07."[..], Value::Int(7)),
            (b"\x80\x02M\x00\x01.", Value::Int(256)),
            (b"\x80\x02J\xff\xff\xff\xff.", Value::Int(-1)),
            (
                b"\x80\x02\x8a\x05\x00\x00\x00\x00\x01.",
                Value::Int(1 << 32),
            ),
            (b"\x80\x02\x8a\x00.", Value::Int(0)),
            (b"\x80\x02\x8a\x01\xfe.", Value::Int(-2)),
            (
                b"\x80\x02\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00.",
                Value::Huge,
            ),
            (
                b"\x80\x02\x8a\x09\xff\xff\xff\xff\xff\xff\xff\x7f\x00.",
                Value::Int(i64::MAX),
            ),
            (
                b"\x80\x02G\x3e\x11\x2e\x0b\xe8\x26\xd6\x95.",
                Value::Float(1e-9),
            ),
            (b"\x80\x02\x88.", Value::Bool(true)),
            (b"\x80\x02N.", Value::None),
        ] {
            assert_eq!(root(bytes), Ok(value), "{bytes:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let at = 2;
        for (bytes, error) in [
            (&b"cos\nsystem\n."[..], PickleError::NoPickle),
            (b"\x80\x06N.", PickleError::NoPickle),
            (b"", PickleError::NoPickle),
            (b"\x80\x04N", PickleError::Truncated { at: 3 }),
            (
                b"\x80\x04X\xff\xff\xff\xffa.",
                PickleError::Truncated { at: 9 },
            ),
            (b"\x80\x04R.", PickleError::Instruction { at, code: b'R' }),
        ] {
            assert_eq!(root(bytes).expect_err("it is wrong"), error, "{bytes:?}");
        }
        for bytes in [
            &b"\x80\x04."[..],
            b"\x80\x040.",
            b"\x80\x04t.",
            b"\x80\x04h\x00.",
            b"\x80\x04N\x85\x85\x86.",
            b"\x80\x04NNa.",
            b"\x80\x04}(Nu.",
            b"\x80\x04N(\x85.",
            b"\x80\x04Nr\xff\xff\xff\x7f.",
            b"\x80\x04NNb.",
        ] {
            let error = root(bytes).expect_err("it is wrong");
            assert!(
                matches!(error, PickleError::Damaged { .. }),
                "{bytes:?} {error}"
            );
        }
    }

    #[test]
    fn a_list_may_contain_itself() {
        let pickle = Pickle::read(b"\x80\x02]q\x00h\x00a.").expect("it is a pickle");
        let root = pickle.root();
        assert!(matches!(pickle.node(root), Some(Node::List(parts)) if parts == &[root]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut pickle = vec![PROTO, 4];
            pickle.extend(&bytes);
            let _ = Pickle::read(&pickle);
            let _ = Pickle::read(&bytes);
        }

        #[test]
        fn any_instructions_are_read_or_refused(
            codes in prop::collection::vec(prop::sample::select(
                b"(012N\x88\x89K\x01M)t\x85\x86\x87]}aelsudhqr\x94\x93\x81b\x8c\x00J".to_vec()
            ), 0..200)
        ) {
            let mut pickle = vec![PROTO, 4];
            pickle.extend(&codes);
            let _ = Pickle::read(&pickle);
        }
    }
}

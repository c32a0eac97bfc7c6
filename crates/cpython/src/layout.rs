//! Where things lie inside an interpreter, as one struct of offsets.
//!
//! Every number is a byte offset into the named C struct unless it says otherwise. 3.8 to 3.12
//! come from [`crate::tables`], generated from CPython's own headers; 3.13 and later describe
//! themselves ([`crate::self_described`]). Walkers know no number of their own.

/// How a thread state leads to its innermost frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameStyle {
    /// 3.8 to 3.10: `tstate->frame` is a heap `PyFrameObject`; `f_lasti` is an integer index.
    HeapObject,
    /// 3.11, 3.12: `tstate->cframe->current_frame` is a `_PyInterpreterFrame`; its `prev_instr`
    /// points at the instruction that ran last.
    ThroughCFrame,
    /// 3.13 and later: `tstate->current_frame`; its `instr_ptr` points at the current instruction.
    Direct,
}

/// How a code object maps instructions to lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineTableStyle {
    /// 3.8, 3.9: `co_lnotab`, pairs of unsigned bytecode and signed line increments.
    Lnotab,
    /// 3.10: `co_linetable`, pairs of bytecode length and signed line delta (PEP 626).
    Pep626,
    /// 3.11 and later: `co_linetable`, the location table (PEP 657).
    Locations,
}

/// `_PyRuntimeState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RuntimeLayout {
    /// `interpreters.head`: the first interpreter of the list.
    pub interpreters_head: u64,
    /// `ceval.gil`, the GIL itself, embedded here up to 3.11; `None` from 3.12 on.
    pub gil: Option<u64>,
    /// The finalizing thread, or NULL while the runtime is alive.
    pub finalizing: u64,
    /// 3.8 only, where the collector is not yet per interpreter: `gc.collecting`.
    pub gc_collecting: Option<u64>,
}

/// `PyInterpreterState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterpreterLayout {
    /// The next interpreter of the list.
    pub next: u64,
    /// The interpreter's number, 8 bytes.
    pub id: u64,
    /// The newest thread state.
    pub threads_head: u64,
    /// `ceval.gil`, a pointer to the GIL, from 3.12 on.
    pub gil_pointer: Option<u64>,
    /// `gc.collecting`, an `int`; `None` on 3.8.
    pub gc_collecting: Option<u64>,
    /// The dict of imported modules.
    pub modules: u64,
    /// `_code_object_generation` (3.14 and later), 8 bytes: changes when a code object is freed.
    pub code_generation: Option<u64>,
}

/// `struct _gil_runtime_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GilLayout {
    /// The thread state that holds the GIL, or held it last.
    pub last_holder: u64,
    /// An `int`: 1 held, 0 free, -1 not created yet.
    pub locked: u64,
    /// The size of the whole struct; futex waits on an address inside it are waits for the GIL.
    pub size: u64,
}

/// `PyThreadState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThreadLayout {
    /// The next older thread state.
    pub next: u64,
    /// The interpreter it belongs to.
    pub interp: u64,
    /// `pthread_self()` of the thread.
    pub thread_id: u64,
    /// The operating system's thread id, from 3.11 on.
    pub native_thread_id: Option<u64>,
    /// `frame`, `cframe` or `current_frame`, by [`FrameStyle`].
    pub frame: u64,
    /// The chunk of the data stack in use, from 3.11 on.
    pub datastack_chunk: Option<u64>,
    /// The first free address of that chunk, from 3.11 on.
    pub datastack_top: Option<u64>,
    /// `base_frame` (3.15 and later): the sentinel below the outermost frame.
    pub base_frame: Option<u64>,
    /// `last_profiled_frame` (3.15 and later).
    pub last_profiled_frame: Option<u64>,
    /// `last_profiled_frame_seq` (3.15 and later).
    pub last_profiled_frame_seq: Option<u64>,
    /// `holds_gil` (3.15 and later), an `int`.
    pub holds_gil: Option<u64>,
}

/// `PyFrameObject` (up to 3.10) or `_PyInterpreterFrame`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameLayout {
    /// How to get here and how to read the instruction.
    pub style: FrameStyle,
    /// Bytes to read of each frame: everything named below.
    pub size: u64,
    /// The caller: `f_back` or `previous`.
    pub previous: u64,
    /// The code object: `f_code`, `f_executable`.
    pub code: u64,
    /// `f_lasti` (an `int`), `prev_instr` or `instr_ptr` (pointers), by [`FrameStyle`].
    pub instruction: u64,
    /// `owner`, one byte, from 3.11 on.
    pub owner: Option<u64>,
    /// The owner number of a frame without Python code that a C entry left on the stack.
    pub owner_c_stack: Option<u8>,
    /// 3.11 only: `_PyCFrame.current_frame`, and on 3.12, where it is 0.
    pub cframe_current_frame: u64,
    /// The first local variable: `f_localsplus`, `localsplus`.
    pub locals: u64,
}

/// `PyCodeObject`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeLayout {
    /// Bytes to read of each code object: every field named below, not the bytecode behind it.
    pub size: u64,
    /// `co_filename`.
    pub filename: u64,
    /// `co_name`.
    pub name: u64,
    /// `co_qualname`, from 3.11 on.
    pub qualname: Option<u64>,
    /// `co_firstlineno`, an `int`.
    pub first_line: u64,
    /// `co_lnotab` or `co_linetable`, a pointer to bytes.
    pub line_table: u64,
    /// How to read it.
    pub line_table_style: LineTableStyle,
    /// Up to 3.10 `co_code`, a pointer to bytes; from 3.11 on the bytecode itself begins here.
    pub bytecode: u64,
    /// True where `bytecode` is the code itself and not a pointer to it.
    pub bytecode_inline: bool,
    /// Names of the locals, a tuple: `co_varnames` up to 3.10, `co_localsplusnames` later.
    pub local_names: u64,
    /// `co_argcount`, an `int`.
    pub argument_count: u64,
    /// The length of the variable part in instruction units (`ob_size`), from 3.11 on.
    pub unit_count: Option<u64>,
    /// `co_framesize` in 8-byte words, from 3.12 on.
    pub frame_size: Option<u64>,
}

/// The built-in objects that names and locals are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectLayout {
    /// `ob_type` of every object.
    pub object_type: u64,
    /// `ob_size` of every variable-size object.
    pub var_size: u64,
    /// `tp_name`, a pointer to a C string.
    pub type_name: u64,
    /// `tp_flags`, 8 bytes.
    pub type_flags: u64,
    /// `PyASCIIObject.length`.
    pub str_length: u64,
    /// `PyASCIIObject.state`, a bit field: interned, kind, compact, ascii.
    pub str_state: u64,
    /// Where the text of a compact ASCII string begins.
    pub str_ascii_data: u64,
    /// Where the text of any other compact string begins.
    pub str_compact_data: u64,
    /// Where the bytes of a `bytes` begin.
    pub bytes_data: u64,
    /// Where the items of a tuple begin.
    pub tuple_items: u64,
    /// The pointer to the items of a list.
    pub list_items: u64,
    /// The value of a float.
    pub float_value: u64,
    /// The digits of an int; before 3.12 `ob_size` holds their count and sign.
    pub long_digits: u64,
    /// The tag of an int from 3.12 on: sign in the low 2 bits, digit count above bit 3.
    pub long_tag: Option<u64>,
    /// `ma_used` of a dict.
    pub dict_used: u64,
    /// `ma_keys` of a dict.
    pub dict_keys: u64,
    /// `ma_values` of a dict.
    pub dict_values: u64,
    /// True from 3.11 on: keys begin with `log2_size` bytes and may be of the unicode kind.
    pub dict_keys_compact: bool,
}

/// All offsets of one kind of interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The minor version of Python 3.
    pub minor: u8,
    /// `_PyRuntimeState`.
    pub runtime: RuntimeLayout,
    /// `PyInterpreterState`.
    pub interpreter: InterpreterLayout,
    /// `struct _gil_runtime_state`.
    pub gil: GilLayout,
    /// `PyThreadState`.
    pub thread: ThreadLayout,
    /// Frames.
    pub frame: FrameLayout,
    /// Code objects.
    pub code: CodeLayout,
    /// Built-in objects.
    pub object: ObjectLayout,
}

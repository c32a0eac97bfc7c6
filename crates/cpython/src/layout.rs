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
    /// 3.11 and 3.12: `_PyCFrame.previous`, that of the C code further out.
    pub cframe_previous: Option<u64>,
    /// 3.11 only: `is_entry`, one byte; true for the frame that C code entered the interpreter with.
    pub is_entry: Option<u64>,
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
    /// How many bits of a digit count; there is one `PyLong_SHIFT` for all 64-bit builds.
    pub long_digit_bits: u64,
    /// `ma_used` of a dict.
    pub dict_used: u64,
    /// `ma_keys` of a dict.
    pub dict_keys: u64,
    /// `ma_values` of a dict.
    pub dict_values: u64,
    /// The number of items of a set.
    pub set_used: u64,
    /// The number of slots of a set's table, less one.
    pub set_mask: u64,
    /// The pointer to a set's table.
    pub set_table: u64,
    /// The size of a slot, `setentry`.
    pub set_entry_size: u64,
    /// The item in a slot; NULL where there never was one.
    pub set_entry_key: u64,
    /// Its hash; -1 where there is none any more.
    pub set_entry_hash: u64,
    /// What a cell holds.
    pub cell_content: u64,
}

/// `PyDictKeysObject`, its entries, and `PyDictValues`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DictLayout {
    /// `dk_size`, the number of slots of the hash table, up to 3.10.
    pub slot_count: Option<u64>,
    /// `dk_log2_index_bytes`, the size of the hash table in one byte, from 3.11 on.
    pub log2_index_bytes: Option<u64>,
    /// `dk_kind`, one byte, from 3.11 on: 0 where keys may be of any type.
    pub kind: Option<u64>,
    /// `dk_nentries`.
    pub entry_count: u64,
    /// `dk_indices`, the hash table; the entries lie behind it.
    pub indices: u64,
    /// The size of an entry, `PyDictKeyEntry`.
    pub entry_size: u64,
    /// Its key.
    pub entry_key: u64,
    /// Its value.
    pub entry_value: u64,
    /// The size of an entry where all keys are strings, `PyDictUnicodeEntry`, from 3.11 on.
    pub str_entry_size: u64,
    /// Its key.
    pub str_entry_key: u64,
    /// Its value.
    pub str_entry_value: u64,
    /// `PyDictValues.values`, values beside shared keys; 0 up to 3.10, where there is no struct.
    pub values: u64,
    /// `PyDictValues.valid`, one byte, from 3.13 on: 0 once a dict has taken the values over.
    pub values_valid: Option<u64>,
}

/// Where an instance keeps its attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceStyle {
    /// 3.8 to 3.10: in the dict at `tp_dictoffset`.
    DictOffset,
    /// 3.11: a pointer to values before the object, and where that is NULL a pointer to a dict.
    ValuesPointer,
    /// 3.12: one pointer for both before the object; that to values is stored less one.
    TaggedPointer,
    /// 3.13 and later: values behind the object, until a dict takes them over.
    Inline,
}

/// Attributes of instances, and the parts of their type that lead to them.
///
/// Types whose flags lack `managed_dict_flag` keep a dict at `tp_dictoffset` in every version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceLayout {
    /// How to find them.
    pub style: InstanceStyle,
    /// `tp_basicsize`.
    pub type_basic_size: u64,
    /// `tp_dictoffset`, signed.
    pub type_dict_offset: u64,
    /// `tp_dict`, the attributes of a class itself.
    pub type_dict: u64,
    /// `ht_qualname` of a class made at run time.
    pub type_qualname: u64,
    /// `ht_cached_keys`, the keys that its instances share.
    pub type_cached_keys: u64,
    /// `Py_TPFLAGS_MANAGED_DICT`, from 3.11 on.
    pub managed_dict_flag: u64,
    /// `Py_TPFLAGS_INLINE_VALUES`, from 3.13 on.
    pub inline_values_flag: u64,
    /// How many bytes before the object its managed dict stands, from 3.11 on.
    pub managed_dict: u64,
    /// How many bytes before the object the pointer to its values stands, 3.11 only.
    pub values_pointer: u64,
}

/// The variables of a frame, as its code object and its slots tell them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalsLayout {
    /// `co_cellvars`, a tuple, up to 3.10: slots behind those of `co_varnames`.
    pub cell_names: Option<u64>,
    /// `co_freevars`, a tuple, up to 3.10: slots behind those of `co_cellvars`.
    pub free_names: Option<u64>,
    /// `co_localspluskinds`, bytes, from 3.11 on: one for each slot.
    pub kinds: Option<u64>,
    /// The bits of such a byte that say that the slot may hold a cell.
    pub cell_kinds: u64,
    /// The bits of a slot that are a tag (3.14 and later).
    pub slot_tags: u64,
    /// The one of them that a reference to an object may have.
    pub slot_reference_tag: u64,
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
    /// Inside of dicts.
    pub dict: DictLayout,
    /// Attributes of instances.
    pub instance: InstanceLayout,
    /// Variables of frames.
    pub locals: LocalsLayout,
}

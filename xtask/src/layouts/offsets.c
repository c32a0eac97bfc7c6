/* Prints where things lie inside the interpreter whose headers this is compiled with.
 *
 * One line a field, `group.field value`; `cargo xtask layouts` compiles it once a version and
 * turns the lines into crates/cpython/src/tables.rs. A field a version does not have prints
 * nothing. Only constants are printed, so nothing of libpython is linked.
 */
#define Py_BUILD_CORE 1
/* CPython's inline functions assert things about objects, and there are none here. */
#define NDEBUG 1
#include <stddef.h>
#include <stdio.h>
#include "Python.h"
#include "frameobject.h"
#include "internal/pycore_pystate.h"
#include "internal/pycore_gil.h"
#if PY_VERSION_HEX < 0x030c0000 && PY_VERSION_HEX >= 0x030b0000
#include "cpython/longintrepr.h"
#elif PY_VERSION_HEX < 0x030b0000
#include "longintrepr.h"
#endif
#if PY_VERSION_HEX >= 0x03090000
#include "internal/pycore_interp.h"
#include "internal/pycore_runtime.h"
#endif
#if PY_VERSION_HEX >= 0x030b0000
#include "internal/pycore_code.h"
#include "internal/pycore_dict.h"
#include "internal/pycore_frame.h"
#include "internal/pycore_object.h"
#endif
#if PY_VERSION_HEX >= 0x030e0000
#include "internal/pycore_interpframe.h"
#endif

#define AT(name, type, field) printf("%s %zu\n", name, offsetof(type, field))
#define VALUE(name, value) printf("%s %zu\n", name, (size_t)(value))

/* The first byte behind a field, to know how much of a struct a reader needs. */
#define END(type, field) (offsetof(type, field) + sizeof(((type *)0)->field))
#define GROW(end, type, field) do { if (END(type, field) > end) end = END(type, field); } while (0)
#define WORDS(end) (((end) + 7) / 8 * 8)

#if PY_VERSION_HEX < 0x030b0000
typedef PyFrameObject Frame;
#else
typedef _PyInterpreterFrame Frame;
#endif

#if PY_VERSION_HEX < 0x030b0000
/* No installed header declares these: Objects/dict-common.h, the same in 3.8, 3.9 and 3.10. */
typedef struct {
    Py_hash_t me_hash;
    PyObject *me_key;
    PyObject *me_value;
} PyDictKeyEntry;

struct _dictkeysobject {
    Py_ssize_t dk_refcnt;
    Py_ssize_t dk_size;
    void *dk_lookup;
    Py_ssize_t dk_usable;
    Py_ssize_t dk_nentries;
    char dk_indices[];
};
#endif

static void print_runtime(void) {
    AT("runtime.interpreters_head", _PyRuntimeState, interpreters.head);
#if PY_VERSION_HEX < 0x030c0000
    AT("runtime.gil", _PyRuntimeState, ceval.gil);
#endif
#if PY_VERSION_HEX < 0x03090000
    AT("runtime.finalizing", _PyRuntimeState, finalizing);
    AT("runtime.gc_collecting", _PyRuntimeState, gc.collecting);
#else
    AT("runtime.finalizing", _PyRuntimeState, _finalizing);
#endif
}

static void print_interpreter(void) {
    AT("interpreter.next", PyInterpreterState, next);
    AT("interpreter.id", PyInterpreterState, id);
#if PY_VERSION_HEX < 0x030b0000
    AT("interpreter.threads_head", PyInterpreterState, tstate_head);
#else
    AT("interpreter.threads_head", PyInterpreterState, threads.head);
#endif
#if PY_VERSION_HEX >= 0x030c0000
    AT("interpreter.gil_pointer", PyInterpreterState, ceval.gil);
    AT("interpreter.modules", PyInterpreterState, imports.modules);
#else
    AT("interpreter.modules", PyInterpreterState, modules);
#endif
#if PY_VERSION_HEX >= 0x03090000
    AT("interpreter.gc_collecting", PyInterpreterState, gc.collecting);
#endif
#if PY_VERSION_HEX >= 0x030e0000
    AT("interpreter.code_generation", PyInterpreterState, _code_object_generation);
#endif
}

static void print_gil(void) {
    AT("gil.last_holder", struct _gil_runtime_state, last_holder);
    AT("gil.locked", struct _gil_runtime_state, locked);
    VALUE("gil.size", sizeof(struct _gil_runtime_state));
}

static void print_thread(void) {
    AT("thread.next", PyThreadState, next);
    AT("thread.interp", PyThreadState, interp);
    AT("thread.thread_id", PyThreadState, thread_id);
#if PY_VERSION_HEX >= 0x030b0000
    AT("thread.native_thread_id", PyThreadState, native_thread_id);
    AT("thread.datastack_chunk", PyThreadState, datastack_chunk);
    AT("thread.datastack_top", PyThreadState, datastack_top);
#endif
#if PY_VERSION_HEX < 0x030b0000
    AT("thread.frame", PyThreadState, frame);
#elif PY_VERSION_HEX < 0x030d0000
    AT("thread.frame", PyThreadState, cframe);
#else
    AT("thread.frame", PyThreadState, current_frame);
#endif
#if PY_VERSION_HEX >= 0x030f0000
    AT("thread.base_frame", PyThreadState, base_frame);
    AT("thread.last_profiled_frame", PyThreadState, last_profiled_frame);
    AT("thread.last_profiled_frame_seq", PyThreadState, last_profiled_frame_seq);
    AT("thread.holds_gil", PyThreadState, holds_gil);
#endif
}

static void print_frame(void) {
    size_t end = 0;
#if PY_VERSION_HEX < 0x030b0000
#define PREVIOUS f_back
#define CODE f_code
#define INSTRUCTION f_lasti
#define LOCALS f_localsplus
#else
#define PREVIOUS previous
#define LOCALS localsplus
#if PY_VERSION_HEX < 0x030d0000
#define CODE f_code
#define INSTRUCTION prev_instr
#else
#define CODE f_executable
#define INSTRUCTION instr_ptr
#endif
    GROW(end, Frame, owner);
#if PY_VERSION_HEX < 0x030c0000
    GROW(end, Frame, is_entry);
#endif
    AT("frame.owner", Frame, owner);
#endif
    GROW(end, Frame, PREVIOUS);
    GROW(end, Frame, CODE);
    GROW(end, Frame, INSTRUCTION);
    VALUE("frame.size", WORDS(end));
    AT("frame.previous", Frame, PREVIOUS);
    AT("frame.code", Frame, CODE);
    AT("frame.instruction", Frame, INSTRUCTION);
    AT("frame.locals", Frame, LOCALS);
#if PY_VERSION_HEX >= 0x030e0000
    VALUE("frame.owner_c_stack", FRAME_OWNED_BY_INTERPRETER);
#elif PY_VERSION_HEX >= 0x030c0000
    VALUE("frame.owner_c_stack", FRAME_OWNED_BY_CSTACK);
#endif
#if PY_VERSION_HEX >= 0x030b0000 && PY_VERSION_HEX < 0x030d0000
    AT("frame.cframe_current_frame", _PyCFrame, current_frame);
    AT("frame.cframe_previous", _PyCFrame, previous);
#endif
#if PY_VERSION_HEX >= 0x030b0000 && PY_VERSION_HEX < 0x030c0000
    AT("frame.is_entry", Frame, is_entry);
#endif
}

static void print_code(void) {
    size_t end = 0;
#define FIELD(name, field) do { GROW(end, PyCodeObject, field); AT(name, PyCodeObject, field); } while (0)
    FIELD("code.filename", co_filename);
    FIELD("code.name", co_name);
    FIELD("code.first_line", co_firstlineno);
    FIELD("code.argument_count", co_argcount);
#if PY_VERSION_HEX < 0x030a0000
    FIELD("code.line_table", co_lnotab);
#else
    FIELD("code.line_table", co_linetable);
#endif
#if PY_VERSION_HEX < 0x030b0000
    FIELD("code.bytecode", co_code);
    FIELD("code.local_names", co_varnames);
#else
    AT("code.bytecode", PyCodeObject, co_code_adaptive);
    FIELD("code.local_names", co_localsplusnames);
    FIELD("code.qualname", co_qualname);
    FIELD("code.unit_count", ob_base.ob_size);
#endif
#if PY_VERSION_HEX >= 0x030c0000
    FIELD("code.frame_size", co_framesize);
#endif
    VALUE("code.size", WORDS(end));
}

static void print_object(void) {
    AT("object.object_type", PyObject, ob_type);
    AT("object.var_size", PyVarObject, ob_size);
    AT("object.type_name", PyTypeObject, tp_name);
    AT("object.type_flags", PyTypeObject, tp_flags);
    AT("object.str_length", PyASCIIObject, length);
    /* A bit field has no offset: it is the first 4 bytes of the struct around it. */
    AT("object.str_state", PyASCIIObject, state);
    VALUE("object.str_ascii_data", sizeof(PyASCIIObject));
    VALUE("object.str_compact_data", sizeof(PyCompactUnicodeObject));
    AT("object.bytes_data", PyBytesObject, ob_sval);
    AT("object.tuple_items", PyTupleObject, ob_item);
    AT("object.list_items", PyListObject, ob_item);
    AT("object.float_value", PyFloatObject, ob_fval);
#if PY_VERSION_HEX < 0x030c0000
    AT("object.long_digits", PyLongObject, ob_digit);
#else
    AT("object.long_digits", PyLongObject, long_value.ob_digit);
    AT("object.long_tag", PyLongObject, long_value.lv_tag);
#endif
    VALUE("object.long_digit_bits", PyLong_SHIFT);
    AT("object.dict_used", PyDictObject, ma_used);
    AT("object.dict_keys", PyDictObject, ma_keys);
    AT("object.dict_values", PyDictObject, ma_values);
    AT("object.set_used", PySetObject, used);
    AT("object.set_mask", PySetObject, mask);
    AT("object.set_table", PySetObject, table);
    VALUE("object.set_entry_size", sizeof(setentry));
    AT("object.set_entry_key", setentry, key);
    AT("object.set_entry_hash", setentry, hash);
    AT("object.cell_content", PyCellObject, ob_ref);
}

static void print_dict(void) {
    AT("dict.entry_count", PyDictKeysObject, dk_nentries);
    AT("dict.indices", PyDictKeysObject, dk_indices);
    VALUE("dict.entry_size", sizeof(PyDictKeyEntry));
    AT("dict.entry_key", PyDictKeyEntry, me_key);
    AT("dict.entry_value", PyDictKeyEntry, me_value);
#if PY_VERSION_HEX < 0x030b0000
    AT("dict.slot_count", PyDictKeysObject, dk_size);
#else
    AT("dict.log2_index_bytes", PyDictKeysObject, dk_log2_index_bytes);
    AT("dict.kind", PyDictKeysObject, dk_kind);
    VALUE("dict.str_entry_size", sizeof(PyDictUnicodeEntry));
    AT("dict.str_entry_key", PyDictUnicodeEntry, me_key);
    AT("dict.str_entry_value", PyDictUnicodeEntry, me_value);
    AT("dict.values", PyDictValues, values);
#endif
#if PY_VERSION_HEX >= 0x030d0000
    AT("dict.values_valid", PyDictValues, valid);
#endif
}

/* How far before an object the place lies that one of CPython's functions finds. */
#define BEFORE(name, function) do { \
        char room[64]; \
        PyObject *object = (PyObject *)(room + sizeof room); \
        VALUE(name, (char *)object - (char *)function(object)); \
    } while (0)

static void print_instance(void) {
    AT("instance.type_basic_size", PyTypeObject, tp_basicsize);
    AT("instance.type_dict_offset", PyTypeObject, tp_dictoffset);
    AT("instance.type_dict", PyTypeObject, tp_dict);
    AT("instance.type_qualname", PyHeapTypeObject, ht_qualname);
    AT("instance.type_cached_keys", PyHeapTypeObject, ht_cached_keys);
#if PY_VERSION_HEX >= 0x030b0000
    VALUE("instance.managed_dict_flag", Py_TPFLAGS_MANAGED_DICT);
#endif
#if PY_VERSION_HEX >= 0x030d0000
    VALUE("instance.inline_values_flag", Py_TPFLAGS_INLINE_VALUES);
#endif
#if PY_VERSION_HEX >= 0x030c0000 && PY_VERSION_HEX < 0x030d0000
    BEFORE("instance.managed_dict", _PyObject_DictOrValuesPointer);
#elif PY_VERSION_HEX >= 0x030b0000
    BEFORE("instance.managed_dict", _PyObject_ManagedDictPointer);
#endif
#if PY_VERSION_HEX >= 0x030b0000 && PY_VERSION_HEX < 0x030c0000
    BEFORE("instance.values_pointer", _PyObject_ValuesPointer);
#endif
}

static void print_locals(void) {
#if PY_VERSION_HEX < 0x030b0000
    AT("locals.cell_names", PyCodeObject, co_cellvars);
    AT("locals.free_names", PyCodeObject, co_freevars);
#else
    AT("locals.kinds", PyCodeObject, co_localspluskinds);
    VALUE("locals.cell_kinds", CO_FAST_CELL | CO_FAST_FREE);
#endif
#if PY_VERSION_HEX >= 0x030e0000
    VALUE("locals.slot_tags", Py_TAG_BITS);
    VALUE("locals.slot_reference_tag", Py_TAG_REFCNT);
#endif
}

int main(void) {
    printf("version %s\n", PY_VERSION);
    VALUE("hex", PY_VERSION_HEX);
    print_runtime();
    print_interpreter();
    print_gil();
    print_thread();
    print_frame();
    print_code();
    print_object();
    print_dict();
    print_instance();
    print_locals();
#if PY_VERSION_HEX >= 0x030d0000
    VALUE("debug_offsets.size", sizeof(_Py_DebugOffsets));
#endif
    return 0;
}

/* Prints where things lie inside the interpreter whose headers this is compiled with.
 *
 * One line a field, `group.field value`; `cargo xtask layouts` compiles it once a version and
 * turns the lines into crates/cpython/src/tables.rs. A field a version does not have prints
 * nothing. Only constants are printed, so nothing of libpython is linked.
 */
#define Py_BUILD_CORE 1
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
#include "internal/pycore_frame.h"
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
    AT("object.dict_used", PyDictObject, ma_used);
    AT("object.dict_keys", PyDictObject, ma_keys);
    AT("object.dict_values", PyDictObject, ma_values);
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
#if PY_VERSION_HEX >= 0x030d0000
    VALUE("debug_offsets.size", sizeof(_Py_DebugOffsets));
#endif
    return 0;
}

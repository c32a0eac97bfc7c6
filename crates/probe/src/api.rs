//! The functions and objects of the interpreter that are used, looked up by name.

use crate::object::Object;
use crate::system::ClockGetTime;
use core::ffi::{CStr, c_char, c_int, c_long, c_void};
use core::mem::transmute_copy;
use core::ptr;

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// A C function called on profile events: object, frame, event, argument.
pub(crate) type Hook = unsafe extern "C" fn(*mut Object, *mut Object, c_int, *mut Object) -> c_int;
/// Runs a frame: see [`crate::evidence`].
pub(crate) type Run = unsafe extern "C" fn(usize, usize, usize) -> *mut Object;
/// Called when a code object dies, with what was attached to it.
pub(crate) type FreeExtra = unsafe extern "C" fn(*mut c_void);

macro_rules! api {
    (
        needed { $($name:ident: $type:ty = $symbol:literal;)* }
        optional { $($option:ident: $option_type:ty = $($option_symbol:literal)|+;)* }
    ) => {
        /// What was found.
        #[derive(Clone, Copy)]
        pub(crate) struct Api {
            $(pub(crate) $name: $type,)*
            $(pub(crate) $option: Option<$option_type>,)*
        }

        impl Api {
            /// Looks everything up; the name of the first thing that is needed and missing.
            ///
            /// # Safety
            /// The process must be a CPython interpreter, so that the names mean what they say.
            pub(crate) unsafe fn find() -> Result<Self, &'static CStr> {
                $(
                    let found = symbol($symbol);
                    if found.is_null() {
                        return Err($symbol);
                    }
                    // SAFETY: the C declarations of these names have these types, and all are
                    // pointers.
                    let $name = unsafe { transmute_copy::<*mut c_void, $type>(&found) };
                )*
                $(
                    let mut found: *mut c_void = ptr::null_mut();
                    $(
                        if found.is_null() {
                            found = symbol($option_symbol);
                        }
                    )+
                    let $option = if found.is_null() {
                        None
                    } else {
                        // SAFETY: likewise.
                        Some(unsafe { transmute_copy::<*mut c_void, $option_type>(&found) })
                    };
                )*
                Ok(Self { $($name,)* $($option,)* })
            }
        }
    };
}

fn symbol(name: &CStr) -> *mut c_void {
    // SAFETY: the name ends with a NUL; a null handle means all that is loaded.
    unsafe { dlsym(ptr::null_mut(), name.as_ptr()) }
}

/// Raises a RuntimeError that says which name was not found.
///
/// # Safety
/// As for [`Api::find`].
pub(crate) unsafe fn raise_missing(name: &CStr) {
    let kind = symbol(c"PyExc_RuntimeError").cast::<*mut Object>();
    let set = symbol(c"PyErr_SetString");
    if kind.is_null() || set.is_null() {
        return;
    }
    // SAFETY: the C declaration of this name has this type; the name lives on.
    unsafe {
        type Set = unsafe extern "C" fn(*mut Object, *const c_char);
        transmute_copy::<*mut c_void, Set>(&set)(*kind, name.as_ptr());
    }
}

api! {
    needed {
        module_create: unsafe extern "C" fn(*mut c_void, c_int) -> *mut Object = c"PyModule_Create2";
        none: *mut Object = c"_Py_NoneStruct";
        function_type: *mut Object = c"PyFunction_Type";
        method_type: *mut Object = c"PyMethod_Type";
        builtin_type: *mut Object = c"PyCFunction_Type";
        method_descriptor_type: *mut Object = c"PyMethodDescr_Type";
        class_method_descriptor_type: *mut Object = c"PyClassMethodDescr_Type";
        wrapper_descriptor_type: *mut Object = c"PyWrapperDescr_Type";
        type_type: *mut Object = c"PyType_Type";
        unicode_type: *mut Object = c"PyUnicode_Type";
        tuple_type: *mut Object = c"PyTuple_Type";
        runtime_error: *mut *mut Object = c"PyExc_RuntimeError";
        type_error: *mut *mut Object = c"PyExc_TypeError";
        is_callable: unsafe extern "C" fn(*mut Object) -> c_int = c"PyCallable_Check";
        tuple_pack: unsafe extern "C" fn(isize, ...) -> *mut Object = c"PyTuple_Pack";
        error_set: unsafe extern "C" fn(*mut Object, *const c_char) = c"PyErr_SetString";
        error_occurred: unsafe extern "C" fn() -> *mut Object = c"PyErr_Occurred";
        error_clear: unsafe extern "C" fn() = c"PyErr_Clear";
        increase: unsafe extern "C" fn(*mut Object) = c"Py_IncRef";
        decrease: unsafe extern "C" fn(*mut Object) = c"Py_DecRef";
        long_new: unsafe extern "C" fn(i64) -> *mut Object = c"PyLong_FromLongLong";
        long_value: unsafe extern "C" fn(*mut Object) -> c_long = c"PyLong_AsLong";
        bytes_data: unsafe extern "C" fn(*mut Object) -> *const c_char = c"PyBytes_AsString";
        bytes_size: unsafe extern "C" fn(*mut Object) -> isize = c"PyBytes_Size";
        tuple_item: unsafe extern "C" fn(*mut Object, isize) -> *mut Object = c"PyTuple_GetItem";
        tuple_size: unsafe extern "C" fn(*mut Object) -> isize = c"PyTuple_Size";
        string_new: unsafe extern "C" fn(*const c_char) -> *mut Object = c"PyUnicode_FromString";
        call: unsafe extern "C" fn(*mut Object, *mut Object, *mut Object) -> *mut Object
            = c"PyObject_Call";
        call_objects: unsafe extern "C" fn(*mut Object, ...) -> *mut Object
            = c"PyObject_CallFunctionObjArgs";
        module_get: unsafe extern "C" fn(*const c_char) -> *mut Object = c"PyImport_AddModule";
        module_dict: unsafe extern "C" fn(*mut Object) -> *mut Object = c"PyModule_GetDict";
        globals: unsafe extern "C" fn() -> *mut Object = c"PyEval_GetGlobals";
        set_profile: unsafe extern "C" fn(Option<Hook>, *mut Object) = c"PyEval_SetProfile";
        frame_line: unsafe extern "C" fn(*mut Object) -> c_int = c"PyFrame_GetLineNumber";
        set_trace: unsafe extern "C" fn(Option<Hook>, *mut Object) = c"PyEval_SetTrace";
        long_type: *mut Object = c"PyLong_Type";
        float_type: *mut Object = c"PyFloat_Type";
        bool_type: *mut Object = c"PyBool_Type";
        bytes_type: *mut Object = c"PyBytes_Type";
        list_type: *mut Object = c"PyList_Type";
        dict_type: *mut Object = c"PyDict_Type";
        set_type: *mut Object = c"PySet_Type";
        frozen_set_type: *mut Object = c"PyFrozenSet_Type";
        cell_type: *mut Object = c"PyCell_Type";
        code_type: *mut Object = c"PyCode_Type";
        base_type: *mut Object = c"PyBaseObject_Type";
        hash: unsafe extern "C" fn(*mut Object) -> isize = c"PyObject_Hash";
        no_hash: *mut Object = c"PyObject_HashNotImplemented";
        repr: unsafe extern "C" fn(*mut Object) -> *mut Object = c"PyObject_Repr";
        list_size: unsafe extern "C" fn(*mut Object) -> isize = c"PyList_Size";
        list_item: unsafe extern "C" fn(*mut Object, isize) -> *mut Object = c"PyList_GetItem";
        dict_size: unsafe extern "C" fn(*mut Object) -> isize = c"PyDict_Size";
        dict_next: unsafe extern "C" fn(
            *mut Object,
            *mut isize,
            *mut *mut Object,
            *mut *mut Object,
        ) -> c_int = c"PyDict_Next";
    }
    optional {
        // A built-in method that knows its class, from 3.9 on.
        builtin_class_type: *mut Object = c"PyCMethod_Type";
        thread_state: unsafe extern "C" fn() -> *mut u8
            = c"PyThreadState_GetUnchecked" | c"_PyThreadState_UncheckedGet";
        extra_index: unsafe extern "C" fn(Option<FreeExtra>) -> isize
            = c"PyUnstable_Eval_RequestCodeExtraIndex" | c"_PyEval_RequestCodeExtraIndex";
        extra_set: unsafe extern "C" fn(*mut Object, isize, *mut c_void) -> c_int
            = c"PyUnstable_Code_SetExtra" | c"_PyCode_SetExtra";
        at_fork: unsafe extern "C" fn(
            Option<unsafe extern "C" fn()>,
            Option<unsafe extern "C" fn()>,
            Option<unsafe extern "C" fn()>,
            *mut c_void,
        ) -> c_int = c"__register_atfork" | c"pthread_atfork";
        clock: ClockGetTime = c"clock_gettime";
        modules: unsafe extern "C" fn() -> *mut Object = c"PyImport_GetModuleDict";
        dict_item: unsafe extern "C" fn(*mut Object, *const c_char) -> *mut Object
            = c"PyDict_GetItemString";
        attribute: unsafe extern "C" fn(*mut Object, *const c_char) -> *mut Object
            = c"PyObject_GetAttrString";
        attribute_set: unsafe extern "C" fn(*mut Object, *const c_char, *mut Object) -> c_int
            = c"PyObject_SetAttrString";
        // What a trace function written in Python needs, up to 3.11: local variables from the frame
        // to its dict and back, its place in the traceback, an exception kept aside.
        locals_show: unsafe extern "C" fn(*mut Object) -> c_int = c"PyFrame_FastToLocalsWithError";
        locals_take: unsafe extern "C" fn(*mut Object, c_int) = c"PyFrame_LocalsToFast";
        traceback_here: unsafe extern "C" fn(*mut Object) -> c_int = c"PyTraceBack_Here";
        error_fetch: unsafe extern "C" fn(*mut *mut Object, *mut *mut Object, *mut *mut Object)
            = c"PyErr_Fetch";
        error_restore: unsafe extern "C" fn(*mut Object, *mut Object, *mut Object)
            = c"PyErr_Restore";
        code_line: unsafe extern "C" fn(*mut Object, c_int) -> c_int = c"PyCode_Addr2Line";
        set_next: unsafe extern "C" fn(
            *mut Object,
            *mut isize,
            *mut *mut Object,
            *mut isize,
        ) -> c_int = c"_PySet_NextEntry";
        // What runs a frame, up to 3.11 (PEP 523): three arguments, two before 3.9.
        run_frame: Run = c"_PyEval_EvalFrameDefault";
        run_frame_set: unsafe extern "C" fn(*mut c_void, Run)
            = c"_PyInterpreterState_SetEvalFrameFunc";
        run_frame_get: unsafe extern "C" fn(*mut c_void) -> Run
            = c"_PyInterpreterState_GetEvalFrameFunc";
        interpreter: unsafe extern "C" fn() -> *mut c_void
            = c"PyInterpreterState_Get" | c"_PyInterpreterState_Get";
        // What a class itself has, borrowed, and what an instance has without asking its class.
        of_class: unsafe extern "C" fn(*mut Object, *mut Object) -> *mut Object = c"_PyType_Lookup";
        of_instance: unsafe extern "C" fn(*mut Object, *mut Object) -> *mut Object
            = c"PyObject_GenericGetAttr";
        intern: unsafe extern "C" fn(*const c_char) -> *mut Object = c"PyUnicode_InternFromString";
        // From 3.13 on it begins with a description of itself.
        runtime: *const u64 = c"_PyRuntime";
    }
}

"""Counts the calls of Python's allocators that give memory: malloc, calloc and realloc, for objects
and for buffers. CPython 3.8 to 3.15 on Linux, x86_64 only.

CPython lets its allocators be replaced (`PyMem_SetAllocator`). A replacement written in Python would
allocate itself, so ours are eighteen bytes of machine code each: add one to a counter, and go on
where the call was going. What CPython takes from its own free lists is no allocation.
"""

import ctypes
import mmap
import platform
import struct
import sys

# PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ. What is large goes on from there to PYMEM_DOMAIN_RAW, and would
# count twice.
DOMAINS = (1, 2)
PAGE = 4096


class Allocator(ctypes.Structure):
    """PyMemAllocatorEx of CPython's pymem.h (PEP 445)."""

    _fields_ = [
        (name, ctypes.c_void_p) for name in ("context", "malloc", "calloc", "realloc", "free")
    ]


class Counter:
    def __init__(self):
        if platform.machine() != "x86_64" or not sys.platform.startswith("linux"):
            raise NotImplementedError("allocations are counted on Linux on x86_64 only")
        get = ctypes.pythonapi.PyMem_GetAllocator
        self.set = ctypes.pythonapi.PyMem_SetAllocator
        for function in (get, self.set):
            function.argtypes, function.restype = [ctypes.c_int, ctypes.POINTER(Allocator)], None
        self.before, self.counting = {}, {}
        # A page of code, and one of data: the counter, then where each piece of code goes on.
        self.memory = mmap.mmap(-1, 2 * PAGE)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self.count = ctypes.c_uint64.from_address(base + PAGE)
        code, targets = bytearray(), []
        for domain in DOMAINS:
            before, counting = Allocator(), Allocator()
            get(domain, ctypes.byref(before))
            counting.context, counting.free = before.context, before.free
            for name in ("malloc", "calloc", "realloc"):
                setattr(counting, name, base + len(code))
                code += piece(len(code), PAGE + 8 * (1 + len(targets)))
                targets.append(getattr(before, name))
            self.before[domain], self.counting[domain] = before, counting
        self.memory[: len(code)] = bytes(code)
        self.memory[PAGE + 8 : PAGE + 8 + 8 * len(targets)] = struct.pack(
            "<%dQ" % len(targets), *targets
        )
        protect = ctypes.CDLL(None, use_errno=True).mprotect
        protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        # PROT_READ | PROT_EXEC: what can be written is never run.
        if protect(base, PAGE, 1 | 4) != 0:
            raise OSError(ctypes.get_errno(), "this machine does not let code be made")

    def while_running(self, run):
        for domain in DOMAINS:
            self.set(domain, ctypes.byref(self.counting[domain]))
        try:
            self.count.value = 0
            run()
            return self.count.value
        finally:
            for domain in DOMAINS:
                self.set(domain, ctypes.byref(self.before[domain]))


def piece(at, target):
    """Code that lies at `at` and goes on where the eight bytes at `target` say; both from the
    beginning of the page. Distances count from the end of their instruction."""
    code = b"\xf3\x0f\x1e\xfa"  # endbr64
    count = PAGE - (at + len(code) + 8)
    code += b"\xf0\x48\xff\x05" + struct.pack("<i", count)  # lock inc qword [rip + count]
    code += b"\xff\x25" + struct.pack("<i", target - (at + len(code) + 6))  # jmp qword [rip + ..]
    return code

# Prints the opcodes of the interpreter that runs this: `NAME number cache_entries`, one a line.
#
# Specialised and instrumented instructions are included: they are what stands in the memory of
# a running program. Where each version keeps them:
#   3.8 to 3.10  opcode.opmap is all there is (no specialisation before PEP 659)
#   3.11, 3.12   dis._all_opmap adds the specialised ones
#   3.13, later  opcode._specialized_opmap has them
import dis
import opcode

numbers = dict(opcode.opmap)
numbers.update(getattr(dis, "_all_opmap", {}))
numbers.update(getattr(opcode, "_specialized_opmap", {}))
numbers = {name: number for name, number in numbers.items() if number < 256}

base = {name: name for name in numbers}
for family, members in getattr(opcode, "_specializations", {}).items():
    base.update({member: family for member in members})
for name in numbers:
    if name.startswith("INSTRUMENTED_"):
        base[name] = name[len("INSTRUMENTED_"):]

caches = getattr(opcode, "_inline_cache_entries", {})
for name, number in sorted(numbers.items(), key=lambda pair: pair[1]):
    family = base[name]
    if isinstance(caches, dict) or not hasattr(caches, "index"):
        entries = caches.get(family, 0)
    else:  # 3.11, 3.12: a list, indexed by the number of the general form
        entries = caches[numbers[family]] if family in numbers else 0
    print(name, number, entries)

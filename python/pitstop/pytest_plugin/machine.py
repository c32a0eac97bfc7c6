"""What machine this is: the part of a saved run that says whether numbers can be compared."""
import os
import platform
import sys


def get_machine_id():
    """The directory that runs of this kind of interpreter are saved in."""
    version = "{}.{}".format(*sys.version_info[:2])
    bits = platform.architecture()[0]
    return "-".join((platform.system(), platform.python_implementation(), version, bits))


def _cpu():
    """What the kernel says of the first CPU; the names are those of the package py-cpuinfo."""
    known = {"bits": 64 if sys.maxsize > 2 ** 32 else 32, "count": os.cpu_count(), "arch_string_raw": platform.machine()}
    names = {
        "vendor_id": "vendor_id_raw", "model name": "brand_raw", "cpu family": "family", "model": "model",
        "stepping": "stepping", "flags": "flags",
    }
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                key, colon, value = (part.strip() for part in line.partition(":"))
                if not key:
                    break
                if key in names and colon:
                    name = names[key]
                    known[name] = sorted(value.split()) if key == "flags" else int(value) if value.isdigit() else value
    except OSError:
        pass
    return known


def machine_info():
    """The machine and the interpreter."""
    return {
        "node": platform.node(),
        "processor": platform.processor(),
        "machine": platform.machine(),
        "python_compiler": platform.python_compiler(),
        "python_implementation": platform.python_implementation(),
        "python_implementation_version": platform.python_version(),
        "python_version": platform.python_version(),
        "python_build": list(platform.python_build()),
        "release": platform.release(),
        "system": platform.system(),
        "cpu": _cpu(),
    }

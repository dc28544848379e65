"""The class of the machine: what a reader has to know to compare, and no name of a host."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

from cfhtisr import get_cpu_level

_PACKAGES = ("cfhtisr", "numpy", "astropy", "ccdproc", "fitsio")


def describe() -> dict[str, str]:
    """Return facts by their names."""
    return {
        "processor": f"{_processor()}, {_cores()} cores, instructions {get_cpu_level()}",
        "caches": _caches() or "not told",
        "memory": _memory() or "not told",
        "pages": f"{os.sysconf('SC_PAGE_SIZE')} bytes, huge pages {_huge_pages() or 'not told'}",
        "system": f"{platform.system()}, {platform.machine()}",
        "software": ", ".join(
            [f"Python {platform.python_version()}", *(f"{x} {version(x)}" for x in _PACKAGES)]
        ),
    }


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _processor() -> str:
    for line in _read("/proc/cpuinfo").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _caches() -> str:
    found = []
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        if _read(folder / "type") != "Instruction":
            found.append(f"L{_read(folder / 'level')} {_read(folder / 'size')}")
    return ", ".join(found)


def _memory() -> str:
    for line in _read("/proc/meminfo").splitlines():
        if line.startswith("MemTotal"):
            return f"{int(line.split()[1]) / 2**20:.0f} GiB"
    return ""


def _huge_pages() -> str:
    told = _read("/sys/kernel/mm/transparent_hugepage/enabled")
    return told.partition("[")[2].partition("]")[0]

"""Who is measured: each a function of a module, called in a process of its own."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benches.speed.measure import Result

GROUPS = {
    "memory": "one CCD in memory",
    "pieces": "single pieces",
    "files": "whole exposures, from FITS to FITS",
}


@dataclass(frozen=True)
class Contender:
    """One that is measured.

    Parameters
    ----------
    call : str
        Module of this package and function, ``module:function``; it takes the files, a number
        of repeats and ``options``.
    group : str
        A key of `GROUPS`.
    threads : int
        Threads of our kernels.
    options : dict
        More arguments of the function.
    slow : bool
        Takes seconds for a CCD, so that it is not repeated within a process.
    needs : str
        A function or constant, ``module:name``, that is false as long as this cannot be
        measured; empty if it always can.
    """

    call: str
    group: str
    threads: int = 1
    options: dict[str, Any] = field(default_factory=dict)
    slow: bool = False
    needs: str = ""

    def available(self) -> bool:
        """Whether the package can do what is measured."""
        if not self.needs:
            return True
        found = _named(self.needs)
        return bool(found() if callable(found) else found)

    def measure(self, files: Any, repeats: int) -> Result:
        """Measure it, in this process."""
        function: Callable[..., Result] = _named(self.call)
        return function(files, 1 if self.slow else repeats, **self.options)


def _named(name: str) -> Any:
    module, _, attribute = name.partition(":")
    return getattr(importlib.import_module(f"benches.speed.{module}"), attribute)


def _all() -> dict[str, Contender]:
    found: dict[str, Contender] = {}

    def add(name: str, call: str, group: str, *, threads=1, slow=False, needs="", **options):
        found[name] = Contender(call, group, threads, options, slow, needs)

    for threads in (1, 2):
        streams = {"threads": threads}
        found[f"limit-{threads}"] = Contender("probe:time_streams", "memory", threads, streams)
        bare, task = ("ours:time_bare", "memory"), ("ours:time_task", "memory")
        add(f"bare-{threads}", *bare, threads=threads)
        add(f"bare-reused-{threads}", *bare, threads=threads, reuse=True)
        add(f"task-{threads}", *task, threads=threads)
        add(f"task-reused-{threads}", *task, threads=threads, reuse=True)
        add(f"task-steps-{threads}", *task, threads=threads, fused=False)
        add(f"task-default-{threads}", *task, threads=threads, every_step=True)
    add("numpy", "numpy_peer:time_numpy", "memory")
    add("ccdproc", "ccdproc_peer:time_ccdproc", "memory", slow=True, interpolate=False)
    add("ccdproc-interpolated", "ccdproc_peer:time_ccdproc", "memory", slow=True, interpolate=True)
    for name, together in (("two-in-turn", False), ("two-at-once", True)):
        add(name, "ours:time_two_exposures", "memory", together=together)

    for name, peer in (("overscan", "numpy"), ("clipping", "astropy"), ("fringe", "numpy")):
        for who in ("ours", peer):
            slow = name == "fringe" or who == "astropy"
            add(f"{name}-{who}", f"pieces:time_{name}", "pieces", slow=slow, who=who)
    for who in ("ours", "fitsio", "astropy"):
        add(f"decoding-{who}", "pieces:time_decoding", "pieces", slow=who != "ours", who=who)
    for form in ("lossless", "rice"):
        for who in ("ours", "fitsio"):
            can = "pieces:compresses" if who == "ours" else ""
            name, call = f"packing-{form}-{who}", "pieces:time_packing"
            add(name, call, "pieces", slow=True, needs=can, who=who, form=form)
    add("import", "pieces:time_import", "pieces")

    for form in ("plain", "rice"):
        for threads in (1, 2):
            more = {"threads": threads, "form": form}
            name = f"limit-{form}-{threads}"
            found[name] = Contender("probe:time_fits", "files", threads, more)
            name = f"run-{form}-{threads}"
            found[name] = Contender("whole:time_command", "files", threads, more)
        add(f"fitsio-{form}", "whole:time_fitsio", "files", form=form)
        for name, interpolate in (("ccdproc", False), ("ccdproc-interpolated", True)):
            call = "whole:time_ccdproc"
            add(f"{name}-{form}", call, "files", form=form, interpolate=interpolate)
    few = {"call": "whole:time_command", "group": "files"}
    add("run-one-ccd", **few, ccds=1)
    add("run-four-ccds", **few, ccds=4)
    add("run-four-ccds-synced", **few, ccds=4, sync=True)
    add("run-four-ccds-unverified", **few, ccds=4, checksum="ignore")
    add("run-nothing", "whole:time_bare_command", "files")
    return found


CONTENDERS = _all()

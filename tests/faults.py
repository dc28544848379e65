"""Make the N-th call by which an output reaches the disk go wrong."""

import errno
import os
import signal
from contextlib import contextmanager

from cfhtisr.io import _os

ERRORS = {"ENOSPC": errno.ENOSPC, "EIO": errno.EIO}
KINDS = (*ERRORS, "short", "interrupt", "kill", "torn")
REAL = {name: getattr(_os, name) for name in _os.CALLS}


class Faults:
    """Counts the calls; does one kind of harm at one of them.

    ``ENOSPC`` and ``EIO`` are answered instead of doing the call; ``short`` writes a part of
    what was asked for; ``interrupt`` is Ctrl-C after the call; ``kill`` ends the process
    before it; ``torn`` ends it in the middle of a write, or after any other call.
    """

    def __init__(self, kind, at):
        self.kind = kind
        self.at = at
        self.calls = []

    def call(self, name, *args):
        self.calls.append(name)
        if len(self.calls) - 1 != self.at:
            return REAL[name](*args)
        if self.kind in ERRORS:
            if name == "close":  # the number is gone all the same
                REAL[name](*args)
            raise OSError(ERRORS[self.kind], os.strerror(ERRORS[self.kind]))
        if self.kind == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        half = name in ("write", "pwrite") and self.kind in ("short", "torn")
        if half:
            fd, data, *rest = args
            args = (fd, data[: max(len(data) // 3, 1)], *rest)
        answer = REAL[name](*args)
        if self.kind == "torn":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.kind == "interrupt":
            raise KeyboardInterrupt
        return answer


@contextmanager
def injected(kind=None, at=-1):
    """Do one kind of harm at one call within the block."""
    faults = Faults(kind, at)
    try:
        for name in _os.CALLS:
            setattr(_os, name, lambda *args, _name=name: faults.call(_name, *args))
        yield faults
    finally:
        for name, real in REAL.items():
            setattr(_os, name, real)


def calls_of(action):
    """Return the names of the calls that an action makes."""
    with injected() as faults:
        action()
    return faults.calls

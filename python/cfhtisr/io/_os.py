"""Every call by which an output reaches the disk, but for those of the kernel that writes rows.

The writers go through this module and nothing else, so that a test can make the N-th call
fail, fall short or never return.
"""

__all__ = [
    "CALLS",
    "close",
    "fsync",
    "ftruncate",
    "link",
    "open",
    "pread",
    "pwrite",
    "replace",
    "unlink",
    "write",
]

from os import close, fsync, ftruncate, link, open, pread, pwrite, replace, unlink, write

CALLS = tuple(__all__[1:])
"""The names of the calls."""

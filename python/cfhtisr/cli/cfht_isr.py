"""``cfhtisr-cfhtIsr``: the task of MegaCam by itself, whose fields need no ``isr.`` before them."""

__all__ = ["main"]

import sys
from collections.abc import Sequence

from cfhtisr.cli.run_isr import run_task


def main(args: Sequence[str] | None = None) -> int:
    """Run `CfhtIsrTask`; return the exit status: the number of CCDs that failed, at most 255."""
    from cfhtisr.tasks.cfht import CfhtIsrTask

    return run_task(CfhtIsrTask, args)


if __name__ == "__main__":
    sys.exit(main())

"""Lists of CCDs as they are typed: ``0,3..5,ccd07``."""

__all__ = ["ccd_list"]

import argparse

_MOST = 40


def ccd_list(text: str) -> tuple[int, ...]:
    """Return the numbers of the CCDs in a list.

    Raises
    ------
    argparse.ArgumentTypeError
        If the text is no such list.

    Examples
    --------
    >>> ccd_list("0,3..5,ccd07")
    (0, 3, 4, 5, 7)
    """
    found: set[int] = set()
    for part in text.split(","):
        ends = [end.strip().lower().removeprefix("ccd") for end in part.split("..")]
        if len(ends) > 2 or not all(end.isdecimal() and end.isascii() for end in ends):
            raise argparse.ArgumentTypeError(
                f"{part!r} is no CCD, wanted numbers and ranges such as 0,3..5"
            )
        first, last = int(ends[0]), int(ends[-1])
        if first > last or last >= _MOST:
            raise argparse.ArgumentTypeError(
                f"{part!r} is no range of CCDs, wanted numbers from 0 to {_MOST - 1}, upwards"
            )
        found.update(range(first, last + 1))
    return tuple(sorted(found))

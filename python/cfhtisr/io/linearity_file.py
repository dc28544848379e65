"""The linearity of CCDs out of a text file: type and numbers of each amplifier."""

__all__ = ["Linearity", "read_linearity"]

import hashlib
import itertools
import math
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr.camera.detector import Detector
from cfhtisr.errors import FileFormatError

_KEYS = {
    "Squared": ("coefficients",),
    "Polynomial": ("coefficients",),
    "Spline": ("knots", "corrections"),
    "LookupTable": ("table", "offset"),
}
_FEWEST_KNOTS = 5  # of Akima's curve


@dataclass(frozen=True)
class Linearity:
    """How the linearity of one CCD is corrected.

    Parameters
    ----------
    type : {"Squared", "Polynomial", "Spline", "LookupTable"}
        That of all its amplifiers.
    detector : Detector
        A copy whose amplifiers have type and coefficients.
    table : ndarray of float64, shape (amplifiers, entries), or None
        The rows of a LookupTable [ADU].
    identity : str
        File, CCD, type and a digest of the numbers.
    """

    type: str
    detector: Detector
    table: NDArray[np.float64] | None
    identity: str


def read_linearity(path: str | os.PathLike[str], detector: Detector) -> Linearity | None:
    """Read the linearity of a CCD.

    Parameters
    ----------
    path : path-like
        A TOML file with a table such as ``[ccd07.A]`` for each amplifier, which has ``type``
        and, by type,

        - Squared: ``coefficients = [c]``, for ``x + c x**2`` [1/ADU];
        - Polynomial: ``coefficients = [c0, c1, ...]``, for ``x + c0 x**2 + c1 x**3 + ...``;
        - Spline: ``knots``, five or more growing values [ADU], and as many ``corrections``,
          by which such pixels are too large [ADU];
        - LookupTable: ``table``, what to add to each value [ADU], and ``offset``, the entry of
          a pixel of 0; the tables of a CCD are equally long.
    detector : Detector
        The CCD.

    Returns
    -------
    linearity : Linearity or None
        None if the CCD is not in the file.

    Raises
    ------
    FileFormatError
        If the file is not such, or what it has for the CCD makes no sense. The text names file,
        CCD, amplifier and key.
    """
    try:
        with open(path, "rb") as file:
            whole = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FileFormatError(f"{os.fspath(path)}: is no TOML file: {error}") from error
    where = f"{os.fspath(path)}, {detector.name}"
    given = whole.get(detector.name)
    if given is None:
        return None
    names = [amp.name for amp in detector]
    if not isinstance(given, dict) or set(given) != set(names):
        there = ", ".join(given) if isinstance(given, dict) else repr(given)
        raise FileFormatError(f"{where}: has {there}, wanted amplifiers {', '.join(names)}")
    found, tables = detector.copy(), []
    for row, amp in enumerate(found):
        place = f"{where}, amplifier {amp.name}"
        amp.linearity_type, numbers = _amplifier(place, given[amp.name])
        if amp.linearity_type != found[0].linearity_type:
            raise FileFormatError(
                f"{place}: type is {amp.linearity_type}, wanted {found[0].linearity_type} as of "
                f"amplifier {found[0].name}"
            )
        if amp.linearity_type == "LookupTable":
            tables.append(numbers["table"])
            amp.linearity_coeffs = (float(row), *numbers["offset"])
            if len(tables[row]) != len(tables[0]) or len(tables[row]) < len(names):
                raise FileFormatError(
                    f"{place}: table has {len(tables[row])} entries, wanted {len(tables[0])} as "
                    f"that of amplifier {found[0].name}, and {len(names)} or more"
                )
        else:
            amp.linearity_coeffs = tuple(itertools.chain.from_iterable(numbers.values()))
    kind = found[0].linearity_type
    terms = [amp.linearity_coeffs for amp in found]
    rows = [list(row) for row in tables] or None
    digest = hashlib.sha256(repr((kind, terms, rows)).encode()).hexdigest()[:16]
    identity = f"{Path(path).name}[{detector.name}] {kind} SHA256 {digest}"
    return Linearity(kind, found, np.array(tables) if tables else None, identity)


def _amplifier(place: str, given: Any) -> tuple[str, dict[str, tuple[float, ...]]]:
    """Return type and numbers of an amplifier, once they make sense."""
    if not isinstance(given, dict):
        raise FileFormatError(f"{place}: is {given!r}, wanted a table with its type")
    kind = given.get("type")
    if not isinstance(kind, str) or kind not in _KEYS:
        raise FileFormatError(f"{place}: type is {kind!r}, wanted one of {', '.join(_KEYS)}")
    wanted = _KEYS[kind]
    if set(given) != {"type", *wanted}:
        there = ", ".join(key for key in given if key != "type") or "nothing"
        raise FileFormatError(f"{place}: has {there}, wanted {', '.join(wanted)} for {kind}")
    numbers: dict[str, tuple[float, ...]] = {}
    for key in wanted:
        if key == "offset":
            numbers[key] = _numbers(f"{place}: {key}", [given[key]], "a finite number")
        else:
            numbers[key] = _numbers(f"{place}: {key}", given[key], "finite numbers")
    if kind == "Squared" and len(numbers["coefficients"]) != 1:
        raise FileFormatError(f"{place}: {len(numbers['coefficients'])} coefficients, wanted 1")
    if kind == "Spline":
        knots, corrections = numbers["knots"], numbers["corrections"]
        grows = all(a < b for a, b in itertools.pairwise(knots))
        if not grows or len(knots) < _FEWEST_KNOTS or len(knots) != len(corrections):
            raise FileFormatError(
                f"{place}: {len(knots)} knots{'' if grows else ', which do not grow,'} and "
                f"{len(corrections)} corrections, wanted {_FEWEST_KNOTS} or more growing knots "
                "and as many corrections"
            )
    return kind, numbers


def _numbers(place: str, given: Any, wanted: str) -> tuple[float, ...]:
    if isinstance(given, list) and given:
        if all(type(each) in (int, float) for each in given):
            try:
                values = tuple(float(each) for each in given)
            except OverflowError:  # a whole number of hundreds of digits
                values = (math.inf,)
            if all(map(math.isfinite, values)):
                return values
    text = repr(given)
    raise FileFormatError(
        f"{place} is {text if len(text) < 60 else text[:57] + '...'}, wanted {wanted}"
    )

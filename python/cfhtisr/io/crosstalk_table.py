"""Measured crosstalk in a text file: a row for each CCD and pair of amplifiers."""

__all__ = ["Crosstalk", "CrosstalkRows", "read_crosstalk", "write_crosstalk"]

import hashlib
import io
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cfhtisr.camera.detector import Detector
from cfhtisr.errors import FileFormatError
from cfhtisr.io.atomic import AtomicFile

if TYPE_CHECKING:
    from astropy.table import Table

_COLUMNS = {
    "ccd": (str, "name of the CCD"),
    "target": (str, "amplifier on which the signal appears"),
    "source": (str, "amplifier whose signal it is"),
    "coefficient": (np.float64, "fraction of the source's signal"),
    "error": (np.float64, "standard deviation of the ratios"),
    "number": (np.int64, "ratios that were measured"),
}
_NEEDED = ("ccd", "target", "source", "coefficient")


@dataclass(frozen=True, eq=False)
class Crosstalk:
    """The crosstalk of one CCD.

    Parameters
    ----------
    matrix : ndarray of float32, shape (n, n)
        Fractions, ``[target, source]``, 0 on the diagonal.
    identity : str
        File, CCD and a digest of the numbers.
    """

    matrix: NDArray[np.float32]
    identity: str


@dataclass(frozen=True)
class CrosstalkRows:
    """What was measured of one CCD, all ``[target, source]``.

    Parameters
    ----------
    amplifiers : sequence of str
        Their names, in order.
    coefficient, error : ndarray of float64, shape (n, n)
        Fractions and their scatter; NaN where nothing was measured.
    number : ndarray of int64, shape (n, n)
        How many ratios there were.
    """

    amplifiers: tuple[str, ...]
    coefficient: NDArray[np.float64]
    error: NDArray[np.float64]
    number: NDArray[np.int64]


def write_crosstalk(
    path: str | os.PathLike[str],
    measured: Mapping[str, CrosstalkRows],
    facts: Mapping[str, str | int | float] | None = None,
) -> None:
    """Write measured crosstalk as an ECSV table; a file of that name is replaced.

    Parameters
    ----------
    path : path-like
        The file; it appears when it is complete.
    measured : mapping of str to CrosstalkRows
        By name of CCD.
    facts : mapping, optional
        What is to be known of the measurement; it stands in the head of the file.
    """
    rows = []
    for ccd, found in measured.items():
        for i, target in enumerate(found.amplifiers):
            for j, source in enumerate(found.amplifiers):
                if i != j:
                    values = (found.coefficient[i, j], found.error[i, j], found.number[i, j])
                    rows.append((ccd, target, source, *values))
    from astropy.table import Table

    table = Table(
        rows=rows or None, names=list(_COLUMNS), dtype=[kind for kind, _ in _COLUMNS.values()]
    )
    for name, (_, text) in _COLUMNS.items():
        table[name].description = text
    table.meta.update(facts or {})
    written = io.StringIO()
    table.write(written, format="ascii.ecsv")
    with AtomicFile(path, overwrite=True) as file:
        file.write(written.getvalue().encode())


def read_crosstalk(path: str | os.PathLike[str], detector: Detector) -> Crosstalk | None:
    """Read the crosstalk matrix of a CCD.

    Parameters
    ----------
    path : path-like
        An ECSV table with the columns ccd, target, source and coefficient; others are passed
        over.
    detector : Detector
        The CCD.

    Returns
    -------
    crosstalk : Crosstalk or None
        None if the CCD is not in the file.

    Raises
    ------
    FileFormatError
        If the file is no such table, a pair of amplifiers of the CCD is missing, is there twice
        or is not one of its own, or a coefficient is not a finite number. The text names file,
        CCD and amplifiers.
    """
    where = f"{os.fspath(path)}, {detector.name}"
    table = _table(path)
    names = [amp.name for amp in detector]
    matrix = np.full((len(names), len(names)), np.nan, np.float32)
    np.fill_diagonal(matrix, 0)
    seen: set[tuple[str, str]] = set()
    for row in table[[str(ccd) == detector.name for ccd in table["ccd"]]]:
        target, source = str(row["target"]), str(row["source"])
        pair = f"{where}: crosstalk of {target} from {source}"
        if target not in names or source not in names or target == source:
            raise FileFormatError(f"{pair}: wanted two of the amplifiers {', '.join(names)}")
        if (target, source) in seen:
            raise FileFormatError(f"{pair} is there twice, wanted once")
        seen.add((target, source))
        given = row["coefficient"]
        try:
            value = float(given)
        except (TypeError, ValueError):
            value = math.nan
        if not (math.isfinite(value) and abs(value) < 1):
            raise FileFormatError(
                f"{pair} is {given}, wanted a number between -1 and 1 (where nothing could be "
                "measured: set it to 0, or leave the CCD out)"
            )
        matrix[names.index(target), names.index(source)] = value
    if not seen:
        return None
    missing = [
        f"{target} from {source}"
        for target in names
        for source in names
        if target != source and (target, source) not in seen
    ]
    if missing:
        raise FileFormatError(f"{where}: no row for crosstalk of {', '.join(missing)}")
    digest = hashlib.sha256(matrix.astype("<f4").tobytes()).hexdigest()[:16]
    return Crosstalk(matrix, f"{Path(path).name}[{detector.name}] SHA256 {digest}")


def _table(path: str | os.PathLike[str]) -> "Table":
    with open(path, "rb") as file:
        given = file.read()
    try:
        from astropy.table import Table

        table = Table.read(given.decode().splitlines(), format="ascii.ecsv")
    except Exception as error:  # of astropy's readers and of YAML, whose types are many
        what = " ".join(str(error).split())
        raise FileFormatError(
            f"{os.fspath(path)}: is no ECSV table: {type(error).__name__}: {what}"
        ) from error
    missing = [name for name in _NEEDED if name not in table.colnames]
    if missing:
        raise FileFormatError(
            f"{os.fspath(path)}: no column {', '.join(missing)}, wanted {', '.join(_NEEDED)}"
        )
    return table

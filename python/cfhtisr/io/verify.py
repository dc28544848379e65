"""Whether a FITS file is whole and holds what it was written with."""

__all__ = ["verify"]

import os
from collections.abc import Sequence

from cfhtisr.errors import FileFormatError
from cfhtisr.io.fits_file import FitsFile
from cfhtisr.io.hdu import Hdu

_PLANES = ("IMAGE", "MASK", "VARIANCE")


def verify(path: str | os.PathLike[str]) -> list[str]:
    """Return what is wrong with a FITS file, nothing if it is whole.

    Every header is read and every byte added up: the file must end where its last HDU does,
    and the sums must be those in the CHECKSUM and DATASUM cards of each HDU that has them.
    In a file that `cfhtisr.io.write_exposure` or `cfhtisr.io.mosaic.MosaicWriter` wrote,
    each HDU must have them, the last HDU must be there, and the planes of a CCD must be
    three, of one shape.

    Parameters
    ----------
    path : path-like
        A FITS file, plain, tile-compressed or gzipped.

    Returns
    -------
    problems : list of str
        One line for each, with the HDU.

    Raises
    ------
    OSError
        If the file cannot be opened or read.
    """
    problems: list[str] = []
    start = f"{os.fspath(path)}: "
    try:
        with FitsFile(path) as file:
            for index in range(len(file.hdus)):
                try:
                    file.data_sum(index)
                except FileFormatError as error:
                    text = str(error).removeprefix(start)
                    problems.append(text.removesuffix(' (checksum="warn" reads it nevertheless)'))
            damage = file.damage
            if damage is not None and damage.removeprefix(start) not in problems:
                problems.append(damage.removeprefix(start))
            problems += _structure_problems(list(file.hdus))
    except FileFormatError as error:
        problems.append(str(error).removeprefix(start))
    return problems


def _structure_problems(hdus: Sequence[Hdu]) -> list[str]:
    if not any(hdu.data_size for hdu in hdus):
        return ["no HDU holds any data"]
    if not any("CFHTISR" in hdu.cards for hdu in hdus):
        return []
    problems = []
    shapes: dict[str, dict[str, tuple[int, int] | None]] = {}
    for hdu in hdus:
        for card in ("CHECKSUM", "DATASUM"):
            if card not in hdu.cards:
                problems.append(f"HDU {hdu.index} ({hdu.name}): no card {card}")
        kind = hdu.cards.get("EXTTYPE")
        if kind in _PLANES:
            shapes.setdefault("" if hdu.name == kind else hdu.name, {})[str(kind)] = hdu.shape
    if hdus[-1].name != "PROVENANCE":
        problems.append("the last HDU, PROVENANCE, is missing")
    for name, planes in shapes.items():
        where = f"{name}: " if name else ""
        missing = [kind for kind in _PLANES if kind not in planes]
        if missing:
            problems.append(f"{where}no {' and no '.join(missing)} HDU")
        if len(set(planes.values())) > 1:
            problems.append(f"{where}planes of different shapes, {planes}")
    return problems

"""Files of December 2002 to February 2003: one amplifier per HDU, in the order of readout.

There the pixel that is read first, at the outer edge of the CCD, comes first and the overscan
last. In the common layout, amplifier B is the mirror image and both have their overscan outside.
"""

__all__ = ["amplifier_of", "splice_headers", "splice_pixels"]

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr.camera.mosaic import facts, megacam_like, table
from cfhtisr.camera.record import HasGet, number_of, value_of
from cfhtisr.camera.sections import section_cards
from cfhtisr.images.geom import Box2I
from cfhtisr.io.hdu import Hdu

if TYPE_CHECKING:
    from cfhtisr.io._cards import AnyHeader

_AMPLIFIER = re.compile(r"(\d\d)([ab])")


@cache
def _old_names() -> dict[str, tuple[int, str]]:
    return {
        amplifier.old_name: (ccd, letter)
        for ccd in range(40)
        for letter, amplifier in facts(ccd).amplifiers.items()
    }


def amplifier_of(header: HasGet, name: str) -> tuple[int, str] | None:
    """Return the CCD and the letter of an HDU of one amplifier; None for any other HDU."""
    match = _AMPLIFIER.fullmatch(str(value_of(header, "AMPNAME") or "").strip().lower())
    if match and int(match[1]) < 40:
        return int(match[1]), match[2].upper()
    return _old_names().get(name.strip().lower())


def _data_area(header: HasGet, shape: tuple[int, int]) -> tuple[int, int]:
    """Return the rows and columns of pixels that see light, at the start of the frame."""
    rows, columns = shape
    try:
        data = Box2I.from_section(str(value_of(header, "DATASEC")))
        bias = Box2I.from_section(str(value_of(header, "BIASSEC")))
    except ValueError:
        data = bias = Box2I(0, 0, 0, 0)
    plausible = (
        (data.x0, data.y0) == (0, 0)
        and 0 < data.width <= columns
        and 0 < data.height <= rows
        and (bias.is_empty or (bias.x0, bias.x1) == (data.width, columns - 1))
    )
    if plausible:
        return data.height, data.width
    if shape == tuple(reversed(table()["single_amplifier"]["raw"])):
        real = Box2I.from_section(table()["single_amplifier"]["data"])
        return real.height, real.width
    raise ValueError(
        f"DATASEC {value_of(header, 'DATASEC')!r} and BIASSEC {value_of(header, 'BIASSEC')!r} "
        f"do not describe an amplifier of {columns} x {rows} pixels"
    )


def splice_pixels(first: NDArray[Any], second: NDArray[Any], header: HasGet) -> NDArray[Any]:
    """Return the frame of a CCD from those of its amplifiers A and B.

    Parameters
    ----------
    first, second : ndarray, shape (rows, columns)
        Amplifiers A and B in the order of readout.
    header : Header or Cards
        With DATASEC and BIASSEC.

    Returns
    -------
    frame : ndarray, shape (rows, 2 * columns)
        Overscan of A, data of A, data of B mirrored, overscan of B mirrored.

    Raises
    ------
    ValueError
        If the header does not describe the frames.
    """
    rows, columns = first.shape
    _, data = _data_area(header, (rows, columns))
    over = columns - data
    frame = np.empty((rows, 2 * columns), first.dtype)
    frame[:, :over] = first[:, data:]
    frame[:, over:columns] = first[:, :data]
    mirrored = frame[:, : columns - 1 : -1]
    mirrored[:, :over] = second[:, data:]
    mirrored[:, over:] = second[:, :data]
    return frame


def splice_headers(
    first: "AnyHeader", second: "AnyHeader", ccd: int, hdus: Sequence[Hdu]
) -> "AnyHeader":
    """Return the header that the spliced frame of a CCD has.

    Parameters
    ----------
    first, second : astropy.io.fits.Header
        Of amplifiers A and B; cards that are not of one amplifier are taken from A.
    ccd : int
        Number of the CCD.
    hdus : sequence of Hdu
        Of A and B, for names and shapes.

    Raises
    ------
    ValueError
        If the headers do not describe the frames.
    """
    rows, columns = hdus[0].shape or (0, 0)
    if hdus[1].shape != (rows, columns) or hdus[1].dtype != hdus[0].dtype:
        raise ValueError(
            f"amplifier A has {hdus[0].shape} {hdus[0].dtype} pixels and B {hdus[1].shape} "
            f"{hdus[1].dtype} (rows, columns)"
        )
    data_rows, data_columns = _data_area(first, (rows, columns))
    over = columns - data_columns
    detector = megacam_like(data_rows, 2 * data_columns, 40, (over, rows - data_rows))[ccd]
    known = facts(ccd)
    header = first.copy()
    for card in ("EXTNAME", "DETSEC", "BIASSEC"):
        header.remove(card, ignore_missing=True, remove_all=True)
    cards: dict[str, Any] = {
        "EXTNAME": (known.name, "CCD number in the mosaic"),
        "EXTVER": (ccd, "Matches the CCD number in the mosaic"),
        "AMPNAME": (f"{ccd:02d}a + {ccd:02d}b", "List of amplifiers of this image"),
        "AMPLIST": ("A B", "List of amplifiers for this CCD"),
    }
    sections = section_cards(detector)
    # The size of the CCD is left as it came: where it is wrong, that is a repair.
    if value_of(first, "CCDSIZE") is not None:
        del sections["CCDSIZE"]
    cards |= {key: (value, "Section after splicing") for key, value in sections.items()}
    for kind, what, digits in (("GAIN", "electron/ADU", 4), ("RDNOISE", "electron", 2)):
        values = [number_of(amplifier, kind) for amplifier in (first, second)]
        if all(value == value for value in values):
            cards[kind] = (round(sum(values) / 2, digits), f"Mean of both amplifiers [{what}]")
        for letter, value in zip("AB", values, strict=True):
            if value == value:
                cards[f"{kind}{letter}"] = (value, f"Of amplifier {letter} [{what}]")
    for letter, amplifier in zip("AB", (first, second), strict=True):
        if value_of(amplifier, "MAXLIN") is not None:
            level = value_of(amplifier, "MAXLIN")
            cards[f"MAXLIN{letter}"] = (level, f"Of amplifier {letter} [ADU]")
    if value_of(header, "CRPIX1") is not None:
        shifted = number_of(header, "CRPIX1") + over
        cards["CRPIX1"] = (shifted, "WCS reference pixel in the spliced frame")
    for key, value in cards.items():
        header[key] = value
    names = [hdu.name or f"HDU {hdu.index}" for hdu in hdus]
    header.add_history(f"cfhtisr: spliced from {names[0]} (A) and {names[1]} (B, mirrored),")
    header.add_history("cfhtisr: overscan columns moved to the outside")
    return header

"""The header and the detector of a CCD, from the HDUs that hold it."""

__all__ = ["Place", "metadata_of", "shape_of"]

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cfhtisr.camera.detector import Detector
from cfhtisr.camera.mosaic import facts
from cfhtisr.camera.record import Repair, number_of, record
from cfhtisr.camera.repair import value_repairs
from cfhtisr.camera.sections import detector_for
from cfhtisr.errors import FileFormatError
from cfhtisr.io._cards import AnyHeader
from cfhtisr.io.amplifier_hdus import splice_headers
from cfhtisr.io.hdu import Hdu
from cfhtisr.io.raw_header import merged_header


@dataclass(frozen=True, slots=True)
class Place:
    """Where the pixels of a CCD are: one HDU, or one for each of amplifiers A and B."""

    ccd: int
    hdus: tuple[Hdu, ...]


def shape_of(place: Place) -> tuple[int, int]:
    """Return the rows and columns of the raw frame of a CCD."""
    rows, columns = place.hdus[0].shape or (0, 0)
    return (rows, columns * len(place.hdus))


def metadata_of(
    path: Path,
    place: Place,
    primary: Hdu,
    shape: tuple[int, int],
    processed: bool,
    quiet: bool = False,
    lean: bool = False,
) -> tuple[AnyHeader, Detector, list[Repair]]:
    """Return the repaired header of a CCD, its detector and the repairs.

    With ``lean`` the header is a `LeanHeader`, if none of its cards is odd.
    """
    name = facts(place.ccd).name
    try:
        header = merged_header(place.hdus[0], primary, lean)
        if len(place.hdus) == 2:
            second = merged_header(place.hdus[1], place.hdus[1], lean)
            header = splice_headers(header, second, place.ccd, place.hdus)
        repairs = [*_doubled(place, name), *value_repairs(header, place.ccd, processed=processed)]
        detector, more = detector_for(header, place.ccd, shape)
    except FileFormatError:
        raise
    except ValueError as problem:
        indices = " and ".join(f"HDU {hdu.index}" for hdu in place.hdus)
        raise FileFormatError(f"{path}, {indices}: {problem}") from None
    repairs += more
    record(header, repairs, f"{path} {name}", quiet=processed or quiet)
    _describe(detector, header)
    return header, detector, repairs


def _describe(detector: Detector, header: AnyHeader) -> None:
    """Give a detector the electronics of its header, which wins over the table.

    The values of a raw frame are plausible, for they have been repaired; a master may lack some.
    """
    level = number_of(header, "SATURATE")
    for amplifier in detector:
        gain = number_of(header, f"GAIN{amplifier.name}")
        noise = number_of(header, f"RDNOISE{amplifier.name}")
        if gain > 0:  # NaN is not
            amplifier.gain = gain
        if noise >= 0:
            amplifier.read_noise = noise
        if level > 0:
            amplifier.saturation = level


def _doubled(place: Place, name: str) -> Iterator[Repair]:
    """Yield the repair that the reader of HDUs has made: one EXTNAME where there were more."""
    cards = place.hdus[0].cards
    names = [str(value).strip() for value in cards.all("EXTNAME")] if "EXTNAME" in cards else []
    if len(place.hdus) == 1 and len(names) > 1:
        yield Repair("EXTNAME", " and ".join(names), name, "occurs more than once")

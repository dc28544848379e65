"""Exposures out of FITS files: of ours, of LSST's, and plain images."""

__all__ = ["ExposureReader"]

import re
import warnings
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.io.fits import Header
from astropy.wcs import WCS
from numpy.typing import NDArray

from cfhtisr.camera.detector import Detector
from cfhtisr.errors import FileFormatError
from cfhtisr.images.exposure import Exposure
from cfhtisr.images.mask import PLANES, Mask
from cfhtisr.images.masked_image import MaskedImage
from cfhtisr.images.visit import VisitInfo
from cfhtisr.io import _tables
from cfhtisr.io._cards import MARK, is_structural
from cfhtisr.io._parts import moved_bits
from cfhtisr.io.verify import raw_hdus, sum_problems

_KINDS = ("IMAGE", "MASK", "VARIANCE")
_CCD = re.compile(r"ccd\d\d")


class ExposureReader:
    """A FITS file that is open for reading; a context manager.

    Parameters
    ----------
    path : str
        The file.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        for hdu in raw_hdus(path):
            for problem in sum_problems(hdu):
                raise FileFormatError(f"{path}: {problem}")
        self._file = fits.open(path, memmap=False, uint=True)
        self.headers: list[Header] = [hdu.header.copy() for hdu in self._file]

    def __enter__(self) -> "ExposureReader":
        return self

    def __exit__(self, *unused: object) -> None:
        self._file.close()

    def exposure(self, ccd: int | str | None) -> Exposure:
        """Return the exposure of one CCD."""
        wanted = f"ccd{ccd:02d}" if isinstance(ccd, int) else ccd
        found = self._of_several(wanted) or self._of_one(wanted) or self._plain(wanted)
        index = found["IMAGE"]
        header = self.headers[index]
        exposure = Exposure(self._masked_image(found), self._metadata(index))
        try:
            exposure.wcs = _wcs(header)
            self._describe(exposure, header, found)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FileFormatError(f"{self._where(index)}: {error}") from error
        return exposure

    # which HDUs

    def _of_several(self, wanted: str | None) -> dict[str, int] | None:
        """Return the HDUs of a CCD in a file where they are named by CCD and type."""
        ccds: dict[str, dict[str, int]] = {}
        for index, header in enumerate(self.headers):
            name, kind = header.get("EXTNAME"), header.get("EXTTYPE")
            if "CFHTISR" in header and kind in _KINDS and name != kind:
                ccds.setdefault(name, {})[kind] = index
        if not ccds:
            return None
        for index, header in enumerate(self.headers):
            if header.get("EXTTYPE") in ("DETECTOR", "VALID_POLYGON"):
                ccds.setdefault(header["EXTNAME"], {})[header["EXTTYPE"]] = index
        return self._choose(wanted, ccds)

    def _of_one(self, wanted: str | None) -> dict[str, int] | None:
        """Return the HDUs of a file of one CCD, which are named by type."""
        found: dict[str, int] = {}
        for index, header in enumerate(self.headers):
            for name in (header.get("EXTTYPE"), header.get("EXTNAME")):
                if name in (*_KINDS, "DETECTOR", "VALID_POLYGON"):
                    found.setdefault(name, index)
                    break
        if "IMAGE" not in found:
            if found.keys() & {"MASK", "VARIANCE"}:
                raise FileFormatError(f"{self.path}: no IMAGE HDU beside {sorted(found)}")
            return None
        name = self.headers[found["IMAGE"]].get("DETNAME")
        if wanted is not None and name is not None and wanted != name:
            raise FileFormatError(f"{self.path}: holds CCD {name}, wanted {wanted}")
        return found

    def _plain(self, wanted: str | None) -> dict[str, int]:
        """Return the only image, or that of the CCD."""
        images = {
            header.get("EXTNAME") or f"HDU {index}": {"IMAGE": index}
            for index, header in enumerate(self.headers)
            if self._file[index].is_image and header["NAXIS"] == 2
        }
        if not images:
            raise FileFormatError(f"{self.path}: no HDU holds an image of two axes")
        if wanted is not None and len(images) == 1 and wanted not in images:
            header = self.headers[next(iter(images.values()))["IMAGE"]]
            if header.get("EXTNAME") is None:
                return next(iter(images.values()))
        return self._choose(wanted, images)

    def _choose(self, wanted: str | None, groups: dict[str, dict[str, int]]) -> dict[str, int]:
        names = ", ".join(groups)
        if wanted is None:
            if len(groups) > 1:
                raise FileFormatError(f"{self.path}: holds {names}; say which with ccd")
            wanted = next(iter(groups))
        key = {name.casefold(): name for name in groups}.get(wanted.casefold())
        if key is None:
            raise FileFormatError(f"{self.path}: no CCD {wanted}, only {names}")
        wanted = key
        if "IMAGE" not in groups[wanted]:
            raise FileFormatError(f"{self.path}: no IMAGE HDU of {wanted}")
        return groups[wanted]

    # what is in them

    def _masked_image(self, found: dict[str, int]) -> MaskedImage:
        image = self._pixels(found["IMAGE"])
        planes: dict[str, NDArray[Any]] = {}
        for kind in ("MASK", "VARIANCE"):
            if kind not in found:
                continue
            planes[kind] = plane = self._pixels(found[kind])
            where = self._where(found[kind])
            if plane.shape != image.shape:
                raise FileFormatError(
                    f"{where}: shape {plane.shape}, wanted {image.shape} as the image"
                )
            if kind == "MASK":
                if plane.dtype.kind not in "iu":
                    raise FileFormatError(f"{where}: {plane.dtype}, wanted whole numbers")
                planes[kind] = self._own_bits(plane.astype(np.int32, copy=False), found[kind])
        header = self.headers[found["IMAGE"]]
        xy0 = [0, 0]
        for axis in (0, 1):
            if f"LTV{axis + 1}" in header:
                xy0[axis] = -round(header[f"LTV{axis + 1}"])
            elif header.get(f"CTYPE{axis + 1}A") == "LINEAR":
                xy0[axis] = round(header[f"CRVAL{axis + 1}A"] - header[f"CRPIX{axis + 1}A"]) + 1
        return MaskedImage(image, planes.get("MASK"), planes.get("VARIANCE"), (xy0[0], xy0[1]))

    def _pixels(self, index: int) -> NDArray[Any]:
        header = self.headers[index]
        if header["NAXIS"] != 2:
            raise FileFormatError(f"{self._where(index)}: {header['NAXIS']} axes, wanted 2")
        data = self._file[index].data
        if data is None:  # no pixels
            shape = (header["NAXIS2"], header["NAXIS1"])
            return np.zeros(shape, {8: "u1", 16: "i2", 32: "i4"}.get(header["BITPIX"], "f4"))
        return np.asarray(data, data.dtype.newbyteorder("="))

    def _own_bits(self, mask: NDArray[np.int32], index: int) -> NDArray[np.int32]:
        """Return flags with the bits that their planes have in this process."""
        header = self.headers[index]
        theirs = {
            keyword[3:]: int(header[keyword]) for keyword in header if keyword.startswith("MP_")
        }
        if all(PLANES.get(name) == bit for name, bit in theirs.items()):
            return mask
        where = self._where(index)
        used = int(np.bitwise_or.reduce(mask, axis=None)) if mask.size else 0
        moves = {}
        for name, bit in theirs.items():
            if used >> bit & 1:
                try:
                    moves[bit] = Mask.add_plane(name)
                except ValueError as error:
                    raise FileFormatError(f"{where}: {error}") from error
        stay = {bit for bit in range(32) if used >> bit & 1 and bit not in moves}
        clash = sorted(stay & set(moves.values()))
        if clash:
            raise FileFormatError(f"{where}: bits {clash} are set but no MP_ card names them")
        if all(old == new for old, new in moves.items()):
            return mask
        return moved_bits(mask, moves)

    def _metadata(self, index: int) -> Header:
        """Return the header of the exposure, without what describes the file."""
        primary, header = self.headers[0], self.headers[index]
        if "CFHTISR" not in header:
            own = {card.keyword for card in header.cards if index}
            cards = [card for card in primary.cards if card.keyword not in own]
            cards += header.cards if index else []
        elif header.get("EXTNAME") == "IMAGE":
            cards = list(primary.cards)
        else:
            cards = list(header.cards)
            starts = [at for at, card in enumerate(cards) if card.value == MARK]
            if len(starts) != 2:
                raise FileFormatError(f"{self._where(index)}: the cards of the CCD are not marked")
            cards = cards[starts[0] + 1 : starts[1]]
        return Header([card for card in cards if not is_structural(card.keyword)])

    def _describe(self, exposure: Exposure, header: Header, found: dict[str, int]) -> None:
        ours = "CFHTISR" in header
        facts = header if ours else exposure.metadata
        exposure.filter = facts.get("FILTER")
        if (ours and "EXPID" in facts) or (not ours and "EXPTIME" in facts):
            exposure.visit_info = VisitInfo(
                exposure_id=facts.get("EXPID", 0),
                exposure_time=facts.get("EXPTIME", np.nan),
                dark_time=facts.get("DARKTIME", np.nan),
                mjd=facts.get("MJDSTART" if ours else "MJD-OBS", np.nan),
                visit=facts.get("VISIT", 0) if ours else facts.get("OBSID", 0),
            )
        exposure.flux_mag0 = facts.get("FLUXMAG0", np.nan)
        if "DETECTOR" in found and ours:
            index = found["DETECTOR"]
            exposure.detector = _tables.detector_from(self.headers[index], self._rows(index))
        elif not ours:
            exposure.detector = _known_detector(exposure)
        if "VALID_POLYGON" in found and ours:
            exposure.valid_polygon = _tables.polygon_from(self._rows(found["VALID_POLYGON"]))
        for index, other in enumerate(self.headers):
            if ours and other.get("EXTNAME") == "PROVENANCE":
                exposure.provenance = _tables.facts_from(self._rows(index))

    def _rows(self, index: int) -> NDArray[Any]:
        rows: NDArray[Any] = self._file[index].data
        return rows

    def _where(self, index: int) -> str:
        name = self.headers[index].get("EXTNAME")
        return f"{self.path}: HDU {index}" + (f" ({name})" if name else "")


def _wcs(header: Header) -> WCS | None:
    if "CTYPE1" not in header or header.get("CTYPE1") in ("", "LINEAR", None):
        return None
    with warnings.catch_warnings():
        # Old spellings of units and dates are read all the same.
        warnings.simplefilter("ignore")
        return WCS(header, fix="CFHTISR" not in header)


def _known_detector(exposure: Exposure) -> Detector | None:
    """Return the MegaCam CCD of a file that is not ours, if pixels and names are of one."""
    from cfhtisr.camera import megacam

    header = exposure.metadata
    name = str(header.get("DETNAME") or header.get("EXTNAME") or "")
    camera = str(header.get("DETECTOR", ""))
    if camera.casefold() != "megacam" or _CCD.fullmatch(name) is None:
        return None
    detector: Detector = megacam(40)[name]
    return detector if detector.bbox.shape == exposure.image.shape else None

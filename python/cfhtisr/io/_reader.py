"""Exposures out of FITS files: of ours, of LSST's, and plain images."""

__all__ = ["ExposureReader"]

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
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
from cfhtisr.io.fits_file import FitsFile

if TYPE_CHECKING:
    from astropy.io.fits import Header
    from astropy.wcs import WCS

_KINDS = ("IMAGE", "MASK", "VARIANCE")
_TABLES = ("DETECTOR", "VALID_POLYGON")
# BITPIX and BZERO of the integers that only the sign bit tells from those of the file.
_TURNED = {(8, -(2**7)): "i1", (32, 2**31): "u4", (64, 2**63): "u8"}
# What a broken header makes of our reading, of astropy's (and its VerifyError) and of wcslib's.
_DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
_CCD = re.compile(r"ccd\d\d")


class ExposureReader:
    """A FITS file that is open for reading.

    Parameters
    ----------
    file : FitsFile
        The file; only the HDUs of the CCD are read, and verified.
    """

    def __init__(self, file: FitsFile) -> None:
        self._file = file
        self._path = file.path
        if file.damage is not None:
            raise FileFormatError(file.damage)
        self._hdus = list(file.hdus)

    def exposure(self, ccd: int | str | None) -> Exposure:
        """Return the exposure of one CCD."""
        wanted = f"ccd{ccd:02d}" if isinstance(ccd, int) else ccd
        found = self._of_several(wanted) or self._of_one(wanted) or self._plain(wanted)
        index = found["IMAGE"]
        planes = self._masked_image(found)
        with _blamed(self._where(index)):
            exposure = Exposure(planes, self._metadata(index))
            exposure.wcs = _wcs(self._hdus[index].header)
            self._describe(exposure, self._hdus[index].header)
        if "CFHTISR" in self._hdus[index].cards:
            self._add_tables(exposure, found)
        return exposure

    # which HDUs

    def _of_several(self, wanted: str | None) -> dict[str, int] | None:
        """Return the HDUs of a CCD in a file where they are named by CCD and type."""
        ccds: dict[str, dict[str, int]] = {}
        for index, hdu in enumerate(self._hdus):
            kind = str(hdu.cards.get("EXTTYPE"))
            if "CFHTISR" in hdu.cards and kind in _KINDS and hdu.name != kind:
                ccds.setdefault(hdu.name, {})[kind] = index
        if not ccds:
            return None
        for index, hdu in enumerate(self._hdus):
            kind = str(hdu.cards.get("EXTTYPE"))
            if kind in _TABLES and hdu.name in ccds:
                ccds[hdu.name][kind] = index
        return self._choose(wanted, ccds)

    def _of_one(self, wanted: str | None) -> dict[str, int] | None:
        """Return the HDUs of a file of one CCD, which are named by type."""
        found: dict[str, int] = {}
        for index, hdu in enumerate(self._hdus):
            for name in (str(hdu.cards.get("EXTTYPE")), hdu.name):
                if name in _KINDS + _TABLES:
                    found.setdefault(name, index)
                    break
        if "IMAGE" not in found:
            if found.keys() & {"MASK", "VARIANCE"}:
                raise FileFormatError(f"{self._path}: no IMAGE HDU beside {sorted(found)}")
            return None
        ccd = self._hdus[found["IMAGE"]].cards.get("DETNAME")
        if wanted is not None and ccd is not None and wanted != ccd:
            raise FileFormatError(f"{self._path}: holds CCD {ccd}, wanted {wanted}")
        return found

    def _plain(self, wanted: str | None) -> dict[str, int]:
        """Return the only image, or that of the CCD."""
        images = {
            hdu.name or f"HDU {index}": {"IMAGE": index}
            for index, hdu in enumerate(self._hdus)
            if hdu.shape is not None
        }
        if not images:
            raise FileFormatError(f"{self._path}: no HDU holds an image of two axes")
        if wanted is not None and len(images) == 1 and next(iter(images)).startswith("HDU "):
            return next(iter(images.values()))
        return self._choose(wanted, images)

    def _choose(self, wanted: str | None, groups: dict[str, dict[str, int]]) -> dict[str, int]:
        names = ", ".join(groups)
        if wanted is None:
            if len(groups) > 1:
                raise FileFormatError(f"{self._path}: holds {names}; say which with ccd")
            wanted = next(iter(groups))
        key = {name.casefold(): name for name in groups}.get(wanted.casefold())
        if key is None:
            raise FileFormatError(f"{self._path}: no CCD {wanted}, only {names}")
        wanted = key
        if "IMAGE" not in groups[wanted]:
            raise FileFormatError(f"{self._path}: no IMAGE HDU of {wanted}")
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
                with _blamed(where):
                    planes[kind] = self._own_bits(Mask(plane).array, found[kind])
        with _blamed(self._where(found["IMAGE"])):
            xy0 = self._xy0(self._hdus[found["IMAGE"]].header)
        return MaskedImage(image, planes.get("MASK"), planes.get("VARIANCE"), xy0)

    @staticmethod
    def _xy0(header: "Header") -> tuple[int, int]:
        xy0 = [0, 0]
        for axis in (0, 1):
            if f"LTV{axis + 1}" in header:
                xy0[axis] = -round(header[f"LTV{axis + 1}"])
            elif header.get(f"CTYPE{axis + 1}A") == "LINEAR":
                xy0[axis] = round(header[f"CRVAL{axis + 1}A"] - header[f"CRPIX{axis + 1}A"]) + 1
        return (xy0[0], xy0[1])

    def _pixels(self, index: int) -> NDArray[Any]:
        hdu = self._hdus[index]
        if hdu.shape is None:
            raise FileFormatError(f"{self._where(index)}: {len(hdu.axes)} axes, wanted 2")
        zero = hdu.cards.get("BZERO", 0)
        kind = _TURNED.get((hdu.bitpix, int(zero))) if isinstance(zero, int | float) else None
        if kind is None or hdu.is_compressed or hdu.cards.get("BSCALE", 1) != 1:
            return self._file.read(index)
        stored = self._file.read_bytes(index).view(f">u{kind[1]}").reshape(hdu.shape)
        turned = stored.astype(f"u{kind[1]}")
        turned ^= turned.dtype.type(1 << (8 * turned.itemsize - 1))
        return turned.view(kind)

    def _own_bits(self, mask: NDArray[np.int32], index: int) -> NDArray[np.int32]:
        """Return flags with the bits that their planes have in this process."""
        header = self._hdus[index].header
        theirs = {name[3:]: header[name] for name in header if name.startswith("MP_")}
        if any(type(bit) is not int or not 0 <= bit < 32 for bit in theirs.values()):
            raise ValueError(f"MP_ cards {theirs}, wanted bits 0 to 31")
        if all(PLANES.get(name) == bit for name, bit in theirs.items()):
            return mask
        used = int(np.bitwise_or.reduce(mask, axis=None)) if mask.size else 0
        moves = {}
        for name, bit in theirs.items():
            if used >> bit & 1:
                moves[bit] = Mask.add_plane(name)
        stay = {bit for bit in range(32) if used >> bit & 1 and bit not in moves}
        clash = sorted(stay & set(moves.values()))
        if clash:
            raise ValueError(f"bits {clash} are set but no MP_ card names them")
        if all(old == new for old, new in moves.items()):
            return mask
        return moved_bits(mask, moves)

    def _metadata(self, index: int) -> "Header":
        """Return the header of the exposure, without what describes the file."""
        from astropy.io.fits import Header

        self._file.data_sum(0)
        primary, header = self._hdus[0].header, self._hdus[index].header
        if "CFHTISR" not in header:
            own = {card.keyword for card in header.cards if index}
            cards = [card for card in primary.cards if card.keyword not in own]
            cards += header.cards if index else []
        elif self._hdus[index].name == "IMAGE":
            cards = list(primary.cards)
        else:
            cards = list(header.cards)
            starts = [at for at, card in enumerate(cards) if card.image[8:].strip() == MARK]
            if len(starts) != 2:
                raise ValueError("the cards of the CCD are not marked")
            cards = cards[starts[0] + 1 : starts[1]]
        return Header([card for card in cards if not is_structural(card.keyword)])

    def _describe(self, exposure: Exposure, header: "Header") -> None:
        """Fill in filter, times and zero point, and what follows from the name of the CCD."""
        ours = "CFHTISR" in header
        facts = header if ours else exposure.metadata
        name = facts.get("FILTER")
        exposure.filter = None if name is None else str(name)
        if ("EXPID" if ours else "EXPTIME") in facts:
            exposure.visit_info = VisitInfo(
                exposure_id=int(_number(facts, "EXPID", 0, ours)),
                exposure_time=_number(facts, "EXPTIME", np.nan, ours),
                dark_time=_number(facts, "DARKTIME", np.nan, ours),
                mjd=_number(facts, "MJDSTART" if ours else "MJD-OBS", np.nan, ours),
                visit=int(_number(facts, "VISIT" if ours else "OBSID", 0, ours)),
            )
        exposure.flux_mag0 = _number(facts, "FLUXMAG0", np.nan, ours)
        if not ours:
            exposure.detector = _known_detector(exposure)

    def _add_tables(self, exposure: Exposure, found: dict[str, int]) -> None:
        """Read what stands in the tables of our files."""
        for kind in _TABLES:
            if kind not in found:
                continue
            with _blamed(self._where(found[kind])):
                rows = self._rows(found[kind])
                if kind == "DETECTOR":
                    header = self._hdus[found[kind]].header
                    exposure.detector = _tables.detector_from(header, rows)
                else:
                    exposure.valid_polygon = _tables.polygon_from(rows)
        exposure.provenance = self.provenance()

    def provenance(self) -> dict[str, str | int | float]:
        """Return the facts of the making; none if the file does not tell them."""
        for index, hdu in enumerate(self._hdus):
            if hdu.name == "PROVENANCE":
                with _blamed(hdu.where):
                    return _tables.facts_from(self._rows(index))
        return {}

    def _rows(self, index: int) -> NDArray[Any]:
        from astropy.io import fits

        data = self._hdus[index].raw + self._file.read_bytes(index).tobytes()
        rows: NDArray[Any] = fits.BinTableHDU.fromstring(data).data
        return rows

    def _where(self, index: int) -> str:
        return self._hdus[index].where


@contextmanager
def _blamed(where: str) -> Iterator[None]:
    """Turn what damage leads to into the error that names file and HDU."""
    try:
        yield
    except FileFormatError:
        raise
    except Exception as error:
        # Named, not imported: what is read may need no astropy.
        if not isinstance(error, _DAMAGE) and type(error).__name__ != "VerifyError":
            raise
        what = " ".join(str(error).split())
        raise FileFormatError(f"{where}: {type(error).__name__}: {what}") from error


def _number(facts: "Header", keyword: str, default: float, strict: bool) -> float:
    """Return the number of a card; the default if others than we wrote something else."""
    value = facts.get(keyword, default)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return type(default)(value)
    if strict:
        raise TypeError(f"{keyword} is {value!r}, wanted a number")
    return default


def _wcs(header: "Header") -> "WCS | None":
    if "CTYPE1" not in header or header.get("CTYPE1") in ("", "LINEAR", None):
        return None
    from astropy.wcs import WCS

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

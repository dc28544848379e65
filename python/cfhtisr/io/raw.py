"""Reading raw MegaCam exposures of every era."""

__all__ = ["RawFile", "RawScan", "open_raw", "read_raw", "scan_raw"]

import os
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from cfhtisr.camera.mosaic import ccd_number
from cfhtisr.camera.record import number_of, value_of
from cfhtisr.errors import FileFormatError, UnknownChoiceError
from cfhtisr.images.exposure import Exposure
from cfhtisr.images.lean_header import LeanHeader
from cfhtisr.images.stored_image import StoredImage
from cfhtisr.io.amplifier_hdus import amplifier_of, splice_pixels
from cfhtisr.io.fits_cards import Cards
from cfhtisr.io.fits_file import FitsFile
from cfhtisr.io.hdu import Hdu
from cfhtisr.io.hdu_pixels import HduPixels
from cfhtisr.io.raw_header import era_of, merged_header, visit_info, wcs_of
from cfhtisr.io.raw_metadata import Place, metadata_of, shape_of

if TYPE_CHECKING:
    from astropy.io.fits import Header

Checksum = Literal["error", "warn", "ignore"]

_CCD_NAME = re.compile(r"ccd(\d\d)")
_PROCESSED_NAME = re.compile(r"\d{6,8}p|.*\.phu$")


@dataclass(frozen=True)
class RawScan:
    """What the headers of a file say.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    kind : str
        What was exposed: ``object``, ``bias``, ``dark``, ``flat``, ``focus``, ``led`` or
        whatever else OBSTYPE says, in small letters.
    n_ccd : int
        CCDs of the camera in that era, 36 or 40.
    layout : {"spliced", "amplifiers"}
        One HDU per CCD or one per amplifier.
    ccds : tuple of int
        Numbers of the CCDs in the file, in its order.
    obsid : int
        Number of the exposure; 0 if unknown.
    filter : str or None
        Name of the filter.
    exposure_time, dark_time : float
        [s]; NaN if unknown.
    mjd : float
        Start, UTC [d]; NaN if unknown.
    object : str
        Name of the target.
    processed : str
        Why the file counts as processed by the observatory; empty for a raw one.
    damage : str
        What keeps the file from being whole, such as its truncation; CCDs behind it are not
        in ``ccds``. Empty if nothing does.
    """

    path: Path
    kind: str
    n_ccd: int
    layout: str
    ccds: tuple[int, ...]
    obsid: int
    filter: str | None
    exposure_time: float
    dark_time: float
    mjd: float
    object: str
    processed: str
    damage: str
    _first: Hdu = field(repr=False)
    _places: tuple[Place, ...] = field(repr=False)

    @property
    def pixels(self) -> int:
        """Number of pixels of a CCD, both amplifiers and overscan; the same for all of them."""
        rows, columns = shape_of(self._places[0])
        return rows * columns

    @property
    def primary(self) -> "Header":
        """The primary header."""
        return self._first.header

    @property
    def n_stated(self) -> int | None:
        """How many HDUs the primary header says there are behind it, if it does (NEXTEND)."""
        number = self._first.cards.get("NEXTEND")
        return number if isinstance(number, int) else None

    @property
    def n_images(self) -> int:
        """Number of HDUs of CCDs or amplifiers that are there."""
        return sum(len(place.hdus) for place in self._places)

    @property
    def damaged_ccd(self) -> int | None:
        """The CCD that the damage is in, if it is in one: to read it fails."""
        for place in self._places:
            if any(self.damage.startswith(f"{hdu.where}: ") for hdu in place.hdus):
                return place.ccd
        return None

    def header(self, ccd: int | str) -> "Header":
        """Return the header of a CCD, repaired, as `read_raw` would give it.

        Raises
        ------
        FileFormatError
            If the file does not have that CCD.
        """
        number = _number(self.path, ccd)
        for place in self._places:
            if place.ccd == number:
                shape = shape_of(place)
                processed = bool(self.processed)
                header, _, _ = metadata_of(self.path, place, self._first, shape, processed)
                return header.astropy() if isinstance(header, LeanHeader) else header
        raise _missing(self.path, number, self.ccds)


class RawFile:
    """An open raw file; use it as a context manager.

    Parameters
    ----------
    path : path-like
        A FITS file, plain, ``.gz`` or ``.fz``.
    camera : {"megacam", None}, optional
        None reads the images of any FITS file, by the number of their HDU.
    processed : bool, optional
        Accept what the observatory has processed, and masters.
    checksum : {"error", "warn", "ignore"}, optional
        What to do about a wrong CHECKSUM or DATASUM.

    Raises
    ------
    FileFormatError
        If the file is broken, not of MegaCam, or processed.
    """

    _lean: ClassVar[bool] = False  # headers and coordinates that stand for astropy's
    _placed: ClassVar[bool] = True  # with coordinates

    def __init__(
        self,
        path: str | os.PathLike[str],
        camera: str | None = "megacam",
        processed: bool = False,
        checksum: Checksum = "error",
    ) -> None:
        if camera not in ("megacam", None):
            raise UnknownChoiceError(f"camera is {camera!r}, wanted 'megacam' or None")
        self.path = Path(path)
        self._camera = camera
        self._accept = processed
        self._lock = threading.Lock()
        self._places: list[Place] = []
        self._file = FitsFile(self.path, checksum)
        try:
            self._source = self._search()
            if camera is not None:
                self._check()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def primary(self) -> "Header":
        """The primary header."""
        return self._file.hdus[0].header

    @property
    def ccds(self) -> tuple[int, ...]:
        """Numbers of the CCDs in the file; without a camera, of the HDUs with an image."""
        if self._camera is None:
            return tuple(hdu.index for hdu in self._file.hdus if hdu.shape is not None)
        return tuple(place.ccd for place in self._all())

    @cached_property
    def scan(self) -> RawScan:
        """What the headers say."""
        places = self._all()
        if not places:
            raise FileFormatError(f"{self.path}: no image HDU of a CCD in it")
        first = self._file.hdus[0]
        shape = shape_of(places[0])
        header, _, _ = metadata_of(self.path, places[0], first, shape, True, quiet=True, lean=True)
        info = visit_info(header, places[0].ccd, first.cards)
        name = str(value_of(header, "FILTER") or "").strip()
        return RawScan(
            self.path,
            str(value_of(header, "OBSTYPE") or "unknown").strip().lower(),
            era_of(first.cards, header, max(place.ccd for place in places)),
            "amplifiers" if len(places[0].hdus) > 1 else "spliced",
            tuple(place.ccd for place in places),
            info.visit,
            name or None,
            info.exposure_time,
            info.dark_time,
            info.mjd,
            str(value_of(header, "OBJECT") or "").strip(),
            _why_processed(self.path, [first.cards, places[0].hdus[0].cards]),
            self._file.damage or "",
            first,
            tuple(places),
        )

    def read(
        self, ccd: int | str, out: NDArray[Any] | None = None, later: bool = False
    ) -> Exposure:
        """Return the exposure of one CCD; see `read_raw`.

        The pixels go into ``out`` if they are of its type and shape, and lie in one HDU. With
        ``later`` plain floats stay in the file, which is not closed before they are needed,
        until somebody looks at them.
        """
        if self._camera is None:
            return self._read_any(ccd)
        number = _number(self.path, ccd)
        place = self._find(number)
        for hdu in place.hdus:
            why = _why_processed(self.path, [hdu.cards])
            if why and not self._accept:
                raise _refused(self.path, why)
        first = self._file.hdus[0]
        header, detector, _ = metadata_of(
            self.path, place, first, shape_of(place), self._accept, lean=self._lean
        )
        only = place.hdus[0]
        if out is not None and (
            len(place.hdus) > 1 or out.dtype != only.dtype or out.shape != only.shape
        ):
            out = None
        pixels: NDArray[Any] | StoredImage
        if (
            later
            and len(place.hdus) == 1
            and only.dtype == np.float32
            and self._file.place(only.index) is not None
        ):
            pixels = StoredImage(HduPixels(self._file, only.index))
        else:
            planes = [self._file.read(hdu.index, out=out) for hdu in place.hdus]
            pixels = planes[0]
            if len(planes) == 2:
                pixels = splice_pixels(planes[0], planes[1], place.hdus[0].cards)
        name = str(value_of(header, "FILTER") or "").strip()
        exposure = Exposure(
            pixels,
            metadata=header,
            detector=detector,
            wcs=wcs_of(header) if self._placed else None,
            filter=name or None,
            visit_info=visit_info(header, number, first.cards),
        )
        exposure.identity = self.identity(number, stated=later)
        return exposure

    def identity(self, ccd: int | str, stated: bool = False) -> str:
        """Return the name of the file and CCD with the sum of its data, to say what was used.

        With ``stated`` that is the sum in the header, which reading the data refuses if it is
        wrong.
        """
        place = self._find(_number(self.path, ccd))
        sum_of = self._file.stated_sum if stated else self._file.data_sum
        sums = "+".join(str(sum_of(hdu.index)) for hdu in place.hdus)
        return f"{self.path.name}[ccd{place.ccd:02d}] DATASUM {sums}"

    def _read_any(self, ccd: int | str) -> Exposure:
        hdus = self._file.hdus
        if isinstance(ccd, str) and not ccd.strip().isdigit():
            found = [hdu for hdu in hdus if hdu.name.lower() == ccd.strip().lower()]
        else:
            index = int(ccd)
            found = [hdus[index]] if 0 <= index < len(hdus) else []
        if not found or found[-1].shape is None:
            names = ", ".join(
                f"{hdu.index} {hdu.name}".strip() for hdu in hdus if hdu.shape is not None
            )
            raise FileFormatError(
                f"{self.path}: HDU {ccd} is no image; images are in HDU {names or 'none'}"
            )
        hdu = found[-1]
        header = merged_header(hdu, hdus[0])
        name = str(value_of(header, "FILTER") or "").strip()
        return Exposure(
            self._file.read(hdu.index),
            metadata=header,
            wcs=wcs_of(header),
            filter=name or None,
            visit_info=visit_info(header, 0, hdus[0].cards),
        )

    def _check(self) -> None:
        """Refuse what is not of MegaCam and what is not raw."""
        headers = [self._file.hdus[0].cards]
        first = next((hdu for hdu in self._file.hdus if hdu.shape is not None), None)
        if first is not None and first.index:
            headers.append(first.cards)
        cameras = [str(value_of(header, "DETECTOR") or "").strip() for header in headers]
        named = next((name for name in cameras if name), "")
        # The observatory's scattered-light maps do not say what camera they are of.
        nameless_master = (
            self._accept
            and not named
            and first is not None
            and _CCD_NAME.fullmatch(first.name.strip().lower()) is not None
        )
        if named.lower() != "megacam" and not nameless_master:
            what = f"DETECTOR is {named!r}" if named else "there is no card DETECTOR"
            raise FileFormatError(
                f"{self.path}: not a MegaCam file: {what}, wanted 'MegaCam' "
                "(camera=None reads an image of any FITS file)"
            )
        if first is None:
            raise FileFormatError(f"{self.path}: no image HDU in it")
        if any("CFHTISR" in header for header in headers):
            raise FileFormatError(
                f"{self.path}: is a product of cfhtisr (card CFHTISR), wanted a file of the "
                "observatory; read_exposure reads it"
            )
        why = _why_processed(self.path, headers)
        if why and not self._accept:
            raise _refused(self.path, why)

    def _search(self) -> Iterator[Place]:
        """Yield the CCDs in the order of the file, looking no further than is asked for."""
        half: dict[int, dict[str, Hdu]] = {}
        order = 0
        for hdu in self._file.hdus:
            if hdu.shape is None:
                continue
            amplifier = amplifier_of(hdu.cards, hdu.name)
            if amplifier is not None:
                number, letter = amplifier
                pair = half.setdefault(number, {})
                if letter in pair:
                    raise FileFormatError(
                        f"{self.path}: HDU {pair[letter].index} and HDU {hdu.index} are both "
                        f"amplifier {letter} of ccd{number:02d}"
                    )
                pair[letter] = hdu
                if len(pair) == 2:
                    yield Place(number, (pair["A"], pair["B"]))
            else:
                yield Place(_ccd_of(self.path, hdu, order), (hdu,))
            order += 1

    def _advance(self) -> bool:
        place = next(self._source, None)
        if place is None:
            return False
        for other in self._places:
            if other.ccd == place.ccd:
                raise FileFormatError(
                    f"{self.path}: HDU {other.hdus[0].index} and HDU {place.hdus[0].index} are "
                    f"both ccd{place.ccd:02d}"
                )
        self._places.append(place)
        return True

    def _all(self) -> list[Place]:
        with self._lock:
            while self._advance():
                pass
            return list(self._places)

    def _find(self, number: int) -> Place:
        with self._lock:
            index = 0
            while index < len(self._places) or self._advance():
                if self._places[index].ccd == number:
                    return self._places[index]
                index += 1
            missing = _missing(self.path, number, [place.ccd for place in self._places])
        damage = self._file.damage
        if damage is not None:
            raise FileFormatError(
                f"{missing}, for the file is damaged: {_short(damage, self.path)}"
            )
        raise missing


def open_raw(
    path: str | os.PathLike[str],
    camera: str | None = "megacam",
    processed: bool = False,
    checksum: Checksum = "error",
) -> RawFile:
    """Open a raw file of which several CCDs are wanted; see `RawFile`."""
    return RawFile(path, camera, processed, checksum)


def read_raw(
    path: str | os.PathLike[str],
    ccd: int | str,
    camera: str | None = "megacam",
    processed: bool = False,
    checksum: Checksum = "error",
) -> Exposure:
    """Read the raw frame of one CCD.

    Files of every era are read into one layout: amplifier A to the left, B to the right, each
    with its overscan columns outside and overscan rows above. A file with one amplifier per
    HDU is put together so. Bad header values are repaired, see `cfhtisr.camera.repair`.

    Parameters
    ----------
    path : path-like
        A FITS file, plain, ``.gz`` or ``.fz``.
    ccd : int or str
        Number, name (``ccd07``) or serial number of the CCD; number or name of the HDU where
        ``camera`` is None.
    camera : {"megacam", None}, optional
        None reads an image of any FITS file; then there is no detector.
    processed : bool, optional
        Accept what the observatory has processed, and masters.
    checksum : {"error", "warn", "ignore"}, optional
        What to do about a wrong CHECKSUM or DATASUM.

    Returns
    -------
    exposure : Exposure
        Pixels as stored, uint16 for raw frames [ADU]; the CCD's header followed by those cards
        of the primary header that it does not have; a detector of its own with gain, read
        noise and saturation level of the header; world coordinates in pixels of the raw frame.
        The number of the exposure is that of `cfhtisr.camera.exposure_number`.

    Raises
    ------
    FileFormatError
        If the file is broken, not of MegaCam, processed, or does not have the CCD.
    """
    with RawFile(path, camera, processed, checksum) as file:
        return file.read(ccd)


def scan_raw(path: str | os.PathLike[str]) -> RawScan:
    """Read the headers of a MegaCam file, raw or processed, and no pixels.

    Raises
    ------
    FileFormatError
        If the file is broken or not of MegaCam.
    """
    with RawFile(path, processed=True, checksum="ignore") as file:
        return file.scan


def _number(path: Path, ccd: int | str) -> int:
    try:
        return ccd_number(ccd)
    except KeyError as problem:
        raise FileFormatError(f"{path}: {problem.args[0]}") from None


def _short(damage: str, path: Path) -> str:
    return damage.removeprefix(f"{path}: ")


def _missing(path: Path, number: int, there: Iterable[int]) -> FileFormatError:
    runs: list[list[int]] = []
    for other in sorted(there):
        if runs and runs[-1][1] == other - 1:
            runs[-1][1] = other
        else:
            runs.append([other, other])
    names = [f"ccd{a:02d}" if a == b else f"ccd{a:02d} to ccd{b:02d}" for a, b in runs]
    return FileFormatError(
        f"{path}: no ccd{number:02d} in it; there {'is' if len(names) == 1 else 'are'} "
        f"{', '.join(names) or 'none'}"
    )


def _refused(path: Path, why: str) -> FileFormatError:
    return FileFormatError(
        f"{path}: the observatory has processed this already ({why}); "
        "processed=True, or --processed, reads it all the same"
    )


def _why_processed(path: Path, headers: Iterable[Cards]) -> str:
    """Return what shows that a file is not raw, or nothing."""
    for header in headers:
        if "IMRED_" in header.text or "IMCMB_" in header.text:
            for card in header:
                if card.startswith(("IMRED_", "IMCMB_")):
                    return f"card {card[:8].rstrip()}"
        name = str(value_of(header, "FILENAME") or "").strip()
        if _PROCESSED_NAME.match(name):
            return f"FILENAME is {name!r}"
        kind = str(value_of(header, "OBSTYPE") or "").strip()
        if kind.upper() in ("MASK", "SCATTER", "FRPTS"):
            return f"OBSTYPE is {kind!r}"
    if re.match(r"\d{6,8}p", path.name):
        return f"state p in the name {path.name!r}"
    return ""


def _ccd_of(path: Path, hdu: Hdu, order: int) -> int:
    """Return the number of the CCD of a spliced HDU: by name, serial, version or order."""
    if match := _CCD_NAME.fullmatch(hdu.name.strip().lower()):
        number: float = int(match[1])
    else:
        number = -1
        serial = str(value_of(hdu.cards, "CCDNAME") or "").strip()
        if "-" in serial:
            try:
                number = ccd_number(serial)
            except KeyError:
                number = -1
        if number < 0:
            number = number_of(hdu.cards, "EXTVER")
        if not (0 <= number < 40 and number == int(number)):
            number = order
    if not 0 <= number < 40:
        raise FileFormatError(f"{path}: HDU {hdu.index} is no CCD of MegaCam ({hdu.name!r})")
    return int(number)

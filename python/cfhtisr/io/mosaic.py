"""All CCDs of an exposure in one FITS file."""

__all__ = ["MosaicWriter"]

import os
from collections.abc import Iterable
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Self

from cfhtisr.images.exposure import Exposure
from cfhtisr.images.lean_header import LeanHeader
from cfhtisr.io._cards import MARK, AnyHeader, Entry, card, cards_of, merged, text_of
from cfhtisr.io._checksum import encoded
from cfhtisr.io._hdu import Hdu, header_of, image_cards, table_cards
from cfhtisr.io._packed import QUANTIZE, Mode, Packing, write_hdu
from cfhtisr.io._parts import parts_of, primary_cards, provenance_hdu
from cfhtisr.io._tables import Facts
from cfhtisr.io.atomic import AtomicFile
from cfhtisr.io.checksum import datasum

if TYPE_CHECKING:
    from astropy.io.fits import Header

_VERSIONS = {"IMAGE": 1, "MASK": 2, "VARIANCE": 3, "DETECTOR": 4, "VALID_POLYGON": 5}

_COUNTS = ("NCCD", "NMISSING", "MISSING")


class MosaicWriter:
    """Writes a file CCD by CCD; it appears under its name when it is closed.

    The primary HDU holds the header of the exposure, the number of CCDs and the names of
    those that are missing. Each CCD has HDUs of its name (``ccd07``): its pixels (EXTVER 1,
    EXTTYPE IMAGE) with its header, its flags (2, MASK), variance (3, VARIANCE) and detector
    (4, DETECTOR), with cards as in the files of single CCDs (`write_exposure`) and the place
    in the mosaic as ``DETSEC``. The last HDU is PROVENANCE. `read_exposure` reads a CCD of it.

    Use it as a context manager, or call `close`; an exception in the block leaves no file.

    Parameters
    ----------
    path : path-like
        The file.
    primary : Header, optional
        Cards that hold for all CCDs, such as the primary header of the raw file.
    ccds : iterable of str, optional
        Names of the CCDs that the file should hold, so that it can say which are missing.
    overwrite : bool, optional
        Whether a file of that name may be replaced.
    sync : bool, optional
        Whether the bytes are on the disk when it is closed.
    provenance : mapping of str to str, int or float, optional
        How the exposures were made, as it is when the file is closed. The version is added.

    Raises
    ------
    FileExistsError
        If there is a file of that name and ``overwrite`` is false.
    OSError
        If the system refuses.

    Examples
    --------
    >>> import os, tempfile, numpy as np
    >>> from cfhtisr import camera, read_exposure
    >>> path = os.path.join(tempfile.mkdtemp(), "mosaic.fits")
    >>> with MosaicWriter(path, ccds=["ccd07", "ccd08"]) as mosaic:
    ...     mosaic.append(Exposure(np.float32([[5]]), detector=camera.megacam()[7]))
    >>> read_exposure(path, ccd=7).image.array
    array([[5.]], dtype=float32)
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        primary: "Header | None" = None,
        ccds: Iterable[str] = (),
        overwrite: bool = False,
        sync: bool = True,
        provenance: Facts | None = None,
        compress: Mode | None = None,
        quantize: float = QUANTIZE,
    ) -> None:
        self._packing = Packing.of(compress, quantize)
        self.path = os.fspath(path)
        self._primary: AnyHeader = LeanHeader() if primary is None else primary.copy()
        for count in _COUNTS:
            self._primary.remove(count, ignore_missing=True, remove_all=True)
        self._wanted = tuple(ccds)
        self._written: list[str] = []
        self._provenance = provenance
        reserved = self._primary_cards([*self._wanted, ""])
        self._reserved = len("".join(reserved)) // 80
        self._stack = ExitStack()
        file = AtomicFile(self.path, sync, overwrite=overwrite)
        self._open = True
        self._file = self._stack.enter_context(file)
        try:
            file.write(header_of(reserved, 0))
        except BaseException:
            self.abandon()
            raise

    @property
    def missing(self) -> tuple[str, ...]:
        """The CCDs that are wanted and not written."""
        return tuple(name for name in self._wanted if name not in self._written)

    def append(self, exposure: Exposure) -> None:
        """Write the exposure of a CCD.

        Raises
        ------
        ValueError
            If it has no detector to name it, if a CCD of that name is written already, or
            if a part of it cannot stand in a FITS file; the file can take other CCDs still.
        OSError
            If the system refuses; the file is lost.
        """
        self._check_open()
        if exposure.detector is None:
            raise ValueError(f"{self.path}: the exposure has no detector to name its HDUs")
        name = exposure.detector.name
        if name in self._written:
            raise ValueError(f"{self.path}: CCD {name} is written already")
        parts = parts_of(exposure)
        hdus: list[Hdu] = []
        for kind, pixels in parts.planes:
            version: Entry = ("EXTVER", _VERSIONS[kind], "")
            entries = [*parts.entries(kind, name), version]
            cards = image_cards(pixels)
            if kind == "IMAGE":
                header, entries = merged(exposure.metadata, entries, bool(parts.wcs))
                mark = card("COMMENT", MARK)
                own = [mark, *text_of(header), mark]
                cards += [*cards_of(entries), *own]
            else:
                cards += cards_of(entries)
            hdus.append((cards, pixels))
        for kind, rows, more in parts.tables:
            named: list[Entry] = [("EXTNAME", name, ""), ("EXTTYPE", kind, ""), *more]
            named.append(("EXTVER", _VERSIONS[kind], ""))
            hdus.append((table_cards(rows) + cards_of(named), rows))
        try:
            for hdu in hdus:
                write_hdu(self._file, *hdu, self._packing)
        except BaseException:
            self.abandon()
            raise
        self._written.append(name)

    def close(self) -> None:
        """Complete the file and give it its name."""
        self._check_open()
        self._open = False
        with self._stack:
            write_hdu(self._file, *provenance_hdu(self._provenance or {}), None)
            cards = self._primary_cards(list(self.missing))
            used = len("".join(cards)) // 80
            cards += [" " * 80] * (self._reserved - used)
            header = header_of(cards, 0)
            self._file.write_at(0, header_of(cards, 0, encoded(datasum(header))))

    def abandon(self) -> None:
        """Leave no file."""
        self._open = False
        gone = RuntimeError("abandoned")
        self._stack.__exit__(RuntimeError, gone, None)

    def _check_open(self) -> None:
        if not self._open:
            raise ValueError(f"{self.path} is closed")

    def _primary_cards(self, missing: list[str]) -> list[str]:
        return [
            *primary_cards(self._primary),
            card("NCCD", len(self._written), "number of CCDs in this file"),
            card("NMISSING", len(missing), "number of CCDs that should be here and are not"),
            card("MISSING", " ".join(missing), "their names"),
        ]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()
        elif self._open:
            self._open = False
            self._stack.__exit__(kind, error, trace)

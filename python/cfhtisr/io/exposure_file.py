"""An exposure of one CCD as a FITS file of its own."""

__all__ = ["read_exposure", "read_provenance", "write_exposure", "write_streamed"]

import os

from cfhtisr.images.exposure import Exposure
from cfhtisr.io._cards import Entry, cards_of, merged
from cfhtisr.io._hdu import Hdu, InFile, image_cards, size_of, table_cards
from cfhtisr.io._packed import QUANTIZE, Mode, Packing, write_hdu
from cfhtisr.io._parts import parts_of, primary_cards, provenance_hdu
from cfhtisr.io._reader import ExposureReader
from cfhtisr.io._tables import Facts
from cfhtisr.io.atomic import AtomicFile
from cfhtisr.io.fits_file import FitsFile
from cfhtisr.io.streamed_product import StreamedProduct


def write_exposure(
    exposure: Exposure,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    sync: bool = True,
    provenance: Facts | None = None,
    compress: Mode | None = None,
    quantize: float = QUANTIZE,
) -> None:
    """Write an exposure to a FITS file.

    The same exposure gives the same bytes: nothing of the clock, the machine or the path is
    in them.

    ==============  ======================================================================
    HDU             what it holds
    ==============  ======================================================================
    primary         the header of the exposure, whole and in order; its WCS cards, if it has
                    any, are brought in line with ``exposure.wcs``
    IMAGE           pixels as they are (float32, or a raw's uint16); unit, detector, filter,
                    times, ``FLUXMAG0``, WCS, position in the parent frame
    MASK            flags (int32) with a card ``MP_<PLANE>`` for the bit of each plane
    VARIANCE        variance (float32)
    DETECTOR        a row for each amplifier: geometry, gain, read noise, levels
    VALID_POLYGON   corners of the part that light could reach, if it is set
    PROVENANCE      name, type and value of each fact of the making
    ==============  ======================================================================

    Names, types and cards of the first four are those of LSST's exposures, except that no
    ``AR_HDU`` card announces an archive of serialised objects: there is none, and readers
    then take the WCS from the cards. Planes of the user are numbered from bit 16 in
    alphabetical order. The transmission curve is not written.

    Parameters
    ----------
    exposure : Exposure
        What to write; it is not changed.
    path : path-like
        The file; it appears when it is complete.
    overwrite : bool, optional
        Whether a file of that name may be replaced.
    sync : bool, optional
        Whether the bytes are on the disk on return.
    provenance : mapping of str to str, int or float, optional
        How the exposure was made: configuration, inputs with their checksums. The default
        is ``exposure.provenance``, as it was read. The version is added.
    compress : {None, "lossless", "rice"}, optional
        How IMAGE, MASK and VARIANCE are compressed, row by row, as every FITS reader knows it.
        "lossless" keeps every bit: floats as GZIP_2, integers as RICE_1. "rice" rounds float32
        pixels first, with subtractive dithering, so that a file takes about a seventh of the
        plain one; NaN stay NaN, and rows without noise or with infinite pixels keep every bit.
        Pixels of types that FITS does not compress stay as they are.
    quantize : float, optional
        For "rice": the noise of each row in steps of its pixels. No pixel moves by more than
        half a step.

    Raises
    ------
    FileExistsError
        If there is a file of that name and ``overwrite`` is false.
    OSError
        If the system refuses; the old file, if any, is untouched.
    TypeError, ValueError
        If a part of the exposure cannot stand in a FITS file.

    Examples
    --------
    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "ccd.fits")
    >>> write_exposure(Exposure([[1.0, 2.0]], filter="r.MP9602"), path)
    >>> read_exposure(path).filter
    'r.MP9602'
    """
    packing = Packing.of(compress, quantize)
    try:
        hdus = _file_hdus(exposure, provenance)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{os.fspath(path)} cannot be written: {error}") from error
    size = None if packing else sum(size_of(*hdu) for hdu in hdus)
    with AtomicFile(path, sync, overwrite=overwrite, size=size) as file:
        for cards, array in hdus:
            write_hdu(file, cards, array, packing)


def write_streamed(exposure: Exposure, product: StreamedProduct, provenance: Facts) -> None:
    """Write the rest of a product that the pass has written the planes of.

    The file is that of `write_exposure`, byte for byte. Planes that are not there, or were
    looked at since, are written from memory.

    Parameters
    ----------
    exposure : Exposure
        What the pass has made.
    product : StreamedProduct
        Where its planes went.
    provenance : mapping of str to str, int or float
        As for `write_exposure`.

    Raises
    ------
    OSError, TypeError, ValueError
        As for `write_exposure`.
    """
    file = product.file
    try:
        hdus = _file_hdus(exposure, provenance, product)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{file.path} cannot be written: {error}") from error
    if isinstance(hdus[1][1], InFile):
        product.finish(hdus)
        return
    file.resize(0)
    for cards, array in hdus:
        write_hdu(file, cards, array, None)


def _file_hdus(
    exposure: Exposure, provenance: Facts | None, product: StreamedProduct | None = None
) -> list[Hdu]:
    parts = parts_of(exposure, product)
    header, _ = merged(exposure.metadata, parts.wcs, bool(parts.wcs))
    hdus: list[Hdu] = [(primary_cards(header), None)]
    for kind, array in parts.planes:
        cards = image_cards(array) + cards_of(parts.entries(kind, name=kind))
        hdus.append((cards, array))
    for kind, rows, more in parts.tables:
        named: list[Entry] = [("EXTNAME", kind, ""), ("EXTTYPE", kind, ""), *more]
        hdus.append((table_cards(rows) + cards_of(named), rows))
    hdus.append(provenance_hdu(provenance or exposure.provenance))
    return hdus


def read_exposure(path: str | os.PathLike[str], ccd: int | str | None = None) -> Exposure:
    """Read an exposure of one CCD from a FITS file.

    What `write_exposure` wrote comes back as it was, and written again it gives the same
    bytes. Exposures of LSST software and plain images are read as far as they go: planes of
    masks are found by their ``MP_`` cards, a missing mask is empty, a missing variance 0.

    Parameters
    ----------
    path : path-like
        The file, plain, tile-compressed or gzipped. The sums of all HDUs that are read are
        verified.
    ccd : int or str, optional
        Which CCD of a file with several: its number or its name, such as ``ccd07``.

    Returns
    -------
    exposure : Exposure

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If the file is damaged, or is not an exposure; the text names file and HDU.
    """
    with FitsFile(path) as file:
        return ExposureReader(file).exposure(ccd)


def read_provenance(path: str | os.PathLike[str]) -> dict[str, str | int | float]:
    """Return how a file of ours was made; nothing else of it is read.

    Parameters
    ----------
    path : path-like
        What `write_exposure` or `cfhtisr.io.mosaic.MosaicWriter` wrote.

    Returns
    -------
    provenance : dict of str to str, int or float
        Empty if the file is of other software.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If the file is damaged.
    """
    with FitsFile(path) as file:
        return ExposureReader(file).provenance()

"""From the headers of a raw file to what an exposure knows."""

__all__ = ["era_of", "merged_header", "visit_info", "wcs_of"]

import re
import threading
import warnings
from collections.abc import Iterable

from astropy.io.fits import Header
from astropy.wcs import WCS

from cfhtisr.camera.record import HasGet, number_of, value_of
from cfhtisr.images.visit import VisitInfo
from cfhtisr.io.hdu import Hdu
from cfhtisr.io.uncompressed_header import uncompressed_cards

_QUIET = threading.Lock()
_UNPRINTABLE = re.compile(r"[^ -~]")
_LEGAL = re.compile(
    r"(?=[A-Z0-9_-]+ *= )[A-Z0-9_ -]{8}= |COMMENT |HISTORY | {8}|CONTINUE  |HIERARCH .*="
)
_STRUCTURE = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|NEXTEND|PCOUNT|GCOUNT|GROUPS|TFIELDS"
    r"|T(TYPE|FORM)\d+|BZERO|BSCALE|BLANK|CHECKSUM|DATASUM|ZHECKSUM|ZDATASUM|END"
)
_WCS_CARD = re.compile(
    r"(CTYPE|CUNIT|CRPIX|CRVAL|CDELT|CROTA)[12]|(CD|PC)[12]_[12]|PV[12]_\d+|LONPOLE|LATPOLE"
    r"|EQUINOX|MJD-OBS|[AB]P?_(\d_\d|ORDER)|RADESYS"
)


def _keyword(card: str) -> str:
    keyword = card[:8].rstrip()
    # What follows is the keyword there, up to the sign.
    return card.partition("=")[0].rstrip() if keyword == "HIERARCH" else keyword


def _legal(card: str) -> str:
    """Return a card that `Header` takes without a warning: damaged ones become comments."""
    card = _UNPRINTABLE.sub("?", card)
    return card if _LEGAL.match(card) else f"COMMENT {card}"[:80]


def merged_header(hdu: Hdu, primary: Hdu) -> Header:
    """Return the header of an HDU followed by the primary's cards that it does not have.

    Cards that describe the file and not the exposure, such as NAXIS or BZERO, are left out,
    so are comments and history of the primary header. It is done on the text: of hundreds of
    cards, few are ever looked at, and parsing all of them costs more than the pixels.
    """
    own: Iterable[str] = uncompressed_cards(hdu.cards) if hdu.is_compressed else hdu.cards
    cards = [card for card in own if not _STRUCTURE.fullmatch(card[:8].rstrip())]
    if primary is not hdu:
        have = {_keyword(card) for card in cards}
        kept = False
        for card in primary.cards:
            keyword = _keyword(card)
            if keyword == "CONTINUE":
                if kept:
                    cards.append(card)
                continue
            kept = keyword not in have and keyword not in ("", "COMMENT", "HISTORY")
            kept = kept and not _STRUCTURE.fullmatch(keyword)
            if kept:
                cards.append(card)
    return Header.fromstring("".join(map(_legal, cards)))


def era_of(primary: HasGet, header: HasGet, ccd: int) -> int:
    """Return how many CCDs the camera had: as the headers say, or by the date.

    Parameters
    ----------
    primary, header : Header or Cards
        The primary header and that of a CCD.
    ccd : int
        The highest number of a CCD that is known to be there.
    """
    for card in ("NCCDS", "NEXTEND", "NAMPS"):
        for where in (primary, header):
            number = number_of(where, card)
            if number in (36, 72):
                return 36 if ccd < 36 else 40
            if number in (40, 80):
                return 40
    # A part of a file: by its date, or by a CCD that only the later camera read out.
    return 40 if ccd >= 36 or number_of(header, "MJD-OBS") >= 57023 else 36


def visit_info(header: Header, ccd: int, primary: HasGet) -> VisitInfo:
    """Return identity and times of the exposure of a CCD."""
    visit = 0
    for card in ("OBSID", "EXPNUM"):
        number = number_of(header, card)
        if 0 < number < 2**53:
            visit = int(number)
            break
    else:
        match = re.match(r"\d{5,8}", str(value_of(header, "FILENAME") or "").strip())
        visit = int(match[0]) if match else 0
    return VisitInfo(
        exposure_id=visit * era_of(primary, header, ccd) + ccd,
        exposure_time=number_of(header, "EXPTIME"),
        # What was asked for; the LED frames of 2003 are lit for a hundredth of it.
        dark_time=number_of(header, "DARKTIME"),
        mjd=number_of(header, "MJD-OBS"),
        visit=visit,
    )


def wcs_of(header: Header) -> WCS | None:
    """Return the world coordinates of a header, None if it has none that make sense."""
    if any(value_of(header, card) is None for card in ("CTYPE1", "CTYPE2", "CRPIX1", "CRVAL1")):
        return None
    # A short header: of a thousand cards most of the time would go into looking for WCS cards.
    short = Header([card for card in header.cards if _WCS_CARD.fullmatch(card.keyword)])
    if "RADESYS" not in short and value_of(header, "RADECSYS") is not None:
        short["RADESYS"] = value_of(header, "RADECSYS")
    # The filters of warnings are the process's: two threads must not swap them at a time.
    with _QUIET, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            wcs = WCS(short, fix=False)
            wcs.wcs.set()
        except Exception:  # wcslib has a dozen, for matrices, units and projections
            return None
    return wcs

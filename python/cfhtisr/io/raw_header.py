"""From the headers of a raw file to what an exposure knows."""

__all__ = ["era_of", "merged_header", "stated_era", "visit_info", "wcs_of"]

import re
import threading
import warnings
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from cfhtisr.camera.mosaic import exposure_number
from cfhtisr.camera.record import HasGet, number_of, value_of
from cfhtisr.images.card_text import Entry, is_usual
from cfhtisr.images.lean_header import LeanHeader
from cfhtisr.images.visit import VisitInfo
from cfhtisr.io._cards import AnyHeader
from cfhtisr.io.hdu import Hdu
from cfhtisr.io.lean_wcs import LeanWcs
from cfhtisr.io.uncompressed_header import uncompressed_cards

if TYPE_CHECKING:
    from astropy.wcs import WCS

_VISITS = 2**31 // 36  # more than the telescope will ever see; a number beyond is damage
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
    if not (card.isascii() and card.isprintable()):
        card = _UNPRINTABLE.sub("?", card)
    return card if _LEGAL.match(card) else f"COMMENT {card}"[:80]


@lru_cache(4096)
def _is_structural(keyword: str) -> bool:
    return _STRUCTURE.fullmatch(keyword) is not None


Place = tuple[str, str, Entry | None]
"""Keyword, legal text, and the card if it is not odd."""


@lru_cache(64)  # the primary header is that of all CCDs of a file
def _general(primary: Hdu) -> list[Place]:
    """Return the cards of a primary header that may hold for a CCD."""
    found: list[Place] = []
    kept = False
    for card in primary.cards:
        keyword = _keyword(card)
        if keyword == "CONTINUE":
            if kept:
                found.append((found[-1][0], _legal(card), None))
            continue
        kept = keyword not in ("", "COMMENT", "HISTORY") and not _is_structural(keyword)
        if kept:
            text = _legal(card)
            found.append((keyword, text, Entry.read(text) if is_usual(text) else None))
    return found


@lru_cache(64)  # the CCDs of a file have the same keywords
def _missing(primary: Hdu, have: frozenset[str]) -> list[Place]:
    return [place for place in _general(primary) if place[0] not in have]


def merged_header(hdu: Hdu, primary: Hdu, lean: bool = False) -> AnyHeader:
    """Return the header of an HDU followed by the primary's cards that it does not have.

    Cards that describe the file and not the exposure, such as NAXIS or BZERO, are left out,
    so are comments and history of the primary header. It is done on the text: of hundreds of
    cards, few are ever looked at, and parsing all of them costs more than the pixels. With
    ``lean`` it is a `LeanHeader`, if no card is odd.
    """
    own: Iterable[str] = uncompressed_cards(hdu.cards) if hdu.is_compressed else hdu.cards
    cards, keywords = [], []
    for card in own:
        keyword = card[:8].rstrip()
        if not _is_structural(keyword):
            cards.append(card)
            keywords.append(_keyword(card) if keyword == "HIERARCH" else keyword)
    more: list[Place] = []
    if primary is not hdu:
        more = _missing(primary, frozenset(keywords))
    if lean and is_usual("".join(cards)):
        entries: list[Entry | str] = [*cards, *(entry for _, _, entry in more if entry)]
        if len(entries) == len(cards) + len(more):
            return LeanHeader(entries, [*keywords, *(place[0] for place in more)])
    from astropy.io.fits import Header

    texts = [_legal(card) for card in cards]
    return Header.fromstring("".join([*texts, *(text for _, text, _ in more)]))


def era_of(primary: HasGet, header: HasGet, ccd: int) -> int:
    """Return how many CCDs the camera had: as the headers say, or by the date.

    Parameters
    ----------
    primary, header : Header or Cards
        The primary header and that of a CCD.
    ccd : int
        The highest number of a CCD that is known to be there.
    """
    return stated_era(primary, header, ccd) or 36


def stated_era(primary: HasGet, header: HasGet, ccd: int) -> int | None:
    """Return how many CCDs the camera had, as `era_of`; None if nothing tells."""
    for card in ("NCCDS", "NEXTEND", "NAMPS"):
        for where in (primary, header):
            number = number_of(where, card)
            if number in (36, 72):
                return 36 if ccd < 36 else 40
            if number in (40, 80):
                return 40
    # A part of a file: by its date, or by a CCD that only the later camera read out.
    start = number_of(header, "MJD-OBS")
    if ccd >= 36 or start >= 57023:
        return 40
    return 36 if start > 0 else None


def visit_info(header: HasGet, ccd: int, primary: HasGet) -> VisitInfo:
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
        exposure_id=exposure_number(visit, ccd) if visit < _VISITS else 0,
        exposure_time=number_of(header, "EXPTIME"),
        # What was asked for; the LED frames of 2003 are lit for a hundredth of it.
        dark_time=number_of(header, "DARKTIME"),
        mjd=number_of(header, "MJD-OBS"),
        visit=visit,
    )


def wcs_of(header: AnyHeader) -> "WCS | LeanWcs | None":
    """Return the world coordinates of a header, None if it has none that make sense.

    Those of a `LeanHeader` are a `LeanWcs` if they are plain.
    """
    if any(value_of(header, card) is None for card in ("CTYPE1", "CTYPE2", "CRPIX1", "CRVAL1")):
        return None
    if isinstance(header, LeanHeader):
        as_read = header.copy()
        lean = LeanWcs.of(header, lambda: _wcs_of(as_read))
        if lean is not None:
            return lean
    return _wcs_of(header)


def _wcs_of(header: AnyHeader) -> "WCS | None":
    from astropy.io.fits import Header
    from astropy.wcs import WCS

    # A short header: of a thousand cards most of the time would go into looking for WCS cards.
    entries = header.entries if isinstance(header, LeanHeader) else None
    if entries is None:
        short = Header([card for card in header.cards if _WCS_CARD.fullmatch(card.keyword)])
    else:
        short = Header([card.card() for card in entries if _WCS_CARD.fullmatch(card.keyword)])
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

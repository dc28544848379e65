"""Header cards: which describe the file, which the exposure, and how they are spelled."""

__all__ = [
    "MARK",
    "Entry",
    "card",
    "cards_of",
    "is_structural",
    "merged",
    "plane_entries",
    "text_of",
    "wcs_entries",
]

import contextlib
import logging
import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cfhtisr.images.card_text import Entry as _Entry
from cfhtisr.images.card_text import formatted, is_usual
from cfhtisr.images.lean_header import LeanHeader
from cfhtisr.io.lean_wcs import LeanWcs

if TYPE_CHECKING:
    from astropy.io.fits import Card, Header
    from astropy.wcs import WCS

Entry = tuple[str, str | bool | int | float, str]
"""Keyword, value and comment."""

AnyHeader: TypeAlias = "Header | LeanHeader"

MARK = "-------- cfhtisr: cards of the exposure begin or end here --------"
"""The text of the COMMENT before and after the header of a CCD in a file of many."""

# Cards that say how the bytes of one HDU lie; they cannot travel to another.
_STRUCTURE = re.compile(
    r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|EXTEND|NEXTEND|PCOUNT|GCOUNT|GROUPS|BSCALE|BZERO|BLANK"
    r"|INHERIT|CHECKSUM|DATASUM|THEAP|TFIELDS|T(?:FORM|TYPE)\d+|END"
    r"|ZIMAGE|ZSIMPLE|ZTENSION|ZBITPIX|ZNAXIS\d*|ZTILE\d+|ZCMPTYPE|ZNAME\d+|ZVAL\d+|ZEXTEND"
    r"|ZPCOUNT|ZGCOUNT|ZHECKSUM|ZDATASUM|ZQUANTIZ|ZDITHER0|ZBLANK|ZSCALE|ZZERO"
)
# Cards of the celestial WCS, all of which are superseded when an exposure brings another.
_WCS = re.compile(
    r"WCSAXES|C(?:TYPE|RVAL|RPIX|DELT|UNIT|ROTA)[12]|(?:CD|PC)[12]_[12]|PC00[12]00[12]"
    r"|PV[12]_\d+|LONPOLE|LATPOLE|[AB]P?_ORDER|[AB]P?_\d_\d|[AB]_DMAX"
)
_KEYWORD = re.compile(r"[A-Z0-9_-]{0,8} *(?<=^.{8})|HIERARCH ")
_log = logging.getLogger(__name__)
# Times that astropy adds to a WCS header; they are facts of the exposure, not of its WCS.
_TIMES = re.compile(r"MJDREF[IF]?|DATEREF|DATE(?:-\w+)?|MJD-\w+|TIMESYS|WCSNAME")


@lru_cache(4096)
def is_structural(keyword: str) -> bool:
    """Return whether a card describes the layout of its HDU, not the exposure."""
    return _STRUCTURE.fullmatch(keyword) is not None


def card(keyword: str, value: Any, comment: str = "") -> str:
    """Return a card as text of 80 columns (several if the value is long).

    A float is written with all digits that it takes to read the same float back, for which
    astropy's 20 columns are too few.

    Raises
    ------
    ValueError
        If the value cannot stand in a FITS header.
    """
    if isinstance(value, float | np.floating):
        if not math.isfinite(value):
            raise ValueError(f"{keyword} is {value}, which no FITS card can hold")
        number = repr(float(value)).upper()
        tail = f" / {comment}" if comment else ""
        return f"{keyword:<8}= {number:>20}{tail}"[:80].ljust(80)
    if len(keyword) > 8:
        keyword = f"HIERARCH {keyword}"
    if type(value) in (str, bool, int):
        return _plain_card(keyword, value, comment)
    return _astropy_card(keyword, value, comment)


@lru_cache(2048, typed=True)  # most of them are the same for every CCD
def _plain_card(keyword: str, value: str | bool | int, comment: str) -> str:
    text = None
    if not (type(value) is str and ": " in value):
        text = formatted(keyword.removeprefix("HIERARCH "), value, comment)
    return _astropy_card(keyword, value, comment) if text is None else text


def _astropy_card(keyword: str, value: Any, comment: str) -> str:
    from astropy.io.fits import Card

    text: str = Card(keyword, value, comment).image
    return text


def cards_of(entries: Iterable[Entry]) -> list[str]:
    """Return the cards of facts."""
    return [card(*entry) for entry in entries]


def text_of(metadata: "AnyHeader") -> list[str]:
    """Return the cards of a header as they stand, less the structural ones.

    What cannot stand in a FITS file is mended, and that is logged: an archive's odd card
    must not cost a CCD.
    """
    entries = metadata.entries if isinstance(metadata, LeanHeader) else None
    texts = []
    for one in metadata.cards if entries is None else entries:
        if is_structural(one.keyword):
            continue
        if isinstance(one, _Entry):
            text = one.image
            if text is not None and one.is_plain and text.isascii() and text.isprintable():
                texts.append(text)
                continue
            one = one.card()
        texts.append(_mended(one))
    return texts


def _mended(one: "Card") -> str:
    """Return the text of a card of astropy, legal in a file."""
    from astropy.io.fits.verify import VerifyError

    # A card that breaks the standard is mended here, where `image` would also warn.
    try:
        with contextlib.suppress(VerifyError):
            one.verify("silentfix")
        text: str = one.image
    except ValueError:
        # astropy refuses to mend other alphabets; it has no public door to the text.
        text = one._image
    if _KEYWORD.match(text) is None:
        _log.warning("card %r has no legal keyword: it becomes a comment", text.rstrip())
        text = f"COMMENT {text}"[:80]
    plain = "".join(c if " " <= c <= "~" else "?" for c in text)
    if plain != text:
        _log.warning("card %r holds more than ASCII: it becomes %r", text, plain)
    return plain


def merged(
    metadata: "AnyHeader", entries: Iterable[Entry], has_wcs: bool
) -> tuple["AnyHeader", list[Entry]]:
    """Put facts in the place of older ones.

    Parameters
    ----------
    metadata : Header
        The header; it is not changed.
    entries : iterable of Entry
        What is true now.
    has_wcs : bool
        Whether the entries hold a WCS, so that other WCS cards of the header are wrong.

    Returns
    -------
    header : Header
        The header in its order, with the new values, without overcome WCS cards and without
        structural ones.
    rest : list of Entry
        The entries for which the header had no card.
    """
    entries = list(entries)
    if isinstance(metadata, LeanHeader):
        found = _merged_lean(metadata, entries, has_wcs)
        if found is not None:
            return found
        metadata = metadata.astropy()
    from astropy.io.fits import Header

    left = {entry[0]: entry for entry in entries}
    cards: list[Card] = []
    for one in metadata.cards:
        if is_structural(one.keyword):
            continue
        entry = left.pop(one.keyword, None)
        if entry is not None:
            old, new = one.value, entry[1]
            cards.append(one if _same(old, new) else _card_of(entry[0], new, one.comment))
        elif not (has_wcs and _is_wcs(one.keyword)):
            cards.append(one)
    return Header(cards), list(left.values())


def _merged_lean(
    metadata: LeanHeader, entries: list[Entry], has_wcs: bool
) -> tuple[LeanHeader, list[Entry]] | None:
    """Do what `merged` does, unless astropy is needed for it."""
    if metadata.entries is None:
        return None
    left = {entry[0]: entry for entry in entries}
    cards: list[_Entry] = []
    for one in metadata.entries:
        if is_structural(one.keyword):
            continue
        entry = left.pop(one.keyword, None)
        if entry is None:
            if not (has_wcs and _is_wcs(one.keyword)):
                cards.append(one)
            continue
        if not _same(one.value, entry[1]):
            text = card(entry[0], entry[1], one.comment)
            if len(text) != 80 or not is_usual(text):
                return None
            one = _Entry.read(text)
        cards.append(one)
    return LeanHeader(cards), list(left.values())


def _same(old: Any, new: Any) -> bool:
    return bool(old == new and isinstance(old, bool) is isinstance(new, bool))


@lru_cache(4096)
def _is_wcs(keyword: str) -> bool:
    return _WCS.fullmatch(keyword) is not None


def _card_of(keyword: str, value: Any, comment: str) -> "Card":
    from astropy.io.fits import Card

    return Card.fromstring(card(keyword, value, comment))


def wcs_entries(wcs: "WCS | LeanWcs") -> list[Entry]:
    """Return the cards of world coordinates, with all digits of every number.

    Raises
    ------
    ValueError
        If the coordinates need more than cards.
    """
    if isinstance(wcs, LeanWcs):
        cards = wcs.entries()
        if cards is not None:
            return cards
        wcs = wcs.astropy()
    if wcs.naxis != 2:
        raise ValueError(f"wcs has {wcs.naxis} axes, wanted 2")
    if any(table is not None for table in (wcs.cpdis1, wcs.cpdis2, wcs.det2im1, wcs.det2im2)):
        raise ValueError("wcs has distortion tables, which cannot be written as cards")
    header = wcs.to_header(relax=True)
    found = {one.keyword: one for one in header.cards if not _TIMES.fullmatch(one.keyword)}
    exact = _exact_numbers(wcs)
    if "CD1_1" in exact:
        for name in [name for name in found if re.fullmatch(r"PC\d_\d|CDELT\d", name)]:
            del found[name]
    entries: list[Entry] = []
    for name, one in found.items():
        if name not in ("COMMENT", "HISTORY", ""):
            entries.append((name, exact.pop(name, one.value), one.comment))
    entries += [(name, value, "") for name, value in exact.items() if name.startswith("CD")]
    return entries


def _exact_numbers(wcs: "WCS") -> dict[str, float]:
    numbers = {f"PV{axis}_{index}": float(value) for axis, index, value in wcs.wcs.get_pv()}
    for axis in (0, 1):
        numbers[f"CRPIX{axis + 1}"] = float(wcs.wcs.crpix[axis])
        numbers[f"CRVAL{axis + 1}"] = float(wcs.wcs.crval[axis])
    if wcs.wcs.has_cd():
        for row in (0, 1):
            for column in (0, 1):
                numbers[f"CD{row + 1}_{column + 1}"] = float(wcs.wcs.cd[row, column])
        return numbers
    for row in (0, 1):
        numbers[f"CDELT{row + 1}"] = float(wcs.wcs.cdelt[row])
        for column in (0, 1):
            numbers[f"PC{row + 1}_{column + 1}"] = float(wcs.wcs.pc[row, column])
    return numbers


def plane_entries(planes: Mapping[str, int]) -> list[Entry]:
    """Return LSST's card of each mask plane."""
    return [(f"MP_{name}", bit, "") for name, bit in planes.items()]

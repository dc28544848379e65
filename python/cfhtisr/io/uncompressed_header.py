"""The header of a tile-compressed image as it was before compression."""

__all__ = ["uncompressed_cards"]

import re
from collections.abc import Iterator
from functools import lru_cache

from cfhtisr.io.fits_cards import CARD, Cards

# Cards of the table and of the compression, which the image does not have.
_GONE = re.compile(
    r"(?:XTENSION|SIMPLE|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|EXTEND|CHECKSUM|DATASUM|TFIELDS|THEAP"
    r"|(?:TTYPE|TFORM|TUNIT|TNULL|TSCAL|TZERO|TDISP|TDIM)\d+"
    r"|ZIMAGE|ZTENSION|ZSIMPLE|ZBITPIX|ZNAXIS\d*|ZPCOUNT|ZGCOUNT|ZEXTEND|ZBLOCKED|ZTILE\d+"
    r"|ZCMPTYPE|ZNAME\d+|ZVAL\d+|ZQUANTIZ|ZDITHER0|ZMASKCMP|ZSCALE|ZZERO|ZBLANK"
    r"|ZHECKSUM|ZDATASUM)\Z"
)


@lru_cache(4096)
def _is_gone(keyword: str) -> bool:
    return _GONE.match(keyword) is not None


def uncompressed_cards(cards: Cards) -> Iterator[str]:
    """Yield the cards of the image, in order, those that describe its size first.

    Parameters
    ----------
    cards : Cards
        Header of the table that holds the tiles.

    Yields
    ------
    card : str
        80 characters.
    """
    if "ZSIMPLE" in cards:
        yield _renamed(cards, "ZSIMPLE", "SIMPLE")
    else:
        yield "XTENSION= 'IMAGE   '           / Image extension".ljust(CARD)
    yield _renamed(cards, "ZBITPIX", "BITPIX")
    yield _renamed(cards, "ZNAXIS", "NAXIS")
    axis = 1
    while f"ZNAXIS{axis}" in cards:
        yield _renamed(cards, f"ZNAXIS{axis}", f"NAXIS{axis}")
        axis += 1
    if "ZSIMPLE" not in cards:
        yield _or(cards, "ZPCOUNT", "PCOUNT", 0, "number of parameters")
        yield _or(cards, "ZGCOUNT", "GCOUNT", 1, "number of groups")
    elif "ZEXTEND" in cards:
        yield _renamed(cards, "ZEXTEND", "EXTEND")
    for card in cards:
        keyword = card[:8].rstrip()
        if _is_gone(keyword):
            continue
        if keyword == "EXTNAME" and card[10:].lstrip().startswith("'COMPRESSED_IMAGE'"):
            continue
        yield card
    for stored, keyword in (("ZHECKSUM", "CHECKSUM"), ("ZDATASUM", "DATASUM")):
        if stored in cards:
            yield _renamed(cards, stored, keyword)
    bitpix = cards.get("ZBITPIX")
    if "ZBLANK" in cards and "BLANK" not in cards and isinstance(bitpix, int) and bitpix > 0:
        yield _renamed(cards, "ZBLANK", "BLANK")


def _renamed(cards: Cards, stored: str, keyword: str) -> str:
    return keyword.ljust(8) + cards.card(stored)[8:]


def _or(cards: Cards, stored: str, keyword: str, value: int, comment: str) -> str:
    if stored in cards:
        return _renamed(cards, stored, keyword)
    return f"{keyword:8}= {value:20d} / {comment}".ljust(CARD)

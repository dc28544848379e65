"""Headers of astropy, copied and written without its configuration being asked for each card.

astropy looks up settings several times for every card that it makes, which takes longer than all
else. Here a card that it has made once is the pattern of later ones. Where it does not keep cards
as this module expects, or where a card is anything but plain, astropy does it all.
"""

__all__ = ["copied", "of_mapping", "put"]

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from itertools import accumulate
from typing import Any

from astropy.io.fits import Card, Header

_ENDS = {"", "COMMENT", "HISTORY", "END"}  # cards before which others are put
_SAMPLES = {"bool": True, "int": 1, "float": 1.5, "str": "text"}
_HEADER = {"_cards", "_keyword_indices", "_rvkc_indices", "_modified"}
_CARD = {"_keyword", "_value", "_valuestring", "_rawvalue", "_field_specifier", "_image"}


@cache
def _is_known() -> bool:
    """Return whether astropy keeps headers and cards as it is expected to."""
    header, card = vars(Header()).keys(), vars(Card("A", 1, "")).keys()
    return bool(header == _HEADER and card >= _CARD)


def copied(header: Header, without: Iterable[str] = ()) -> Header:
    """Return a copy of a header that can be changed by itself.

    Parameters
    ----------
    header : Header
        The header.
    without : iterable of str, optional
        Keywords whose cards are left out, all of them.

    Examples
    --------
    >>> header = Header([("GAIN", 1.6), ("DATASEC", "[1:2,1:2]"), ("RDNOISE", 5.0)])
    >>> list(copied(header, ["DATASEC"]))
    ['GAIN', 'RDNOISE']
    """
    if type(header) is not Header or header._rvkc_indices or not _is_known():
        copy = header.copy()
        for keyword in without:
            copy.remove(keyword, ignore_missing=True, remove_all=True)
        return copy
    places: dict[str, list[int]] = header._keyword_indices
    gone = {Card.normalize_keyword(keyword) for keyword in without} & places.keys()
    copy = Header()
    if not gone:
        copy._cards = [_clone(card) for card in header._cards]
        copy._keyword_indices.update((key, list(at)) for key, at in places.items())
        return copy
    left = [True] * len(header._cards)
    for keyword in gone:
        for at in places[keyword]:
            left[at] = False
    copy._cards = [_clone(card) for card, keep in zip(header._cards, left, strict=True) if keep]
    moved = [0, *accumulate(left)]
    copy._keyword_indices.update(
        (key, [moved[at] for at in all_of]) for key, all_of in places.items() if key not in gone
    )
    copy._modified = True
    return copy


def of_mapping(cards: Mapping[str, Any]) -> Header:
    """Return a header of keywords and values, in their order.

    Raises
    ------
    ValueError
        If a FITS header cannot hold them.
    """
    header = Header()
    for key, value in cards.items():
        # Of longer keywords astropy has something to say, each time.
        short = isinstance(key, str) and len(key) <= 8
        card, keyword = _plain_card(key, value, None) if short else (None, "")
        if card is None:
            header.append((key, value), end=True)
        else:
            header._keyword_indices[keyword].append(len(header._cards))
            header._cards.append(card)
    header._modified = False
    return header


def put(header: Header, key: str, value: Any, comment: str) -> None:
    """Do ``header[key] = (value, comment)``.

    Parameters
    ----------
    header : Header
        Changed in place.
    key : str
        The keyword, with HIERARCH before it where it needs that.
    value : bool, int, float, str or None
        None is an undefined value.
    comment : str
        The comment.

    Raises
    ------
    ValueError
        If a FITS header cannot hold this.
    """
    card, keyword = _plain_card(key, value, comment)
    cards, places = header._cards, header._keyword_indices
    if card is None or keyword in places or (cards and cards[-1].is_blank):
        header[key] = (value, comment)
        return
    end = len(cards)
    while end and cards[end - 1].keyword in _ENDS:
        end -= 1
    for other in _ENDS if end < len(cards) else ():
        if other in places:
            places[other] = [at + (at >= end) for at in places[other]]
    places[keyword].append(end)
    cards.insert(end, card)
    header._modified = True


def _plain_card(key: str, value: Any, comment: str | None) -> tuple[Card | None, str]:
    """Return a new card and the keyword by which it is found; no card if it is not plain."""
    if not (_is_known() and _is_plain(value)):
        return None, ""
    pattern, keyword = _pattern(key, comment, type(value).__name__)
    if pattern is None:
        return None, ""
    card = _clone(pattern)
    card._value = value
    return card, keyword


def _clone(card: Card) -> Card:
    twin = Card.__new__(type(card))
    twin.__dict__.update(card.__dict__)
    return twin


def _is_plain(value: Any) -> bool:
    """Return whether a value is taken as it is."""
    if type(value) is float:
        return value - value == 0  # finite
    if type(value) is str:
        return value.isascii() and value.isprintable() and ": " not in value
    return type(value) in (bool, int)


@lru_cache(maxsize=2048)
def _pattern(key: str, comment: str | None, kind: str) -> tuple[Card | None, str]:
    """Return the pattern of a card, and the keyword by which it is found."""
    card = Card(key, _SAMPLES[kind], comment)
    keyword: str = Card.normalize_keyword(card.keyword)
    usual = keyword not in _ENDS and card.field_specifier is None and card._image is None
    # `Header` finds a card by what it was told, which need not be what the card says.
    same = keyword == key.strip().upper().removeprefix("HIERARCH ")
    return (card, keyword) if usual and same else (None, "")

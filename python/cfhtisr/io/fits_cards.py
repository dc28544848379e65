"""The cards of a FITS header as text: enough of them to find one's way, in no time."""

__all__ = ["Cards", "Value"]

import re
from collections.abc import Iterator

CARD = 80
_STRING = re.compile(r"\s*'((?:[^']|'')*)'")
_INTEGER = re.compile(r"[+-]?[0-9]+\Z")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[EeDd][+-]?[0-9]+)?\Z")

Value = str | bool | int | float | None


class Cards:
    """The cards of one header, without those after END.

    Parameters
    ----------
    text : str
        Cards of 80 characters, one after the other.

    Examples
    --------
    >>> cards = Cards("NAXIS   =                    2".ljust(80) + "EXTNAME = 'ccd07   '".ljust(80))
    >>> cards["NAXIS"], cards["EXTNAME"], cards.get("PCOUNT")
    (2, 'ccd07', None)
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._starts = [text[place : place + 10] for place in range(0, len(text), CARD)]
        # From the end, so that of several cards the first stays.
        places = range(len(self._starts) - 1, -1, -1)
        self._first = dict(zip(reversed(self._starts), places, strict=True))

    def __contains__(self, keyword: str) -> bool:
        return _start(keyword) in self._first

    def __iter__(self) -> Iterator[str]:
        """Iterate over the cards as text."""
        for place in range(0, len(self.text), CARD):
            yield self.text[place : place + CARD]

    def __getitem__(self, keyword: str) -> Value:
        return _value(self.card(keyword)[10:])

    def get(self, keyword: str, default: Value = None) -> Value:
        """Return the value of the first card of that name, or the default."""
        return self[keyword] if keyword in self else default

    def all(self, keyword: str) -> list[Value]:
        """Return the values of all cards of that name, in order; `KeyError` without any."""
        if keyword not in self:
            raise KeyError(keyword)
        start = _start(keyword)
        places = [CARD * number for number, own in enumerate(self._starts) if own == start]
        return [_value(self.text[place + 10 : place + CARD]) for place in places]

    def card(self, keyword: str) -> str:
        """Return the first card of that name as text; `KeyError` without any."""
        if keyword not in self:
            raise KeyError(keyword)
        place = CARD * self._first[_start(keyword)]
        return self.text[place : place + CARD]


def _start(keyword: str) -> str:
    """Return how a card begins that has a value."""
    return f"{keyword:8}= "


def _value(field: str) -> Value:
    """Return what the value field of a card holds; its text where FITS has no such value."""
    string = _STRING.match(field)
    if string is not None:
        return string[1].replace("''", "'").rstrip()
    text = field.partition("/")[0].strip()
    if text in ("T", "F"):
        return text == "T"
    if _INTEGER.match(text):
        return int(text)
    if _FLOAT.match(text):
        return float(text.upper().replace("D", "E"))
    return text or None

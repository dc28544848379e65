"""A card of a FITS header as text: read, changed and written without astropy where it is plain."""

__all__ = ["COMMENTARY", "Entry", "formatted", "is_usual"]

import math
import re
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from astropy.io.fits import Card

_SIZE = 80
COMMENTARY = ("", "COMMENT", "HISTORY")
_KEYWORD = re.compile(r"[A-Z0-9_-]{1,8}\Z")
_LONG_KEYWORD = re.compile(r"[A-Z][A-Z0-9_]{8,}\Z")
# What the standard calls fixed format and a little more; whatever else there is, is astropy's.
_FIELD = re.compile(
    r" *(?:'(?P<text>[ -&(-~]*)'(?=\Z|[/ ])"
    r"|(?P<flag>[TF])"
    r"|(?P<number>(?P<whole>[+-]?[0-9]+)(?![0-9.DE])"
    r"|[+-]?(?:\.[0-9]+|[0-9]+\.?[0-9]*)(?:[DE][+-]?[0-9]+)?))?"
    r" *(?:/ *(?P<comment>[!-~][ -~]*)?)?\Z"
)
_RECORD = re.compile(r"= *'[A-Za-z_][\w.]*: ")
_USUAL = re.compile(
    r"(?:(?:(?!END |CONTINUE)(?=[A-Z0-9_-]+ *= )[A-Z0-9_ -]{8}= "
    r"|(?:COMMENT |HISTORY | {8})[ -~]{2})[ -~]{70})*\Z"
)
_PRINTABLE = re.compile(r"[ -~]*\Z")
_UNREAD: Any = object()


class Entry:
    """One card, not to be changed; what it says is found out when it is asked for.

    Parameters
    ----------
    keyword : str
        In capitals, without HIERARCH.
    text : str, optional
        The card as it stands in a file.
    value, comment : optional
        What it says now; `text` is then what it was before, if it was anything.
    """

    __slots__ = ("_comment", "_image", "_number", "_text", "_value", "keyword")

    def __init__(
        self, keyword: str, text: str | None, value: Any = _UNREAD, comment: str = ""
    ) -> None:
        self.keyword = keyword
        self._text = text
        self._value = value
        self._comment = comment
        self._number: str | None = None  # the text of a number that came as text
        self._image = text if value is _UNREAD else None

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the card of 80 characters, of which `is_usual` is true."""
        keyword = text[:8].rstrip()
        if keyword in COMMENTARY:
            return cls(keyword, text, text[8:].rstrip())._as_it_stands(text)
        return cls(keyword, text)

    @classmethod
    def commentary(cls, keyword: str, text: str) -> Self:
        """Return a card of COMMENT or HISTORY."""
        card = f"{keyword:8}{text}".ljust(_SIZE)
        return cls(keyword, card, text)._as_it_stands(card)

    @classmethod
    def of(cls, keyword: str, value: Any, comment: str) -> "Self | None":
        """Return a new card; None if it is of a kind that is left to astropy."""
        image = None if type(value) is str and ": " in value else formatted(keyword, value, comment)
        if image is None:
            return None
        return cls(keyword, None, value, comment)._as_it_stands(image)

    def _as_it_stands(self, image: str) -> Self:
        self._image = image
        return self

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing in it."""
        return self.keyword == "" and not self._value

    @property
    def is_plain(self) -> bool:
        """Whether it is understood here, and conforms to the standard as it stands."""
        return self._value is not _UNREAD or self._read()

    def _read(self) -> bool:
        assert self._text is not None
        match = _FIELD.match(self._text, 10)
        if match is None:
            return False
        text, flag, number, whole, comment = match.groups()
        self._comment = "" if comment is None else comment.rstrip()
        if text is not None:
            self._value = text.rstrip()
        elif flag is not None:
            self._value = flag == "T"
        elif whole is not None:
            self._value = int(whole)
        elif number is not None:
            self._number = number
            self._value = float(number.replace("D", "E"))
        else:
            self._value = None
        return True

    @property
    def value(self) -> Any:
        """What a header returns for the card."""
        if self.is_plain:
            return self._value.rstrip() if type(self._value) is str else self._value
        value = self.card().value  # raises what astropy raises
        return None if type(value).__name__ == "Undefined" else value

    @property
    def comment(self) -> str:
        """The comment of the card."""
        return self._comment.rstrip() if self.is_plain else str(self.card().comment)

    @property
    def image(self) -> str | None:
        """The card in a file; None if astropy has to say."""
        return self._image

    def changed(self, value: Any, comment: str | None) -> "Self | None":
        """Return the card with another value, and comment if it is not None.

        It is None if the card or the value is of a kind that is left to astropy.
        """
        if not self.is_plain or self.keyword in COMMENTARY:
            return None
        old = self.value
        if isinstance(old, str) and isinstance(value, str):
            same = old.rstrip() == value.rstrip()
        elif isinstance(old, bool) or isinstance(value, bool) or old is None or value is None:
            same = old is value
        else:
            same = old == value and isinstance(value, type(old))
        if comment is None or comment == self._comment:
            if same:
                return self
            comment = self._comment
        number = self._number if same else None
        image = formatted(self.keyword, self._value if same else value, comment, number)
        if image is None:
            return None
        new = type(self)(self.keyword, self._text, self._value if same else value, comment)
        new._number = number
        return new._as_it_stands(image)

    def card(self) -> "Card":
        """Return it as a card of astropy."""
        from astropy.io.fits import Card

        if self._text is None:
            prefix = "HIERARCH " if len(self.keyword) > 8 else ""
            return Card(prefix + self.keyword, self._value, self._comment)
        card = Card.fromstring(self._text)
        if self._image != self._text:
            card.value = self._value
            card.comment = self._comment
        return card


def is_usual(text: str) -> bool:
    """Return whether cards of 80 characters are of the kinds that are not left to astropy.

    Those are cards with a value and commentary; not long strings, HIERARCH, and record values.
    """
    return _USUAL.match(text) is not None and _RECORD.search(text) is None


def formatted(keyword: str, value: Any, comment: str, number: str | None = None) -> str | None:
    """Return a card of 80 columns as astropy would write it, None if that is not plain.

    Parameters
    ----------
    keyword : str
        Without HIERARCH, which is added where it is longer than 8 characters.
    value : str, bool, int, float or None
        None for an undefined value.
    comment : str
        Empty for none.
    number : str, optional
        How the value, a float, is written; as short as it can be by default.
    """
    kind = type(value)
    if kind is str:
        text = f"{_quoted(value):20}" if value else "''"
    elif kind is bool:
        text = f"{'T' if value else 'F':>20}"
    elif kind is int:
        text = f"{value:>20d}"
    elif value is None:
        text = ""
    elif isinstance(value, float) and math.isfinite(value):
        text = f"{number or _shortened(str(value)):>20}"
    else:
        return None
    if _KEYWORD.match(keyword):
        start = f"{keyword:8}= "
    elif _LONG_KEYWORD.match(keyword):
        start, text = f"HIERARCH {keyword} = ", text.strip()
    else:
        return None
    card = f"{start}{text} / {comment}" if comment.rstrip() else start + text
    plain = len(card) <= _SIZE and _PRINTABLE.match(card) and keyword not in ("END", "CONTINUE")
    return card.ljust(_SIZE) if plain and keyword not in COMMENTARY else None


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled:8}'"


def _shortened(number: str) -> str:
    """Return a float in the 20 columns that a card has for it, digits cut off."""
    number = number.replace("e", "E")
    if len(number) <= 20:
        return number
    place = number.find("E")
    return number[:20] if place < 0 else number[: 20 - (len(number) - place)] + number[place:]

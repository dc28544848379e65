"""A header in the place of astropy's, for a program that looks at few of hundreds of cards."""

__all__ = ["LeanHeader"]

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from cfhtisr.images.card_text import COMMENTARY, Entry, is_usual

if TYPE_CHECKING:
    from astropy.io.fits import Header

# Of such a keyword astropy makes no other: there is none if there is none of that spelling.
_USUAL = re.compile(r"[A-Z0-9_-]{1,8}\Z|(?:HIERARCH )?[A-Z][A-Z0-9_]{8,}\Z")
_WIDTH = 72  # columns of a commentary card


class LeanHeader:
    """Cards that are read when they are asked for, with the manners of astropy's `Header`.

    Cards and questions of a kind that is not plain are left to astropy: the header then becomes
    one of astropy's, to which it hands on whatever is asked. So nothing that is done to it, and
    no card of it that is written, differs from what that would be with a `Header`; but a
    `Header` it is not, and so it is only used where no one but this package sees it.

    Parameters
    ----------
    cards : iterable of Entry or str
        The cards, in order; as text only those of which `is_usual` is true.
    keywords : iterable of str, optional
        Their keywords, if they are known.
    """

    __slots__ = ("_cards", "_header", "_keywords", "_places", "_repeats")

    def __init__(
        self, cards: Iterable[Entry | str] = (), keywords: Iterable[str] | None = None
    ) -> None:
        self._cards: list[Entry | str | None] = list(cards)  # None: removed
        if keywords is None:
            keywords = [
                card[:8].rstrip() if isinstance(card, str) else card.keyword
                for card in self._cards
                if card is not None
            ]
        self._keywords = list(keywords)  # of each card; empty where it is removed
        self._places: dict[str, int] | None = None  # the first of each keyword
        self._repeats = False
        self._header: Header | None = None

    @classmethod
    def of(cls, texts: Iterable[str]) -> "LeanHeader | Header":
        """Return the header of cards of 80 characters; astropy's if some of them are odd."""
        texts = list(texts)
        whole = "".join(texts)
        if is_usual(whole):
            return cls(texts)
        from astropy.io.fits import Header

        return Header.fromstring(whole)

    @property
    def entries(self) -> list[Entry] | None:
        """The cards; None if astropy has taken over."""
        if self._header is not None:
            return None
        return [self._at(place) for place, card in enumerate(self._cards) if card is not None]

    def _at(self, place: int) -> Entry:
        """Return the card at a place where there is one."""
        card = self._cards[place]
        assert card is not None
        if isinstance(card, str):
            self._cards[place] = card = Entry.read(card)
        return card

    def astropy(self) -> "Header":
        """Return the header of astropy that it is from now on."""
        if self._header is None:
            from astropy.io.fits import Header

            self._header = Header([card.card() for card in self.entries or ()])
            self._cards, self._keywords, self._places = [], [], None
        return self._header

    def _index(self) -> dict[str, int]:
        """Return the first place of each keyword; those of commentary may be wrong."""
        if self._places is None:
            keywords = self._keywords
            # From the end, so that of several cards the first stays.
            places = range(len(keywords) - 1, -1, -1)
            self._places = dict(zip(reversed(keywords), places, strict=True))
            others = sum(keywords.count(name) - 1 for name in COMMENTARY if name in self._places)
            self._repeats = len(self._places) < len(keywords) - others
        return self._places

    def _find(self, key: Any) -> tuple[int, ...] | None:
        """Return the places of a keyword; None if astropy has to say."""
        if self._header is not None or type(key) is not str or _USUAL.match(key) is None:
            return None
        key = key.removeprefix("HIERARCH ")
        if key in COMMENTARY:
            return None
        place = self._index().get(key)
        if place is None:
            return ()
        if not self._repeats:
            return (place,)
        return tuple(place for place, other in enumerate(self._keywords) if other == key)

    def __contains__(self, key: Any) -> bool:
        found = self._find(key)
        return key in self.astropy() if found is None else bool(found)

    def __getitem__(self, key: Any) -> Any:
        number = 0
        if type(key) is tuple and len(key) == 2 and type(key[1]) is int and key[1] >= 0:
            found, number = self._find(key[0]), key[1]
        else:
            found = self._find(key)
        if found is None or len(found) <= number > 0:
            return self.astropy()[key]
        if not found:
            raise KeyError(f"Keyword {key!r} not found.")
        return self._at(found[number]).value

    def get(self, key: Any, default: Any = None) -> Any:
        """Return the value of a card, the default if there is none."""
        try:
            return self[key]
        except (KeyError, IndexError):
            return default

    def __setitem__(self, key: Any, value: Any) -> None:
        found = self._find(key)
        new, comment = value, None
        if type(value) is tuple and len(value) == 2:
            new, comment = value[0], value[1] or ""
        if found is None or not self._set(key.removeprefix("HIERARCH "), found, new, comment):
            self.astropy()[key] = value

    def _set(self, key: str, found: tuple[int, ...], value: Any, comment: Any) -> bool:
        """Change a card or add it; return whether that could be done without astropy."""
        if comment is not None and type(comment) is not str:
            return False
        if found:
            card = self._at(found[0]).changed(value, comment)
            if card is not None:
                self._cards[found[0]] = card
            return card is not None
        card = Entry.of(key, value, comment or "")
        if card is None or self._ends_blank():
            return False
        place = len(self._cards)
        while place and self._keywords[place - 1] in COMMENTARY:
            place -= 1
        # What is moved by it is commentary, which no index has.
        self._cards.insert(place, card)
        self._keywords.insert(place, key)
        self._index()[key] = place
        return True

    def _ends_blank(self) -> bool:
        """Whether the last card is blank: astropy puts others into the place of such ones."""
        for place in range(len(self._cards) - 1, -1, -1):
            if self._cards[place] is not None:
                return self._at(place).is_blank
        return False

    def remove(self, key: Any, ignore_missing: bool = False, remove_all: bool = False) -> None:
        """Remove the first card of a keyword, or all of them."""
        found = self._find(key)
        if found is None or not (found or ignore_missing):
            self.astropy().remove(key, ignore_missing, remove_all)
            return
        for place in found if remove_all else found[:1]:
            self._cards[place], self._keywords[place] = None, ""
        if found[1:] and not remove_all:
            self._places = None
        elif found:
            del self._index()[key.removeprefix("HIERARCH ")]

    def __delitem__(self, key: Any) -> None:
        if self._find(key):
            self.remove(key, remove_all=True)
        else:
            del self.astropy()[key]

    def count(self, key: Any) -> int:
        """Return how many cards a keyword has."""
        found = self._find(key)
        return len(found) if found else self.astropy().count(key)

    def add_history(self, value: Any) -> None:
        """Add a card of HISTORY behind the others, or several if the text is long."""
        plain = type(value) is str and value and value.isascii() and value.isprintable()
        if self._header is not None or not plain or self._ends_blank():
            self.astropy().add_history(value)
            return
        parts = [value[start : start + _WIDTH] for start in range(0, len(value), _WIDTH)]
        place = len(self._cards)
        if "HISTORY" in self._keywords:
            place -= self._keywords[::-1].index("HISTORY")
        if any(keyword not in COMMENTARY for keyword in self._keywords[place:]):
            self._places = None  # they move
        self._cards[place:place] = [Entry.commentary("HISTORY", part) for part in parts]
        self._keywords[place:place] = ["HISTORY"] * len(parts)

    def copy(self) -> "LeanHeader":
        """Return a header of its own with the same cards."""
        other = LeanHeader()
        if self._header is not None:
            other._header = self._header.copy()
            return other
        other._cards, other._keywords = self._cards.copy(), self._keywords.copy()
        other._places = None if self._places is None else self._places.copy()
        other._repeats = self._repeats
        return other

    def __iter__(self) -> Iterator[str]:
        if self._header is not None:
            return iter(self._header)
        pairs = zip(self._cards, self._keywords, strict=True)
        return iter([keyword for card, keyword in pairs if card is not None])

    def __len__(self) -> int:
        if self._header is not None:
            return len(self._header)
        return sum(card is not None for card in self._cards)

    def __eq__(self, other: object) -> bool:
        theirs = other.astropy() if isinstance(other, LeanHeader) else other
        return bool(self.astropy() == theirs)

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return str(self.astropy())

    def __repr__(self) -> str:
        return repr(self.astropy())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.astropy(), name)

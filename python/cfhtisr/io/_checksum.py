"""How a checksum is spelled in a card: 32 bits as 16 letters and digits."""

__all__ = ["BLOCK", "encoded"]

BLOCK = 2880
"""FITS files come in blocks of so many bytes."""

_MASK = 0xFFFFFFFF
_PUNCTUATION = frozenset(b":;<=>?@[\\]^_`")


def encoded(total: int) -> str:
    """Return the value of CHECKSUM that makes the sum of an HDU all ones.

    Each byte of the complement is spread over four characters that add up to it; pairs of
    them are moved apart until none is a punctuation mark. The text is rotated by one place
    because the value of a card begins at column 12.
    """
    letters = bytearray(16)
    for index, value in enumerate((~total & _MASK).to_bytes(4, "big")):
        quarter, rest = divmod(value, 4)
        four = [quarter + rest + 48, quarter + 48, quarter + 48, quarter + 48]
        while any(letter in _PUNCTUATION for letter in four):
            for pair in (0, 2):
                if four[pair] in _PUNCTUATION or four[pair + 1] in _PUNCTUATION:
                    four[pair] += 1
                    four[pair + 1] -= 1
        letters[index::4] = bytes(four)
    return (letters[-1:] + letters[:-1]).decode("ascii")

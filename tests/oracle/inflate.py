"""Gzip as the standard library has it: another implementation, in C."""

import zlib


def inflate(packed):
    """Return what the first member holds, and how many bytes it took; None if it is damaged."""
    stream = zlib.decompressobj(wbits=31)
    try:
        data = stream.decompress(packed)
    except zlib.error:
        return None
    return (data, len(packed) - len(stream.unused_data)) if stream.eof else None

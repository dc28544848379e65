"""Counting flags the slow way."""


def count_planes(mask):
    """Return how many pixels have each of the 32 bits."""
    pixels = [flags & 0xFFFFFFFF for row in mask for flags in row]
    return [sum(flags >> bit & 1 for flags in pixels) for bit in range(32)]


def any_without(mask, some, none):
    """Return whether a pixel has a bit of some and no bit of none."""
    return any(flags & some and not flags & none for row in mask for flags in row)

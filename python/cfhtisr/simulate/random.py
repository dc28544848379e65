"""Streams of random numbers: one for each effect of each CCD.

An effect that is switched off, or another number of workers, leaves the others' draws alone.
"""

__all__ = ["stream"]

import zlib

import numpy as np


def stream(seed: int, effect: str, ccd: int = -1, frame: int = 0) -> np.random.Generator:
    """Return the generator of one effect of one CCD.

    Parameters
    ----------
    seed : int
        Seed of the exposure.
    effect : str
        Such as ``stars``.
    ccd : int, optional
        Number of the CCD; -1 for what all CCDs share.
    frame : int, optional
        Number of the frame, for what differs between the frames of one camera.

    Examples
    --------
    >>> bool(stream(1, "stars", 3).random() == stream(1, "stars", 3).random())
    True
    """
    return np.random.default_rng([seed, zlib.crc32(effect.encode()), ccd + 1, frame])

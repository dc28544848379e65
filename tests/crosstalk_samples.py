"""Detectors of several amplifiers, and an exposure with crosstalk put in."""

import numpy as np

from cfhtisr import Amplifier, Box2I, Detector, Exposure, MaskedImage

CORNERS = ("LL", "LR", "UL", "UR")


def grid(size, count, corners, gap=0, flips=(False, False), xy0=(0, 0)):
    """Return a detector of amplifiers two in a row, and boxes with a gap around each if raw."""
    amps = []
    for number, corner in zip(range(count), corners, strict=False):
        y, x = divmod(number, 2)
        box = Box2I(x * size[1], y * size[0], size[1], size[0])
        wide, high = size[1] + gap, size[0] + gap
        raw = Box2I(xy0[0] + x * wide, xy0[1] + y * high, wide, high)
        amps.append(
            Amplifier(
                f"A{number}",
                box,
                raw,
                Box2I(raw.x0 + (gap if x else 0), raw.y0, size[1], size[0]),
                Box2I(0, 0, 0, 0),
                readout_corner=corner,
                raw_flip_x=flips[0],
                raw_flip_y=flips[1],
            )
        )
    rows = -(-count // 2)
    return Detector("ccd00", 0, Box2I(0, 0, min(count, 2) * size[1], rows * size[0]), amps)


def four_amplifiers():
    """Return an exposure with crosstalk, what it would be without, and the matrix."""
    # The scatter of a coefficient is 3e-7; of this stream, none is more than 1e-6 off.
    rng = np.random.default_rng(3)
    rows, columns = 250, 500
    matrix = np.float32(
        [
            [0, 1e-4, 2e-4, 3e-4],
            [3e-4, 0, 2e-4, 1e-4],
            [4e-4, 5e-4, 0, 6e-4],
            [7e-4, 8e-4, 9e-4, 0],
        ]
    )
    detector = grid((rows, columns), 4, CORNERS)
    signals = np.zeros((4, rows, columns))
    for signal in signals:
        signal[rng.integers(0, rows, 1000), rng.integers(0, columns, 1000)] = 12345
    talked = signals + np.einsum("ij,jyx->iyx", matrix, signals)

    def place(parts):
        turned = [parts[0], parts[1][:, ::-1], parts[2][::-1], parts[3][::-1, ::-1]]
        return np.vstack([np.hstack(turned[:2]), np.hstack(turned[2:])])

    noise = rng.normal(0, 0.1, (2 * rows, 2 * columns))
    detector.crosstalk = matrix
    exposure = Exposure(
        MaskedImage(np.float32(place(talked) + noise), variance=np.ones((2 * rows, 2 * columns))),
        detector=detector,
    )
    return exposure, place(signals) + noise, matrix

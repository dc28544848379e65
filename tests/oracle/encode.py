"""FITS tile compression the slow way, outwards: lists, loops and the standard library only."""

import math
import struct
from fractions import Fraction

import numpy as np

from oracle import codec

BLANK = -2147483647
SIGMAS = (1.0483579, 0.6052697, 0.1772048)


def best_choice(width):
    """Return what chooses the code of a block: enough low bits for half of the mean."""

    def choose(folded):
        total = sum(folded)
        if total == 0:
            return 0
        mean = max(Fraction(total - len(folded) // 2 - 1, len(folded)), 0)
        return min((int(mean) // 2).bit_length() + 1, codec.WHOLE[width])

    return choose


def rice(pixels, width):
    """Return the code of integers, block by block of 32."""
    unsigned = [int(pixel) % (1 << 8 * width) for pixel in pixels]
    return codec.rice_encode(unsigned, width, 32, best_choice(width))


def noise(row):
    """Return the noise of pixels of which none is NaN: the least of three estimates."""
    differences = ([], [], [])
    with np.errstate(all="ignore"):
        for n in range(len(row) - 8):
            v = row[n : n + 9]
            second = abs(v[4] - v[6])
            third = abs(np.float32(2) * v[4] - v[2] - v[6])
            fifth = np.float32(6) * v[4] - np.float32(4) * v[2] - np.float32(4) * v[6]
            fifth = abs(fifth + v[0] + v[8])
            if not v[4] == v[5] == v[6]:
                differences[0].append(second)
            if not v[2] == v[3] == v[4] == v[5] == v[6]:
                differences[1].append(third)
                differences[2].append(fifth)
    estimates = []
    for factor, values in zip(SIGMAS, differences, strict=True):
        # What is no number is larger than all numbers.
        ordered = sorted(values, key=lambda value: (math.isnan(value), value))
        estimates.append(factor * float(ordered[(len(ordered) - 1) // 2]) if ordered else 0.0)
    second, least, fifth = estimates
    for other in (second, fifth):
        if other != 0 and other < least:
            least = other
    return least


def nearest(value):
    return int(value + math.copysign(0.5, value))


def quantize(row, level, method, tile, dither0, table):
    """Return integers, scale and zero point of a row of float32; nothing if it has none."""
    good = [pixel for pixel in row if not math.isnan(pixel)]
    if len(good) < 9 or any(math.isinf(pixel) for pixel in good):
        return None
    low, high = float(min(good)), float(max(good))
    scale = noise(np.array(good, np.float32)) / level
    if not 0 < scale < math.inf or (high - low) / scale > 2.0 * 2147483647 - 10:
        return None
    if len(good) < len(row) or method == "SUBTRACTIVE_DITHER_2":
        zero = low + scale * (2147483647.0 - 10)
    elif (high - low) / scale < 2147483647.0 - 10:
        zero = int(low / scale + 0.5) * scale
    else:
        zero = (low + high) / 2
    seed = (tile + dither0 - 1) % 10000
    place = int(table[seed] * 500)
    stored = []
    for pixel in row:
        if math.isnan(pixel):
            stored.append(BLANK)
        elif method == "SUBTRACTIVE_DITHER_2" and pixel == 0:
            stored.append(codec.ZERO)
        else:
            steps = (float(pixel) - zero) / scale
            if method != "NO_DITHER":
                steps = steps + table[place] - 0.5
            stored.append(nearest(steps))
        place += 1
        if place == 10000:
            seed = (seed + 1) % 10000
            place = int(table[seed] * 500)
    return stored, scale, zero


def shuffle(pixels):
    """Return the bytes of pixels, the high ones of all first."""
    big = np.asarray(pixels).astype(np.asarray(pixels).dtype.newbyteorder(">"))
    raw, size = big.tobytes(), big.dtype.itemsize
    return b"".join(raw[place::size] for place in range(size))


def entropy(data):
    """Return the bits that a code of single bytes of its own cannot do without."""
    total = len(data)
    counts = [data.count(byte) for byte in set(data)]
    return sum(count * math.log2(total / count) for count in counts)


def floats(values):
    return [struct.unpack("f", struct.pack("f", value))[0] for value in values]

"""FITS tile compression the slow way: lists, loops and the standard library only."""

import math
import struct

CHOICE = {1: 3, 2: 4, 4: 5}
WHOLE = {1: 7, 2: 15, 4: 26}
ZERO = -2147483646


def rice_decode(code, width, block, count):
    """Return the pixels, as unsigned numbers, or None where the code ends early."""
    bits = "".join(f"{byte:08b}" for byte in code)
    place = 0

    def take(many):
        nonlocal place
        if place + many > len(bits):
            raise EOFError
        place += many
        return int(bits[place - many : place], 2) if many else 0

    try:
        last = take(8 * width)
        pixels = []
        while len(pixels) < count:
            choice = take(CHOICE[width])
            if choice > WHOLE[width]:
                return None
            for _ in range(min(block, count - len(pixels))):
                if choice == 0:
                    difference = 0
                elif choice == WHOLE[width]:
                    difference = take(8 * width)
                else:
                    zeros = 0
                    while not take(1):
                        zeros += 1
                    difference = (zeros << (choice - 1)) + take(choice - 1)
                    if difference >= 1 << 32:
                        return None
                signed = -(difference // 2) - 1 if difference % 2 else difference // 2
                last = (last + signed) % (1 << 8 * width)
                pixels.append(last)
    except EOFError:
        return None
    return pixels


def rice_encode(pixels, width, block, choices):
    """Return code of unsigned pixels; ``choices`` are asked for the choice of each block."""
    size = 8 * width
    bits = f"{pixels[0]:0{size}b}" if pixels else "0" * size
    last = pixels[0] if pixels else 0
    for start in range(0, len(pixels), block):
        folded = []
        for pixel in pixels[start : start + block]:
            difference = (pixel - last + (1 << size - 1)) % (1 << size) - (1 << size - 1)
            folded.append(2 * difference if difference >= 0 else -2 * difference - 1)
            last = pixel
        choice = choices(folded)
        bits += f"{choice:0{CHOICE[width]}b}"
        for value in folded:
            if choice == WHOLE[width]:
                bits += f"{value:0{size}b}"
            elif choice > 0:
                low = choice - 1
                bits += "0" * (value >> low) + "1"
                bits += f"{value % (1 << low):0{low}b}" if low else ""
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[place : place + 8], 2) for place in range(0, len(bits), 8))


def random_table():
    values, seed = [], 1
    for _ in range(10000):
        seed = seed * 16807 % 2147483647
        values.append(struct.unpack("f", struct.pack("f", seed / 2147483647))[0])
    assert seed == 1043618065
    return values


def dequantize(stored, scale, zero, blank, method, tile, dither0, table):
    seed = (tile + dither0 - 1) % 10000
    place = int(table[seed] * 500)
    pixels = []
    for value in stored:
        if method == "NO_DITHER":
            pixel = value * scale + zero
        else:
            pixel = (value - table[place] + 0.5) * scale + zero
            place += 1
            if place == 10000:
                seed = (seed + 1) % 10000
                place = int(table[seed] * 500)
            if method == "SUBTRACTIVE_DITHER_2" and value == ZERO:
                pixel = 0.0
        pixels.append(math.nan if value == blank else pixel)
    return pixels


def unshuffle(data, size):
    count = len(data) // size
    return bytes(data[byte * count + n] for n in range(count) for byte in range(size))


def pack(values, kind):
    """Return pixels as FITS stores them, 16 bits with an offset of 32768."""
    if kind == "H":
        return b"".join(struct.pack(">h", value - 32768) for value in values)
    return b"".join(struct.pack(f">{kind}", value) for value in values)

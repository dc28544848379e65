"""FITS checksums the slow way: lists, loops and the standard library only."""


def datasum(data, start=0, offset=0):
    padded = bytes(offset % 4) + bytes(data)
    padded += bytes(-len(padded) % 4)
    total = start
    for place in range(0, len(padded), 4):
        total += int.from_bytes(padded[place : place + 4], "big")
        if total > 0xFFFFFFFF:
            total -= 0xFFFFFFFF
    return total

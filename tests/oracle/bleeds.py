"""Runs of flagged pixels in columns the slow way: pixel by pixel."""


def bleed_trails(mask, bits, min_length, elongation):
    """Return column, first row and end of the long and narrow runs."""
    columns = len(mask[0]) if mask else 0
    found = []
    for x in range(columns):
        first = 0
        while first < len(mask):
            end = first
            while end < len(mask) and mask[end][x] & bits:
                end += 1
            if end > first and end - first >= min_length:
                row = mask[(first + end - 1) // 2]
                left = right = x
                while left > 0 and row[left - 1] & bits:
                    left -= 1
                while right + 1 < columns and row[right + 1] & bits:
                    right += 1
                if end - first >= elongation * (right - left + 1):
                    found.append((x, first, end))
            first = end + 1
    return found

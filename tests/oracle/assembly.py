"""Assembly the slow way. A box is (x0, y0, width, height)."""


def place(target, source, to, box, flip_x, flip_y):
    """Copy the pixels of one box to another of the same size, flipped on the way."""
    for dy in range(box[3]):
        for dx in range(box[2]):
            x = box[2] - 1 - dx if flip_x else dx
            y = box[3] - 1 - dy if flip_y else dy
            target[to[1] + dy][to[0] + dx] = source[box[1] + y][box[0] + x]

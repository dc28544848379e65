"""Boxes out of a mask, one pixel at a time."""


def boxes_of_mask(mask):
    """Return (x0, y0, width, height) of the boxes that a mask, a list of rows, is cut into."""
    left = [list(map(bool, row)) for row in mask]
    boxes = []
    for y, row in enumerate(left):
        x = 0
        while x < len(row):
            if not row[x]:
                x += 1
                continue
            end = x
            while end < len(row) and row[end]:
                end += 1
            top = y
            while top < len(left) and all(left[top][x:end]):
                left[top][x:end] = [False] * (end - x)
                top += 1
            boxes.append((x, y, end - x, top - y))
            x = end
    return boxes


def mask_of_boxes(boxes, rows, columns):
    """Return the mask, a list of rows, that boxes cover."""
    mask = [[False] * columns for _ in range(rows)]
    for x0, y0, width, height in boxes:
        for y in range(y0, y0 + height):
            for x in range(x0, x0 + width):
                mask[y][x] = True
    return mask

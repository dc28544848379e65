"""The exceptions that this package adds to Python's own."""

__all__ = [
    "FileFormatError",
    "MissingExtraError",
    "PixelTypeError",
    "ShapeMismatchError",
    "SinglePolygonError",
    "UnknownChoiceError",
]


class FileFormatError(OSError, ValueError):
    """A file is not what it claims or needs to be.

    The text names the file, the HDU and the card where that is known, what came and what
    is wanted.
    """


class MissingExtraError(ImportError):
    """A package is not installed that only some need; the text names the extra that brings it."""


class PixelTypeError(TypeError, RuntimeError):
    """An image holds a type of pixel that a step cannot work on.

    The LSST task raised a RuntimeError here, Python would raise a TypeError: it is both.
    """


class ShapeMismatchError(RuntimeError, ValueError):
    """Planes that belong together differ in size, or do not hold what a box asks for.

    The LSST task raised a RuntimeError here, NumPy would raise a ValueError: it is both.
    """


class SinglePolygonError(RuntimeError, ValueError):
    """Polygons have nothing in common, or more than one part.

    LSST's polygons raise an exception of this kind: it is what the task documents as an error.
    """


class UnknownChoiceError(RuntimeError, ValueError):
    """A name is not one of the choices.

    Generations of the LSST task raised different types here, so this one is all of them.
    """

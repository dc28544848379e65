"""The exceptions that this package adds to Python's own."""

__all__ = ["FileFormatError", "UnknownChoiceError"]


class FileFormatError(OSError, ValueError):
    """A file is not what it claims or needs to be.

    The text names the file, the HDU and the card where that is known, what came and what
    is wanted.
    """


class UnknownChoiceError(RuntimeError, ValueError):
    """A name is not one of the choices.

    Generations of the LSST task raised different types here, so this one is all of them.
    """

"""Raw files for a program that looks at few cards and shows no header to anybody."""

__all__ = ["LeanFrameFile", "LeanRawFile"]

from typing import ClassVar

from cfhtisr.io.raw import RawFile


class LeanRawFile(RawFile):
    """A raw file of which exposures come with a `LeanHeader` and a `LeanWcs`, if they can."""

    _lean: ClassVar[bool] = True


class LeanFrameFile(LeanRawFile):
    """A file of calibration frames, of which nobody asks to what part of the sky they point."""

    _placed: ClassVar[bool] = False

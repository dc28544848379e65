"""What is to be simulated: one frozen set of choices, checked when it is made."""

__all__ = ["HEADER_VARIANTS", "KINDS", "Settings"]

from dataclasses import dataclass
from datetime import date

KINDS = {"o": "OBJECT", "f": "FLAT", "b": "BIAS", "d": "DARK", "x": "FOCUS", "l": "LED"}
"""Kinds of raw frames: the letter that ends their names, and OBSTYPE."""

HEADER_VARIANTS = {
    "": "As the observatory writes today: EXTNAME once.",
    "no-extname": "No EXTNAME at all, as in uncompressed files of 2008.",
    "double-extname": "EXTNAME = COMPRESSED_IMAGE first, the name of the CCD later.",
    "compressed-image": "EXTNAME = COMPRESSED_IMAGE and nothing else.",
    "rdnoise-65535": "RDNOISEA and RDNOISEB of 65535.",
    "shifted-datasec": "DATASEC one pixel off and one pixel too large.",
    "image-primary": "The only CCD in the primary HDU (an IMAGE file).",
}
"""Oddities of real headers that can be asked for."""

_NIGHTS = {36: (date(2003, 2, 1), date(2014, 12, 31)), 40: (date(2015, 1, 1), date(2037, 12, 31))}
_COMPRESSIONS = ("RICE_1", "GZIP_1", "GZIP_2", None)
_ARCHIVES = ("fits.fz", "fits", "fits.gz")


@dataclass(frozen=True)
class Settings:
    """Choices for one simulated exposure and its calibrations.

    Parameters
    ----------
    n_ccd : {36, 40}
        Era of the camera.
    ccds : tuple of int
        The CCDs that are written; empty for all.
    rows, columns : int
        Light-sensitive pixels of a CCD; 32 overscan columns per amplifier and 32 overscan rows
        are added.
    filter : str
        As in the card FILTER.
    seed : int
        All random numbers follow from it; those of one CCD do not depend on the others.
    exposure_time : float
        [s]
    layout : {"spliced", "amplifiers"}
        One HDU per CCD, or one per amplifier as in 2002-3.
    compress : {"RICE_1", "GZIP_1", "GZIP_2", None}
        Tile compression of the raw file and the masters.
    realistic : bool
        Gains 3 % off the header's, read noise with the decimals that headers lack, amplifiers
        that saturate at levels of their own.
    header_variant : str
        A key of `HEADER_VARIANTS`.
    kind : {"o", "f", "b", "d", "x", "l"}
        Kind of the raw frame.
    frame : int
        Frames of one seed have the same camera and sky, and noise and cosmic rays of their own.
    gzip : bool
        Compress the raw file as a whole (``.fits.gz``); wants ``compress=None``.
    crosstalk : float
        What each amplifier leaves on the other, as a part of its own signal, in the order of
        the readout: mirrored about the middle of the CCD.
    nonlinearity : float
        By how much a signal of 50000 ADU comes out too low. The response is the inverse of
        ``v + c v^2``, so that a squared linearizer with `nonlinear_coefficient` is exact.
    dead_amplifiers : tuple of str
        Amplifiers without any light, such as ``12A``; the defects hold them whole.
    bias_jump : float
        Rise of the bias level from the middle row of the frame on [ADU].
    date : str
        The night, UTC, such as ``2019-12-04``, of exposure and masters alike; empty for one that
        suits era and layout.
    """

    n_ccd: int = 40
    ccds: tuple[int, ...] = ()
    rows: int = 4612
    columns: int = 2048
    filter: str = "i.MP9703"
    seed: int = 1
    exposure_time: float = 60.0
    layout: str = "spliced"
    compress: str | None = "RICE_1"
    realistic: bool = False
    header_variant: str = ""
    kind: str = "o"
    frame: int = 0
    gzip: bool = False
    crosstalk: float = 0.0
    nonlinearity: float = 0.0
    dead_amplifiers: tuple[str, ...] = ()
    bias_jump: float = 0.0
    date: str = ""

    def __post_init__(self) -> None:
        def refuse(name: str, wanted: str) -> None:
            raise ValueError(f"{name} is {getattr(self, name)!r}, wanted {wanted}")

        if self.n_ccd not in (36, 40):
            refuse("n_ccd", "36 or 40")
        if any(ccd not in range(self.n_ccd) for ccd in self.ccds):
            refuse("ccds", f"numbers from 0 to {self.n_ccd - 1}")
        object.__setattr__(self, "ccds", tuple(sorted(set(self.ccds))) or tuple(range(self.n_ccd)))
        if self.rows not in range(16, 4613):
            refuse("rows", "16 to 4612")
        if self.columns not in range(16, 2049) or self.columns % 2:
            refuse("columns", "an even number from 16 to 2048")
        if not 0 <= self.seed < 2**63:
            refuse("seed", "0 to 2**63 - 1")
        if not 0 <= self.frame < 100:
            refuse("frame", "0 to 99")
        if not 0 <= self.exposure_time <= 86400:
            refuse("exposure_time", "0 to 86400 seconds")
        if self.layout not in ("spliced", "amplifiers"):
            refuse("layout", "'spliced' or 'amplifiers'")
        if self.compress not in _COMPRESSIONS:
            refuse("compress", "RICE_1, GZIP_1, GZIP_2 or None")
        if self.header_variant not in HEADER_VARIANTS:
            refuse("header_variant", f"one of {', '.join(map(repr, HEADER_VARIANTS))}")
        if self.header_variant == "image-primary" and (
            len(self.ccds) != 1 or self.layout != "spliced" or self.compress
        ):
            refuse("header_variant", "one CCD, spliced and not compressed, with 'image-primary'")
        if self.kind not in KINDS:
            refuse("kind", f"one of {', '.join(KINDS)}")
        if self.gzip and self.compress:
            refuse("gzip", "compress=None beside it: a file is compressed once")
        if not 0 <= self.crosstalk <= 0.1:
            refuse("crosstalk", "0 to 0.1")
        if not 0 <= self.nonlinearity <= 0.1:
            refuse("nonlinearity", "0 to 0.1")
        names = {f"{ccd}{name}" for ccd in range(self.n_ccd) for name in "AB"}
        if not names.issuperset(self.dead_amplifiers):
            refuse("dead_amplifiers", f"names of amplifiers from 0A to {self.n_ccd - 1}B")
        if not -500 <= self.bias_jump <= 500:
            refuse("bias_jump", "-500 to 500 ADU")
        if self.date:
            try:
                night = date.fromisoformat(self.date)
            except ValueError:
                refuse("date", "a date such as 2019-12-04")
            first, last = _NIGHTS[self.n_ccd]
            if not first <= night <= last or self.date != night.isoformat():
                refuse("date", f"{first} to {last}, the era of {self.n_ccd} CCDs")

    @property
    def nonlinear_coefficient(self) -> float:
        """The c of ``v + c v^2``, which makes counts v linear again [1/ADU]."""
        return self.nonlinearity / 50000

    @property
    def jump_row(self) -> int:
        """First raw row behind the jump of the bias."""
        return (self.rows + 32) // 2

    def is_dead(self, ccd: int, amplifier: str) -> bool:
        """Whether no light comes through an amplifier."""
        return f"{ccd}{amplifier}" in self.dead_amplifiers

    @property
    def obsid(self) -> int:
        """Number of the exposure; it follows from era, seed and frame."""
        return self.camera_id + self.frame

    @property
    def camera_id(self) -> int:
        """Number of the first frame, after which the masters are called."""
        return (2600000 if self.n_ccd == 40 else 1300000) + self.seed % 1000 * 100

    @property
    def lit(self) -> bool:
        """Whether light reaches the CCDs."""
        return self.kind not in "bd"

"""Linearity: pixels whose value does not grow in proportion to the light.

A linearizer is an object that is called with an image, the detector and perhaps a log, and
corrects the image in place. What a detector needs is the linearity type of its first amplifier;
its amplifiers hold the coefficients.
"""

__all__ = [
    "LINEARIZERS",
    "LinearizeLookupTable",
    "LinearizePolynomial",
    "LinearizeResult",
    "LinearizeSpline",
    "LinearizeSquared",
    "apply",
    "apply_lookup_table",
]

import itertools
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cfhtisr import _kernels
from cfhtisr.camera.amplifier import Amplifier
from cfhtisr.camera.detector import Detector
from cfhtisr.errors import UnknownChoiceError
from cfhtisr.images import Exposure, Image, MaskedImage
from cfhtisr.images.plane import Plane
from cfhtisr.isr._arrays import readable, writable

Pixels = NDArray[np.float32] | NDArray[np.float64]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LinearizeResult:
    """What a linearizer did.

    Parameters
    ----------
    numAmps : int
        Amplifiers of the detector.
    numLinearized : int
        Those that were corrected.
    numOutOfRange : int
        Pixels whose value a table does not hold.
    """

    numAmps: int
    numLinearized: int
    numOutOfRange: int = 0


def apply(image: Any, detector: Detector, linearizer: Callable[..., Any], log: Any = None) -> Any:
    """Correct the linearity of an image in place.

    Parameters
    ----------
    image : ndarray or Image of float32 or float64, MaskedImage or Exposure
        The assembled CCD [ADU]; of the latter two only the image plane is touched.
    detector : Detector
        Its amplifiers.
    linearizer : callable
        One of this module's, or any that takes image, detector and log.
    log : logging.Logger, optional
        For warnings.

    Returns
    -------
    result : LinearizeResult
        What the linearizer returned.

    Examples
    --------
    >>> from cfhtisr import Amplifier, Box2I, Detector
    >>> box = Box2I(0, 0, 3, 1)
    >>> amplifier = Amplifier(
    ...     "A", box, box, box, box, linearity_type="Squared", linearity_coeffs=(0.01,)
    ... )
    >>> image = np.float32([[0, 1, 10]])
    >>> apply(image, Detector("ccd00", 0, box, [amplifier]), LinearizeSquared())
    LinearizeResult(numAmps=1, numLinearized=1, numOutOfRange=0)
    >>> image
    array([[ 0.  ,  1.01, 11.  ]], dtype=float32)
    """
    if isinstance(image, MaskedImage | Exposure):
        image = image.image
    return linearizer(image, detector, log)


def apply_lookup_table(image: Any, table: ArrayLike, offset: float = 0.0) -> int:
    """Add to each pixel the entry of a table that its value points at.

    Parameters
    ----------
    image : ndarray or Image of float32 or float64, shape (rows, columns)
        Changed in place [ADU].
    table : array_like, shape (entries,)
        What to add, of each value; taken in the precision of the image [ADU].
    offset : float, optional
        Entry of a pixel of 0.

    Returns
    -------
    count : int
        How many pixels the table does not hold: they get its first or last entry.

    Raises
    ------
    TypeError
        If the image holds something else.
    ValueError
        If the table is empty or not of one dimension, or the offset is not finite.

    Notes
    -----
    ``offset + pixel`` is cut to a whole number towards zero; an offset that ends in .5 rounds it
    instead. NaN is counted too.

    Examples
    --------
    >>> image = np.float32([[-1, 0, 1, 2]])
    >>> apply_lookup_table(image, [5, 4, 3])
    1
    >>> image
    array([[4., 5., 5., 5.]], dtype=float32)
    """
    if not math.isfinite(offset):
        raise ValueError(f"offset is {offset}, wanted a finite number")
    pixels: Any = _pixels(image)
    entries = readable("table", table, pixels.dtype, ndim=1)
    return _kernels.apply_lookup_table((pixels, entries), float(offset))


class _Linearizer:
    """What all linearizers share: checks that come before any pixel is changed."""

    LinearityType: ClassVar[str]

    def checkLinearityType(self, detector: Detector) -> None:
        """Refuse a detector whose first amplifier declares another type.

        Raises
        ------
        RuntimeError
            With both types.
        """
        found = detector[0].linearity_type if len(detector) else "None"
        if found != self.LinearityType:
            raise RuntimeError(
                f"linearity type of {detector.name} is {found!r}, wanted {self.LinearityType!r}"
            )

    def _parts(self, image: Any, detector: Detector) -> list[tuple[Amplifier, Pixels]]:
        """Return each amplifier with its pixels."""
        plane = image if isinstance(image, Plane) else Image(_pixels(image))
        return [(amp, _pixels(plane.subset(amp.bbox))) for amp in detector]


class _ByCoefficients(_Linearizer, ABC):
    """A linearizer that reads all from the amplifiers."""

    def __call__(self, image: Any, detector: Detector, log: Any = None) -> LinearizeResult:
        """Correct an image in place.

        Parameters
        ----------
        image : ndarray or Image of float32 or float64
            The assembled CCD [ADU].
        detector : Detector
            Its amplifiers hold boxes and coefficients.
        log : logging.Logger, optional
            For a warning if some amplifier is left alone.

        Raises
        ------
        RuntimeError
            If the detector is of another linearity type.
        ValueError
            If the coefficients of an amplifier make no sense.
        """
        self.checkLinearityType(detector)
        parts = [(pixels, self._terms(amp)) for amp, pixels in self._parts(image, detector)]
        wanted = [(pixels, terms) for pixels, terms in parts if any(terms)]
        for pixels, terms in wanted:
            self._correct(pixels, terms)
        if len(wanted) < len(parts):
            (log or _log).warning(
                "%d of %d amplifiers of %s have coefficients of 0: not linearized",
                len(parts) - len(wanted),
                len(parts),
                detector.name,
            )
        return LinearizeResult(len(parts), len(wanted))

    def _terms(self, amp: Amplifier) -> tuple[float, ...]:
        terms = amp.linearity_coeffs
        if not terms or not all(map(math.isfinite, terms)):
            raise ValueError(
                f"linearity_coeffs of amplifier {amp.name} are {terms}, wanted finite numbers"
            )
        return terms

    @abstractmethod
    def _correct(self, pixels: Pixels, terms: tuple[float, ...]) -> None:
        """Correct the pixels of an amplifier in place."""


class LinearizeSquared(_ByCoefficients):
    """Make each pixel ``x * (1 + c * x)``, ``c`` the first coefficient of its amplifier [1/ADU].

    In the precision of the image. An amplifier whose coefficient is 0 is left alone.
    """

    LinearityType = "Squared"

    def _terms(self, amp: Amplifier) -> tuple[float, ...]:
        first = amp.linearity_coeffs[:1]  # those behind it have no meaning
        if not first or not math.isfinite(first[0]):
            raise ValueError(
                f"linearity_coeffs of amplifier {amp.name} are {amp.linearity_coeffs}, wanted a "
                "finite number first"
            )
        return first

    def _correct(self, pixels: Pixels, terms: tuple[float, ...]) -> None:
        _kernels.linearize_squared(pixels, terms[0])


class LinearizePolynomial(_ByCoefficients):
    """Add ``c[0] x**2 + c[1] x**3 + ...`` to each pixel; beyond the reference.

    In double precision, rounded once. An amplifier whose coefficients are 0 is left alone.

    Examples
    --------
    >>> from cfhtisr import Amplifier, Box2I, Detector
    >>> box = Box2I(0, 0, 2, 1)
    >>> amplifier = Amplifier(
    ...     "A", box, box, box, box, linearity_type="Polynomial", linearity_coeffs=(0.5, 1)
    ... )
    >>> image = np.float32([[1, 2]])
    >>> apply(image, Detector("ccd00", 0, box, [amplifier]), LinearizePolynomial()).numLinearized
    1
    >>> image
    array([[ 2.5, 12. ]], dtype=float32)
    """

    LinearityType = "Polynomial"

    def _correct(self, pixels: Pixels, terms: tuple[float, ...]) -> None:
        _kernels.linearize_polynomial(pixels, terms)


class LinearizeSpline(_ByCoefficients):
    """Subtract a curve through knots from each pixel; beyond the reference.

    The coefficients of an amplifier are the values of its knots, increasing, followed by as
    many numbers that tell by how much such pixels are too large [ADU]. Beyond the end knots
    that number stays what it is there. In double precision, rounded once.

    Parameters
    ----------
    kind : {"AKIMA_SPLINE", "NATURAL_SPLINE"}, optional
        Akima's curve wants five knots or more, the natural one three.

    Raises
    ------
    UnknownChoiceError
        If there is no curve of that name.
    """

    LinearityType = "Spline"

    def __init__(self, kind: str = "AKIMA_SPLINE") -> None:
        if kind not in ("AKIMA_SPLINE", "NATURAL_SPLINE"):
            raise UnknownChoiceError(f"kind is {kind!r}, wanted 'AKIMA_SPLINE' or 'NATURAL_SPLINE'")
        self.kind = kind

    def _terms(self, amp: Amplifier) -> tuple[float, ...]:
        terms = super()._terms(amp)
        half = len(terms) // 2
        wanted = 5 if self.kind == "AKIMA_SPLINE" else 3
        knots = terms[:half]
        increasing = all(a < b for a, b in itertools.pairwise(knots))
        if len(terms) % 2 or half < wanted or not increasing:
            raise ValueError(
                f"linearity_coeffs of amplifier {amp.name} are {len(terms)} numbers, wanted "
                f"increasing values of {wanted} or more knots, and as many corrections"
            )
        # nothing to do where every correction is 0
        return terms if any(terms[half:]) else (0.0,)

    def _correct(self, pixels: Pixels, terms: tuple[float, ...]) -> None:
        half = len(terms) // 2
        knots = list(zip(terms[:half], terms[half:], strict=True))
        _kernels.linearize_spline(pixels, knots, self.kind == "AKIMA_SPLINE")


class LinearizeLookupTable(_Linearizer):
    """Add to each pixel the entry of its amplifier's table that its value points at.

    Parameters
    ----------
    table : array_like, shape (tables, entries)
        What to add, of each value [ADU]; at least as many entries as tables.
    detector : Detector
        The first two coefficients of each amplifier are its row of ``table`` and the entry of
        a pixel of 0; one that ends in .5 rounds to the nearest entry.

    Raises
    ------
    RuntimeError
        If the table has another shape, an amplifier a row that it does not have, or the
        detector another linearity type.

    Notes
    -----
    Only that detector is corrected, with the coefficients that it had then.
    """

    LinearityType = "LookupTable"

    def __init__(self, table: ArrayLike, detector: Detector) -> None:
        entries = np.asarray(table)
        if entries.ndim != 2:
            raise RuntimeError(f"table has shape {entries.shape}, wanted (tables, entries)")
        if entries.shape[1] < entries.shape[0]:
            raise RuntimeError(
                f"table has shape {entries.shape}, wanted at least as many columns as rows: "
                "(tables, entries)"
            )
        kind = np.float32 if entries.dtype == np.float32 else np.float64
        self._table = np.array(readable("table", entries, kind), order="C")
        self.checkLinearityType(detector)
        self._name, self._serial = detector.name, detector.serial
        self._places = [self._place(amp) for amp in detector]

    def _place(self, amp: Amplifier) -> tuple[int, float]:
        """Return row and offset of an amplifier."""
        coeffs = amp.linearity_coeffs
        if len(coeffs) < 2 or not all(map(math.isfinite, coeffs[:2])):
            raise RuntimeError(
                f"linearity_coeffs of amplifier {amp.name} are {coeffs}, wanted a row of the "
                "table and an offset"
            )
        row = int(coeffs[0])
        if not 0 <= row < len(self._table):
            raise RuntimeError(
                f"amplifier {amp.name} wants row {row} of the table, which has {len(self._table)}"
            )
        return row, coeffs[1]

    def __call__(self, image: Any, detector: Detector, log: Any = None) -> LinearizeResult:
        """Correct an image in place.

        Parameters
        ----------
        image : ndarray or Image of float32 or float64
            The assembled CCD [ADU].
        detector : Detector
            That of the construction, or one like it.
        log : logging.Logger, optional
            For a warning if the table does not hold some pixels.

        Raises
        ------
        RuntimeError
            If name, serial number, number of amplifiers or linearity type differ.
        """
        for what, found, wanted in (
            ("name", detector.name, self._name),
            ("serial number", detector.serial, self._serial),
            ("number of amplifiers", len(detector), len(self._places)),
        ):
            if found != wanted:
                raise RuntimeError(f"the detector's {what} is {found!r}, wanted {wanted!r}")
        self.checkLinearityType(detector)
        missed = 0
        parts = self._parts(image, detector)
        for (_, pixels), (row, offset) in zip(parts, self._places, strict=True):
            table = self._table[row].astype(pixels.dtype, copy=False)
            missed += _kernels.apply_lookup_table((pixels, table), offset)  # type: ignore[arg-type]
        if missed:
            (log or _log).warning("%d pixels of %s are out of range", missed, detector.name)
        return LinearizeResult(len(parts), len(parts), missed)


def _pixels(image: Any) -> Pixels:
    """Return the pixels of an image of either precision."""
    double = np.dtype(np.float64)
    found = getattr(image.array if isinstance(image, Plane) else image, "dtype", None)
    return writable("image", image, double if found == double else np.float32)


LINEARIZERS: Mapping[str, type[_Linearizer]] = {
    kind.LinearityType: kind
    for kind in (LinearizeLookupTable, LinearizePolynomial, LinearizeSpline, LinearizeSquared)
}
"""The linearizers by their type."""

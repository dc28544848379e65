"""Throughput over wavelength, the same everywhere or not."""

__all__ = ["TransmissionCurve"]

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

_Floats = NDArray[np.float64]
Transform = Callable[[Any, Any], tuple[Any, Any]]


@dataclass(frozen=True, eq=False)
class _Part:
    """One table, and how a place is brought into its plane."""

    wavelength: _Floats
    throughput: _Floats  # (wavelengths,), or (wavelengths, radii)
    radius: _Floats | None
    outside: tuple[float, float]
    transforms: tuple[Transform, ...] = ()

    def sample(self, x: _Floats, y: _Floats, wavelength: _Floats) -> _Floats:
        if self.radius is None:
            table = np.broadcast_to(self.throughput, (*x.shape, len(self.wavelength)))
        else:
            for function in self.transforms:
                x, y = (np.asarray(each, np.float64) for each in function(x, y))
            at = np.hypot(x, y)
            table = np.stack([np.interp(at, self.radius, row) for row in self.throughput], axis=-1)
        low, high = self.outside
        found = np.empty((*x.shape, len(wavelength)))
        for index in np.ndindex(*x.shape):
            found[index] = np.interp(wavelength, self.wavelength, table[index], low, high)
        return found


class TransmissionCurve:
    """The fraction of light that gets through, over wavelength.

    Parameters
    ----------
    wavelength : array_like of float, shape (n,)
        Growing, at least one [nm].
    throughput : array_like of float, shape (n,) or (n, m)
        Fraction at each wavelength, and at each radius if there are radii. In between it is
        linear.
    radius : array_like of float, shape (m,), optional
        Growing distances from the origin of the plane, in its unit; beyond them the curve is
        that of the nearest.
    at_min, at_max : float, optional
        Fraction below and above all wavelengths.

    Raises
    ------
    ValueError
        If the sizes do not agree, or a number is not finite.

    Examples
    --------
    >>> glass = TransmissionCurve([500, 600], [0.0, 0.8])
    >>> (glass * glass).sample([550, 600, 700]).round(6).tolist()
    [0.16, 0.64, 0.0]
    """

    def __init__(
        self,
        wavelength: ArrayLike,
        throughput: ArrayLike,
        radius: ArrayLike | None = None,
        at_min: float = 0.0,
        at_max: float = 0.0,
    ) -> None:
        waves = _growing("wavelength", wavelength)
        radii = None if radius is None else _growing("radius", radius)
        table = np.array(throughput, np.float64)
        wanted = waves.shape if radii is None else (len(waves), len(radii))
        if table.shape != wanted:
            raise ValueError(f"throughput has shape {table.shape}, wanted {wanted}")
        if not np.isfinite([at_min, at_max, *table.flat]).all():
            raise ValueError("a throughput is not finite")
        part = _Part(waves, table, radii, (float(at_min), float(at_max)))
        self._parts: tuple[_Part, ...] = (part,)

    @classmethod
    def _of(cls, parts: tuple[_Part, ...]) -> "TransmissionCurve":
        curve = cls.__new__(cls)
        curve._parts = parts
        return curve

    @classmethod
    def identity(cls) -> "TransmissionCurve":
        """Return the curve that lets everything through."""
        return cls._of(())

    @property
    def is_constant(self) -> bool:
        """Whether the curve is the same everywhere."""
        return all(part.radius is None for part in self._parts)

    @property
    def wavelengths(self) -> _Floats:
        """All wavelengths at which a part of the curve bends [nm]."""
        return np.unique(np.concatenate([np.empty(0), *(part.wavelength for part in self._parts)]))

    def sample(self, wavelength: ArrayLike, x: ArrayLike = 0.0, y: ArrayLike = 0.0) -> _Floats:
        """Return the throughput.

        Parameters
        ----------
        wavelength : array_like of float, shape (k,) or ()
            Where in the spectrum [nm].
        x, y : array_like of float, optional
            Where in the plane: pixels of a CCD for a curve that is attached to an exposure.

        Returns
        -------
        fraction : ndarray of float64, shape of x, y and then of wavelength
        """
        waves = np.asarray(wavelength, np.float64)
        px, py = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
        fraction = np.ones((*px.shape, waves.size))
        for part in self._parts:
            fraction *= part.sample(px, py, waves.ravel())
        return fraction.reshape(px.shape + waves.shape)

    def transformed(self, function: Transform) -> "TransmissionCurve":
        """Return the curve in another plane.

        Parameters
        ----------
        function : callable
            Gets x and y in the new plane, and returns them in the old one.
        """
        return self._of(
            tuple(replace(p, transforms=(function, *p.transforms)) for p in self._parts)
        )

    def __mul__(self, other: object) -> "TransmissionCurve":
        if not isinstance(other, TransmissionCurve):
            return NotImplemented
        return self._of(self._parts + other._parts)

    def __repr__(self) -> str:
        kind = "the same everywhere" if self.is_constant else "dependent on the place"
        return f"TransmissionCurve({len(self._parts)} parts, {kind})"

    # LSST's names

    @classmethod
    def makeIdentity(cls) -> "TransmissionCurve":
        """Return the curve that lets everything through."""
        return cls.identity()

    @classmethod
    def makeSpatiallyConstant(
        cls,
        throughput: ArrayLike,
        wavelengths: ArrayLike,
        throughputAtMin: float = 0.0,
        throughputAtMax: float = 0.0,
    ) -> "TransmissionCurve":
        """Return a curve that is the same everywhere."""
        return cls(wavelengths, throughput, None, throughputAtMin, throughputAtMax)

    @classmethod
    def makeRadial(
        cls,
        throughput: ArrayLike,
        wavelengths: ArrayLike,
        radii: ArrayLike,
        throughputAtMin: float = 0.0,
        throughputAtMax: float = 0.0,
    ) -> "TransmissionCurve":
        """Return a curve that depends on the distance from the origin."""
        return cls(wavelengths, throughput, radii, throughputAtMin, throughputAtMax)

    def sampleAt(self, position: tuple[float, float], wavelengths: ArrayLike) -> _Floats:
        """Return the throughput at one place."""
        return self.sample(wavelengths, *position)

    def transformedBy(self, transform: Transform) -> "TransmissionCurve":
        """Return the curve in another plane; see `transformed`."""
        return self.transformed(transform)

    def multipliedBy(self, other: "TransmissionCurve") -> "TransmissionCurve":
        """Return the product of two curves."""
        return self * other

    def getWavelengthBounds(self) -> tuple[float, float]:
        """Return the lowest and the highest wavelength of all parts [nm]."""
        waves = self.wavelengths
        return (float(waves[0]), float(waves[-1])) if waves.size else (0.0, np.inf)


def _growing(name: str, values: ArrayLike) -> _Floats:
    array = np.array(values, np.float64)
    if array.ndim != 1 or not array.size or not np.isfinite(array).all():
        raise ValueError(f"{name} has shape {array.shape}, wanted a row of finite numbers")
    if (np.diff(array) <= 0).any():
        raise ValueError(f"{name} does not grow")
    return array

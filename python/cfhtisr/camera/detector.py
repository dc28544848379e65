"""A detector: one CCD and its amplifiers."""

__all__ = ["Detector"]

import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cfhtisr.camera.amplifier import Amplifier
from cfhtisr.images.geom import Box2I
from cfhtisr.images.polygon import Polygon

_Floats = NDArray[np.float64]


class Detector:
    """One CCD: a sequence of its amplifiers, indexed by name or number.

    Parameters
    ----------
    name : str
        Such as ``ccd07``.
    id : int
        Number of the CCD.
    bbox : Box2I
        The assembled, trimmed CCD.
    amplifiers : iterable of Amplifier
        In the order of the camera's description.
    crosstalk : array_like of float, shape (n, n), optional
        Coefficients ``[target, source]``.
    serial : str, optional
        Serial number of the chip.
    offset_mm : (float, float), optional
        Position of the centre of the CCD in the focal plane [mm].
    yaw_deg : float, optional
        Rotation of the CCD in the focal plane, counterclockwise [degree].
    pixel_mm : float, optional
        Size of a pixel [mm]; that of MegaCam's by default.
    detsec : Box2I, optional
        The CCD's pixels in the mosaic.

    Raises
    ------
    ValueError
        If two amplifiers have one name, the crosstalk matrix has the wrong shape, or a pixel
        has no size.
    """

    def __init__(
        self,
        name: str,
        id: int,
        bbox: Box2I,
        amplifiers: Iterable[Amplifier],
        crosstalk: ArrayLike | None = None,
        *,
        serial: str = "",
        offset_mm: tuple[float, float] = (math.nan, math.nan),
        yaw_deg: float = 0.0,
        detsec: Box2I | None = None,
        pixel_mm: float = 0.0135,
    ) -> None:
        self.name = name
        self.id = int(id)
        self.bbox = bbox
        self.amplifiers = tuple(amplifiers)
        self.serial = serial
        self.offset_mm = offset_mm
        self.yaw_deg = float(yaw_deg)
        self.pixel_mm = float(pixel_mm)
        if not (self.pixel_mm > 0 and math.isfinite(self.pixel_mm)):
            raise ValueError(f"a pixel of detector {name} has {pixel_mm} mm, wanted a size")
        self.detsec = detsec
        names = [amplifier.name for amplifier in self.amplifiers]
        if len(set(names)) != len(names):
            raise ValueError(f"detector {name} has amplifiers {names}, wanted different names")
        self.crosstalk: NDArray[np.float32] | None = None
        if crosstalk is not None:
            matrix = np.array(crosstalk, np.float32)
            wanted = (len(names), len(names))
            if matrix.shape != wanted:
                raise ValueError(
                    f"crosstalk of detector {name} has shape {matrix.shape}, wanted {wanted}"
                )
            self.crosstalk = matrix

    @property
    def raw_bbox(self) -> Box2I:
        """All raw pixels of all amplifiers."""
        box = Box2I(0, 0, 0, 0)
        for amplifier in self.amplifiers:
            box = box.union(amplifier.raw_bbox)
        return box

    def copy(self) -> "Detector":
        """Return a detector with amplifiers of its own."""
        return Detector(
            self.name,
            self.id,
            self.bbox,
            [amplifier.copy() for amplifier in self.amplifiers],
            self.crosstalk,
            serial=self.serial,
            offset_mm=self.offset_mm,
            yaw_deg=self.yaw_deg,
            detsec=self.detsec,
            pixel_mm=self.pixel_mm,
        )

    def to_focal_plane(self, x: ArrayLike, y: ArrayLike) -> tuple[_Floats, _Floats]:
        """Return where pixels of the assembled CCD lie in the focal plane.

        Parameters
        ----------
        x, y : array_like of float
            Column and row, counted from 0 at the centre of the first pixel [pixel].

        Returns
        -------
        x, y : ndarray of float64
            Place in the focal plane [mm].

        Raises
        ------
        RuntimeError
            If it is not known where the CCD lies.

        Examples
        --------
        >>> ccd = Detector("ccd00", 0, Box2I(0, 0, 4, 2), [], offset_mm=(10, 20), yaw_deg=180)
        >>> x, y = ccd.to_focal_plane([1.5, 3.5], [0.5, 0.5])
        >>> x.round(6).tolist(), y.round(6).tolist()
        ([10.0, 9.973], [20.0, 20.0])
        """
        cos, sin, middle, offset = self._placed()
        u = (np.asarray(x, np.float64) - middle[0]) * self.pixel_mm
        v = (np.asarray(y, np.float64) - middle[1]) * self.pixel_mm
        return (offset[0] + (cos * u - sin * v), offset[1] + (sin * u + cos * v))

    def to_pixels(self, x: ArrayLike, y: ArrayLike) -> tuple[_Floats, _Floats]:
        """Return which pixels lie where in the focal plane: the inverse of `to_focal_plane`.

        Parameters
        ----------
        x, y : array_like of float
            Place in the focal plane [mm].

        Returns
        -------
        x, y : ndarray of float64
            Column and row of the assembled CCD [pixel].

        Raises
        ------
        RuntimeError
            If it is not known where the CCD lies.
        """
        cos, sin, middle, offset = self._placed()
        u = (np.asarray(x, np.float64) - offset[0]) / self.pixel_mm
        v = (np.asarray(y, np.float64) - offset[1]) / self.pixel_mm
        return (middle[0] + (cos * u + sin * v), middle[1] + (cos * v - sin * u))

    def outline(self) -> Polygon:
        """Return the outer edge of the CCD in the focal plane [mm]."""
        return Polygon.from_box(self.bbox).transform(self.to_focal_plane)

    def _placed(self) -> tuple[float, float, tuple[float, float], tuple[float, float]]:
        """Return cosine and sine of the yaw, the middle [pixel] and where it lies [mm]."""
        if not all(map(math.isfinite, (*self.offset_mm, self.yaw_deg))) or self.bbox.is_empty:
            raise RuntimeError(f"where {self.name} lies in the focal plane is not known")
        quarters, rest = divmod(self.yaw_deg, 90.0)
        if rest == 0.0:  # exact, as MegaCam's 0 and 180
            cos, sin = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[int(quarters) % 4]
        else:
            yaw = math.radians(self.yaw_deg)
            cos, sin = math.cos(yaw), math.sin(yaw)
        middle = ((self.bbox.x0 + self.bbox.x1) / 2, (self.bbox.y0 + self.bbox.y1) / 2)
        return (cos, sin, middle, self.offset_mm)

    def __iter__(self) -> Iterator[Amplifier]:
        return iter(self.amplifiers)

    def __len__(self) -> int:
        return len(self.amplifiers)

    def __getitem__(self, key: str | int) -> Amplifier:
        if isinstance(key, str):
            for amplifier in self.amplifiers:
                if amplifier.name == key:
                    return amplifier
            names = ", ".join(amplifier.name for amplifier in self.amplifiers)
            raise KeyError(f"detector {self.name} has no amplifier {key!r}, only {names}")
        return self.amplifiers[key]

    def __repr__(self) -> str:
        names = ", ".join(amplifier.name for amplifier in self.amplifiers)
        return f"Detector({self.name}, id={self.id}, amplifiers {names})"

    # LSST's names

    def getName(self) -> str:
        """Return the name."""
        return self.name

    def getId(self) -> int:
        """Return the number."""
        return self.id

    def getBBox(self) -> Box2I:
        """Return the box of the assembled CCD."""
        return self.bbox

    def getSerial(self) -> str:
        """Return the serial number of the chip."""
        return self.serial

    def getPixelSize(self) -> tuple[float, float]:
        """Return width and height of a pixel [mm]."""
        return (self.pixel_mm, self.pixel_mm)

    def getAmplifiers(self) -> tuple[Amplifier, ...]:
        """Return the amplifiers."""
        return self.amplifiers

    def getAmpInfoCatalog(self) -> tuple[Amplifier, ...]:
        """Return the amplifiers."""
        return self.amplifiers

    def getCrosstalk(self) -> NDArray[np.float32] | None:
        """Return the crosstalk coefficients, ``[target, source]``."""
        return self.crosstalk

    def hasCrosstalk(self) -> bool:
        """Return whether there are crosstalk coefficients."""
        return self.crosstalk is not None and self.crosstalk.size > 0

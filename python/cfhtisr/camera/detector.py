"""A detector: one CCD and its amplifiers."""

__all__ = ["Detector"]

import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cfhtisr.camera.amplifier import Amplifier
from cfhtisr.images.geom import Box2I


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
        Rotation of the CCD in the focal plane [degree].
    detsec : Box2I, optional
        The CCD's pixels in the mosaic.

    Raises
    ------
    ValueError
        If two amplifiers have one name, or the crosstalk matrix has the wrong shape.
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
    ) -> None:
        self.name = name
        self.id = int(id)
        self.bbox = bbox
        self.amplifiers = tuple(amplifiers)
        self.serial = serial
        self.offset_mm = offset_mm
        self.yaw_deg = float(yaw_deg)
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
        )

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

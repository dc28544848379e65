"""A masked image whose planes are made when somebody looks at them."""

__all__ = ["LaterPlanes"]

from abc import abstractmethod
from typing import Any

import numpy as np

from cfhtisr.images.geom import Box2I
from cfhtisr.images.mask import Mask
from cfhtisr.images.masked_image import MaskedImage
from cfhtisr.images.plane import Image


class LaterPlanes(MaskedImage):
    """What a masked image has, of planes that a subclass makes when they are asked for."""

    __slots__ = ()

    @property
    @abstractmethod
    def planes(self) -> MaskedImage:
        """The pixels; to ask for them is to have them made."""

    @property
    @abstractmethod
    def bbox(self) -> Box2I:
        """The box of these pixels in the parent frame."""

    @property
    def image(self) -> Image:
        """The image plane."""
        return self.planes.image

    @image.setter
    def image(self, values: Any) -> None:
        self.planes.image = values

    @property
    def mask(self) -> Mask:
        """The mask plane."""
        return self.planes.mask

    @mask.setter
    def mask(self, values: Any) -> None:
        self.planes.mask = values

    @property
    def variance(self) -> Image:
        """The variance plane."""
        return self.planes.variance

    @variance.setter
    def variance(self, values: Any) -> None:
        self.planes.variance = values

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel of the image."""
        return np.dtype(np.float32)

    @property
    def xy0(self) -> tuple[int, int]:
        """Column and row of the first pixel in the parent frame."""
        box = self.bbox
        return (box.x0, box.y0)

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.bbox.width

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.bbox.height

    @property
    def shape(self) -> tuple[int, int]:
        """Shape, (rows, columns)."""
        return self.bbox.shape

    def stored(self) -> tuple[Any, Any, Any]:
        """Return the pixels of the planes."""
        return self.planes.stored()

    def extras(self) -> tuple[Any, Any]:
        """Return the pixels of mask and variance."""
        return self.planes.extras()

    def setXY0(self, x0: int, y0: int) -> None:
        """Move the first pixel to another column and row of the parent frame."""
        self.planes.setXY0(x0, y0)

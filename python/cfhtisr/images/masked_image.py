"""Image, mask and variance of the same pixels."""

__all__ = ["MaskedImage"]

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cfhtisr.images.geom import Box2I
from cfhtisr.images.mask import Mask
from cfhtisr.images.plane import Image, Plane


class MaskedImage:
    """Three planes of one shape.

    Parameters
    ----------
    image : array_like or Image, shape (rows, columns)
        Pixel values [ADU unless the exposure says otherwise].
    mask : array_like of int32 or Mask, same shape, optional
        Flags; nothing is flagged if it is left out.
    variance : array_like of float32 or Image, same shape, optional
        Variance of the values [their unit squared]; 0 if it is left out.
    xy0 : (int, int), optional
        Column and row of the first pixel in the parent frame; taken from ``image`` if that
        is a plane.

    Notes
    -----
    Arrays are taken without a copy where type, byte order and number of dimensions allow;
    a raw image keeps its integers, mask and variance become int32 and float32.

    Raises
    ------
    ValueError
        If the planes differ in shape.
    """

    __slots__ = ("_image", "_mask", "_variance")

    def __init__(
        self,
        image: ArrayLike | Image,
        mask: ArrayLike | Mask | None = None,
        variance: ArrayLike | Image | None = None,
        xy0: tuple[int, int] | None = None,
    ) -> None:
        if xy0 is None:
            xy0 = image.xy0 if isinstance(image, Plane) else (0, 0)
        self._image = image if isinstance(image, Image) else Image(image)
        shape = self._image.shape
        # What is left out is made when somebody looks at it; many never do.
        self._mask = mask if isinstance(mask, Mask | None) else Mask(mask)
        if not isinstance(variance, Image | None):
            variance = Image(variance)
        if variance is not None and variance.dtype != np.float32:
            variance = Image(variance.array.astype(np.float32))
        self._variance = variance
        for name, plane in (("mask", self._mask), ("variance", self._variance)):
            if plane is not None and plane.shape != shape:
                raise ValueError(f"{name} has shape {plane.shape}, wanted {shape} as the image")
        for plane in (self._image, self._mask, self._variance):
            if plane is not None:
                plane.setXY0(*xy0)

    @property
    def image(self) -> Image:
        """The image plane; assigning copies into it."""
        return self._image

    @image.setter
    def image(self, values: ArrayLike) -> None:
        self._image.array = values

    @property
    def mask(self) -> Mask:
        """The mask plane; assigning copies into it."""
        if self._mask is None:
            self._mask = Mask(np.zeros(self.shape, np.int32), xy0=self.xy0)
        return self._mask

    @mask.setter
    def mask(self, values: ArrayLike) -> None:
        self.mask.array = values

    @property
    def variance(self) -> Image:
        """The variance plane; assigning copies into it."""
        if self._variance is None:
            self._variance = Image(np.zeros(self.shape, np.float32), xy0=self.xy0)
        return self._variance

    @variance.setter
    def variance(self, values: ArrayLike) -> None:
        self.variance.array = values

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of a pixel of the image."""
        return self._image.dtype

    @property
    def xy0(self) -> tuple[int, int]:
        """Column and row of the first pixel in the parent frame."""
        return self._image.xy0

    @property
    def bbox(self) -> Box2I:
        """The box of these pixels in the parent frame."""
        return self._image.bbox

    @property
    def width(self) -> int:
        """Number of columns."""
        return self._image.width

    @property
    def height(self) -> int:
        """Number of rows."""
        return self._image.height

    @property
    def shape(self) -> tuple[int, int]:
        """Shape, (rows, columns)."""
        return self._image.shape

    def subset(self, box: Box2I) -> "MaskedImage":
        """Return the pixels of a box of the parent frame, shared with this image.

        Raises
        ------
        IndexError
            If the box reaches outside of the image.
        """
        return MaskedImage(self.image.subset(box), self.mask.subset(box), self.variance.subset(box))

    def copy(self) -> "MaskedImage":
        """Return a masked image with pixels of its own."""
        mask, variance = self.extras()
        return MaskedImage(
            self.image.copy(),
            None if mask is None else mask.copy(),
            None if variance is None else variance.copy(),
            xy0=self.xy0,
        )

    def stored(
        self,
    ) -> tuple[NDArray[Any], NDArray[np.int32] | None, NDArray[np.float32] | None]:
        """Return the pixels of the planes; None for mask or variance that was never touched.

        Such a plane is 0 everywhere, and needs no memory until it is asked for.
        """
        return (self._image.array, *self.extras())

    def extras(self) -> tuple[NDArray[np.int32] | None, NDArray[np.float32] | None]:
        """Return the pixels of mask and variance as `stored` does, and leave the image alone."""
        mask, variance = self._mask, self._variance
        return (
            None if mask is None else mask.array,
            None if variance is None else variance.array,
        )

    def every_row(self, step: int) -> tuple[NDArray[Any], NDArray[np.int32]]:
        """Return image and flags of every so many rows; they are only to be looked at."""
        return self.image.array[::step], self.mask.array[::step]

    def __getitem__(self, box: Box2I) -> "MaskedImage":
        return self.subset(box)

    def __repr__(self) -> str:
        return f"MaskedImage({self.width} x {self.height} {self.dtype}, xy0={self.xy0})"

    # LSST's names

    def getImage(self) -> Image:
        """Return the image plane."""
        return self.image

    def getMask(self) -> Mask:
        """Return the mask plane."""
        return self.mask

    def getVariance(self) -> Image:
        """Return the variance plane."""
        return self.variance

    def setImage(self, values: ArrayLike) -> None:
        """Copy values into the image plane."""
        self.image = values

    def setMask(self, values: ArrayLike) -> None:
        """Copy values into the mask plane."""
        self.mask = values

    def setVariance(self, values: ArrayLike) -> None:
        """Copy values into the variance plane."""
        self.variance = values

    def getArrays(self) -> tuple[NDArray[Any], NDArray[np.int32], NDArray[np.float32]]:
        """Return the pixels of image, mask and variance."""
        return (self.image.array, self.mask.array, self.variance.array)

    def getBBox(self) -> Box2I:
        """Return the box of these pixels in the parent frame."""
        return self.bbox

    def getX0(self) -> int:
        """Return the column of the first pixel."""
        return self.xy0[0]

    def getY0(self) -> int:
        """Return the row of the first pixel."""
        return self.xy0[1]

    def getXY0(self) -> tuple[int, int]:
        """Return the column and row of the first pixel."""
        return self.xy0

    def setXY0(self, x0: int, y0: int) -> None:
        """Move the first pixel to another column and row of the parent frame."""
        for plane in (self.image, self._mask, self._variance):
            if plane is not None:
                plane.setXY0(x0, y0)

    def getWidth(self) -> int:
        """Return the number of columns."""
        return self.width

    def getHeight(self) -> int:
        """Return the number of rows."""
        return self.height

    def getDimensions(self) -> tuple[int, int]:
        """Return the size, x first."""
        return (self.width, self.height)

    def clone(self) -> "MaskedImage":
        """Return a masked image with pixels of its own."""
        return self.copy()

"""Masked images on their way to a kernel: their three planes, checked by name."""

__all__ = ["Planes", "check_size", "source", "target"]

import numpy as np
from numpy.typing import NDArray

from cfhtisr.errors import ShapeMismatchError
from cfhtisr.images import MaskedImage
from cfhtisr.isr._arrays import readable, writable

Planes = tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.float32]]


def target(name: str, planes: MaskedImage) -> Planes:
    """Return the arrays of a masked image that a kernel is to change.

    Raises
    ------
    TypeError
        If it is no masked image, or its image is not float32.
    """
    image, mask, variance = _arrays(name, planes)
    return (
        writable(f"{name}.image", image, np.float32),
        writable(f"{name}.mask", mask, np.int32),
        writable(f"{name}.variance", variance, np.float32),
    )


def source(name: str, planes: MaskedImage) -> Planes:
    """Return the arrays of a masked image that a kernel is to read.

    Raises
    ------
    TypeError
        If it is no masked image.
    """
    image, mask, variance = _arrays(name, planes)
    return (
        readable(f"{name}.image", image, np.float32),
        readable(f"{name}.mask", mask, np.int32),
        readable(f"{name}.variance", variance, np.float32),
    )


def check_size(name: str, planes: MaskedImage, target: MaskedImage) -> None:
    """Refuse a frame that does not have the size of the image it corrects.

    Raises
    ------
    ShapeMismatchError
        With both sizes.
    """
    if planes.shape != target.shape:
        raise ShapeMismatchError(
            f"{name} has {planes.width} x {planes.height} pixels, "
            f"wanted {target.width} x {target.height} as the image"
        )


def _arrays(name: str, planes: MaskedImage) -> Planes:
    if not isinstance(planes, MaskedImage):
        raise TypeError(f"{name} is a {type(planes).__name__}, wanted a MaskedImage")
    return planes.getArrays()

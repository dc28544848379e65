"""Pixels and what belongs to them."""

__all__ = [
    "Box2I",
    "Exposure",
    "Image",
    "Mask",
    "MaskedImage",
    "Plane",
    "Polygon",
    "TransmissionCurve",
    "VisitInfo",
]

from cfhtisr.images.exposure import Exposure
from cfhtisr.images.geom import Box2I
from cfhtisr.images.mask import Mask
from cfhtisr.images.masked_image import MaskedImage
from cfhtisr.images.plane import Image, Plane
from cfhtisr.images.polygon import Polygon
from cfhtisr.images.transmission import TransmissionCurve
from cfhtisr.images.visit import VisitInfo

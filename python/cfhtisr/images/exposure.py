"""An exposure of one CCD: pixels, header, detector, WCS, filter, visit and zero point."""

__all__ = ["Exposure", "ExposureInfo"]

import copy
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import ArrayLike

from cfhtisr.images.geom import Box2I
from cfhtisr.images.lean_header import LeanHeader
from cfhtisr.images.mask import Mask
from cfhtisr.images.masked_image import MaskedImage
from cfhtisr.images.plane import Image
from cfhtisr.images.visit import VisitInfo

if TYPE_CHECKING:
    import os

    from astropy.io.fits import Header
    from astropy.nddata import CCDData
    from astropy.wcs import WCS

    from cfhtisr.camera.detector import Detector


class Exposure:
    """A masked image and all that is known of it.

    Parameters
    ----------
    masked_image : MaskedImage or array_like, shape (rows, columns)
        The pixels; an array becomes an image without flags and variance.
    metadata : astropy.io.fits.Header or mapping, optional
        The header, kept whole and in order.
    detector : Detector, optional
        Geometry and electronics of the CCD.
    wcs : astropy.wcs.WCS, optional
        World coordinates of pixel (0, 0) and up of this image.
    filter : str, optional
        Name of the filter as in the header, such as ``r.MP9601``.
    visit_info : VisitInfo or mapping, optional
        A mapping has keys out of ``exposure_id``, ``exposure_time`` [s], ``dark_time`` [s],
        ``mjd`` [d] and ``visit``.

    Attributes
    ----------
    flux_mag0 : float
        Counts of a source of magnitude 0 in this exposure [ADU]; NaN until it is set.
    valid_polygon : sequence of (float, float) or None
        Corners of the part of the image that light could reach [pixel].
    transmission_curve : object or None
        Throughput over wavelength.
    provenance : mapping of str to str, int or float
        How the exposure was made, as read from a file; it is written along.
    identity : str
        What it was read from: file, CCD and the sum of its data; empty for what was made.
    """

    def __init__(
        self,
        masked_image: MaskedImage | ArrayLike,
        metadata: "Header | Mapping[str, Any] | None" = None,
        detector: "Detector | None" = None,
        wcs: "WCS | None" = None,
        filter: str | None = None,
        visit_info: VisitInfo | Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(masked_image, MaskedImage):
            masked_image = MaskedImage(masked_image)
        if filter is not None and not isinstance(filter, str):
            raise TypeError(f"filter is {filter!r}, wanted the name of a filter")
        self._masked_image = masked_image
        self.setMetadata(metadata)
        self.detector = detector
        self.wcs = wcs
        self.filter = filter
        self.visit_info = VisitInfo.of(visit_info)
        self.flux_mag0 = math.nan
        self.valid_polygon: Any = None
        self.transmission_curve: Any = None
        self.provenance: Mapping[str, str | int | float] = {}
        self.identity = ""

    @property
    def masked_image(self) -> MaskedImage:
        """The three planes."""
        return self._masked_image

    @masked_image.setter
    def masked_image(self, planes: MaskedImage) -> None:
        if not isinstance(planes, MaskedImage):
            raise TypeError(f"masked_image is {type(planes).__name__}, wanted a MaskedImage")
        self._masked_image = planes

    @property
    def maskedImage(self) -> MaskedImage:
        """The three planes."""
        return self._masked_image

    @maskedImage.setter
    def maskedImage(self, planes: MaskedImage) -> None:
        self.masked_image = planes

    @property
    def image(self) -> Image:
        """The image plane; assigning copies into it."""
        return self._masked_image.image

    @image.setter
    def image(self, values: ArrayLike) -> None:
        self._masked_image.image.array = values

    @property
    def mask(self) -> Mask:
        """The mask plane; assigning copies into it."""
        return self._masked_image.mask

    @mask.setter
    def mask(self, values: ArrayLike) -> None:
        self._masked_image.mask.array = values

    @property
    def variance(self) -> Image:
        """The variance plane; assigning copies into it."""
        return self._masked_image.variance

    @variance.setter
    def variance(self, values: ArrayLike) -> None:
        self._masked_image.variance.array = values

    @property
    def metadata(self) -> "Header":
        """The header; a mapping that is assigned becomes one."""
        return self._metadata

    @metadata.setter
    def metadata(self, cards: "Header") -> None:
        self.setMetadata(cards)

    @property
    def bbox(self) -> Box2I:
        """The box of these pixels in the parent frame."""
        return self._masked_image.bbox

    @property
    def width(self) -> int:
        """Number of columns."""
        return self._masked_image.width

    @property
    def height(self) -> int:
        """Number of rows."""
        return self._masked_image.height

    def with_pixels(self, planes: MaskedImage) -> Self:
        """Return an exposure of other pixels that shares all else with this one."""
        other = copy.copy(self)
        other.masked_image = planes
        return other

    def with_header(self, without: Iterable[str] = ()) -> Self:
        """Return an exposure with a header of its own that shares all else with this one.

        Parameters
        ----------
        without : iterable of str, optional
            Keywords whose cards are left out.
        """
        other = copy.copy(self)
        if isinstance(self._metadata, LeanHeader):
            other._metadata = self._metadata.copy()
            for keyword in without:
                other._metadata.remove(keyword, ignore_missing=True, remove_all=True)
            return other
        from cfhtisr.images.header import copied

        other._metadata = copied(self._metadata, without)
        return other

    def subset(self, box: Box2I) -> Self:
        """Return the pixels of a box of the parent frame, shared with this exposure.

        Raises
        ------
        IndexError
            If the box reaches outside of the exposure.
        """
        part = self.with_pixels(self._masked_image.subset(box))
        if self.wcs is not None:
            x0, y0 = self._masked_image.xy0
            part.wcs = self.wcs.deepcopy()
            part.wcs.wcs.crpix -= (box.x0 - x0, box.y0 - y0)
        return part

    def copy(self) -> Self:
        """Return an exposure with pixels and header of its own."""
        return self.with_pixels(self._masked_image.copy()).with_header()

    def __getitem__(self, box: Box2I) -> Self:
        return self.subset(box)

    def __repr__(self) -> str:
        name = "no detector" if self.detector is None else self.detector.name
        return f"Exposure({self._masked_image!r}, {name}, filter={self.filter!r})"

    def write(self, path: "str | os.PathLike[str]", **options: Any) -> None:
        """Write the exposure to a FITS file; see `cfhtisr.io.write_exposure`."""
        from cfhtisr.io import write_exposure

        write_exposure(self, path, **options)

    def to_ccddata(self, **options: Any) -> "CCDData":
        """Return an astropy `CCDData`; see `cfhtisr.io.ccddata.to_ccddata`."""
        from cfhtisr.io.ccddata import to_ccddata

        return to_ccddata(self, **options)

    @classmethod
    def from_ccddata(cls, ccd: "CCDData", **options: Any) -> "Exposure":
        """Return an exposure of an astropy `CCDData`; see `cfhtisr.io.ccddata.from_ccddata`."""
        from cfhtisr.io.ccddata import from_ccddata

        exposure: Exposure = from_ccddata(ccd, **options)
        return exposure

    # LSST's names

    def getMaskedImage(self) -> MaskedImage:
        """Return the three planes."""
        return self._masked_image

    def setMaskedImage(self, planes: MaskedImage) -> None:
        """Replace the three planes."""
        self.masked_image = planes

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

    def getBBox(self) -> Box2I:
        """Return the box of these pixels in the parent frame."""
        return self.bbox

    def getX0(self) -> int:
        """Return the column of the first pixel."""
        return self._masked_image.xy0[0]

    def getY0(self) -> int:
        """Return the row of the first pixel."""
        return self._masked_image.xy0[1]

    def getXY0(self) -> tuple[int, int]:
        """Return the column and row of the first pixel."""
        return self._masked_image.xy0

    def setXY0(self, x0: int, y0: int) -> None:
        """Move the first pixel to another column and row of the parent frame."""
        self._masked_image.setXY0(x0, y0)

    def getWidth(self) -> int:
        """Return the number of columns."""
        return self.width

    def getHeight(self) -> int:
        """Return the number of rows."""
        return self.height

    def getDimensions(self) -> tuple[int, int]:
        """Return the size, x first."""
        return (self.width, self.height)

    def getMetadata(self) -> "Header":
        """Return the header."""
        return self.metadata

    def setMetadata(self, metadata: "Header | Mapping[str, Any] | None") -> None:
        """Replace the header; a mapping becomes one."""
        if not isinstance(metadata, LeanHeader):
            from astropy.io.fits import Header

            from cfhtisr.images.header import of_mapping

            if not isinstance(metadata, Header):
                metadata = of_mapping({} if metadata is None else metadata)
        self._metadata: Header = metadata

    def getDetector(self) -> "Detector | None":
        """Return the detector."""
        return self.detector

    def setDetector(self, detector: "Detector | None") -> None:
        """Replace the detector."""
        self.detector = detector

    def getWcs(self) -> "WCS | None":
        """Return the world coordinates."""
        return self.wcs

    def setWcs(self, wcs: "WCS | None") -> None:
        """Replace the world coordinates."""
        self.wcs = wcs

    def hasWcs(self) -> bool:
        """Return whether there are world coordinates."""
        return self.wcs is not None

    def getFilter(self) -> str | None:
        """Return the name of the filter."""
        return self.filter

    def setFilter(self, filter: str | None) -> None:
        """Replace the name of the filter."""
        self.filter = filter

    def getVisitInfo(self) -> VisitInfo | None:
        """Return identity and times."""
        return self.visit_info

    def setVisitInfo(self, visit_info: VisitInfo | Mapping[str, Any] | None) -> None:
        """Replace identity and times."""
        self.visit_info = VisitInfo.of(visit_info)

    def getFluxMag0(self) -> float:
        """Return the counts of a source of magnitude 0 [ADU]."""
        return self.flux_mag0

    def setFluxMag0(self, flux: float) -> None:
        """Replace the counts of a source of magnitude 0 [ADU]."""
        self.flux_mag0 = float(flux)

    def getValidPolygon(self) -> Any:
        """Return the corners of the part that light could reach."""
        return self.valid_polygon

    def setValidPolygon(self, polygon: Any) -> None:
        """Replace the corners of the part that light could reach."""
        self.valid_polygon = polygon

    def getTransmissionCurve(self) -> Any:
        """Return the throughput over wavelength."""
        return self.transmission_curve

    def setTransmissionCurve(self, curve: Any) -> None:
        """Replace the throughput over wavelength."""
        self.transmission_curve = curve

    def getInfo(self) -> "ExposureInfo":
        """Return the facade under which LSST code looks for what is not pixels."""
        return ExposureInfo(self)

    def clone(self) -> Self:
        """Return an exposure with pixels and header of its own."""
        return self.copy()


class ExposureInfo:
    """What `Exposure.getInfo` returns: the same facts under LSST's names."""

    def __init__(self, exposure: Exposure) -> None:
        self._exposure = exposure

    def getVisitInfo(self) -> VisitInfo | None:
        """Return identity and times."""
        return self._exposure.visit_info

    def setVisitInfo(self, visit_info: VisitInfo | Mapping[str, Any] | None) -> None:
        """Replace identity and times."""
        self._exposure.setVisitInfo(visit_info)

    def hasVisitInfo(self) -> bool:
        """Return whether identity and times are known."""
        return self._exposure.visit_info is not None

    def getDetector(self) -> "Detector | None":
        """Return the detector."""
        return self._exposure.detector

    def setDetector(self, detector: "Detector | None") -> None:
        """Replace the detector."""
        self._exposure.detector = detector

    def hasDetector(self) -> bool:
        """Return whether there is a detector."""
        return self._exposure.detector is not None

    def getMetadata(self) -> "Header":
        """Return the header."""
        return self._exposure.metadata

    def setMetadata(self, metadata: "Header | Mapping[str, Any] | None") -> None:
        """Replace the header; a mapping becomes one."""
        self._exposure.setMetadata(metadata)

    def getWcs(self) -> "WCS | None":
        """Return the world coordinates."""
        return self._exposure.wcs

    def setWcs(self, wcs: "WCS | None") -> None:
        """Replace the world coordinates."""
        self._exposure.wcs = wcs

    def hasWcs(self) -> bool:
        """Return whether there are world coordinates."""
        return self._exposure.wcs is not None

    def getFilter(self) -> str | None:
        """Return the name of the filter."""
        return self._exposure.filter

    def setFilter(self, filter: str | None) -> None:
        """Replace the name of the filter."""
        self._exposure.filter = filter

    def getValidPolygon(self) -> Any:
        """Return the corners of the part that light could reach."""
        return self._exposure.valid_polygon

    def setValidPolygon(self, polygon: Any) -> None:
        """Replace the corners of the part that light could reach."""
        self._exposure.valid_polygon = polygon

    def hasValidPolygon(self) -> bool:
        """Return whether it is known which part light could reach."""
        return self._exposure.valid_polygon is not None

    def getTransmissionCurve(self) -> Any:
        """Return the throughput over wavelength."""
        return self._exposure.transmission_curve

    def setTransmissionCurve(self, curve: Any) -> None:
        """Replace the throughput over wavelength."""
        self._exposure.transmission_curve = curve

    def hasTransmissionCurve(self) -> bool:
        """Return whether a throughput is attached."""
        return self._exposure.transmission_curve is not None

"""Exposures as astropy's `CCDData`, and back."""

__all__ = ["REJECT", "from_ccddata", "to_ccddata"]

from collections.abc import Iterable
from typing import Any

import numpy as np
from astropy import units
from astropy.io.fits import Header
from astropy.nddata import (
    CCDData,
    InverseVariance,
    StdDevUncertainty,
    VarianceUncertainty,
)
from numpy.typing import NDArray

from cfhtisr.camera.detector import Detector
from cfhtisr.images.exposure import Exposure
from cfhtisr.images.mask import Mask
from cfhtisr.images.masked_image import MaskedImage
from cfhtisr.images.visit import VisitInfo

REJECT = ("BAD", "SAT", "CR", "NO_DATA", "UNMASKEDNAN")
"""The planes whose pixels are masked unless others are named."""


def to_ccddata(exposure: Exposure, reject: str | Iterable[str] = REJECT) -> CCDData:
    """Return an exposure as a `CCDData`, which shares its pixels and keeps their type.

    Parameters
    ----------
    exposure : Exposure
        What to convert.
    reject : str or iterable of str, optional
        The planes whose pixels are masked.

    Returns
    -------
    ccd : CCDData
        ``data``, ``flags`` and the array of ``uncertainty`` (a `VarianceUncertainty`; none
        if the variance is 0 everywhere) are the planes themselves. ``meta`` is a copy of
        the header with ``FILTER``, ``FLUXMAG0``, ``LTV1`` and ``LTV2`` added where they
        are needed.

    Raises
    ------
    KeyError
        If there is no plane of a name.
    ValueError
        If ``BUNIT`` is no unit.

    Examples
    --------
    >>> ccd = to_ccddata(Exposure(MaskedImage([[7.0, 8.0]], [[0, 2]], [[4.0, 4.0]])))
    >>> ccd.mask, ccd.unit
    (array([[False,  True]]), Unit("adu"))
    """
    planes = exposure.masked_image
    flags = planes.mask.array
    variance = planes.variance.array
    meta = exposure.metadata.copy()
    facts: dict[str, Any] = {}
    if exposure.filter is not None:
        facts["FILTER"] = exposure.filter
    if not np.isnan(exposure.flux_mag0):
        facts["FLUXMAG0"] = exposure.flux_mag0
    if planes.xy0 != (0, 0):
        facts["LTV1"], facts["LTV2"] = -planes.xy0[0], -planes.xy0[1]
    for name, value in facts.items():
        if meta.get(name) != value:
            meta[name] = value
    return CCDData(
        planes.image.array,
        unit=_unit(meta),
        mask=(flags & np.int32(Mask.bitmask(reject))) != 0,
        flags=flags,
        uncertainty=VarianceUncertainty(variance, copy=False) if variance.any() else None,
        meta=meta,
        wcs=exposure.wcs,
        copy=False,
    )


def from_ccddata(
    ccd: CCDData,
    reject: str | Iterable[str] = REJECT,
    plane: str = "BAD",
    detector: Detector | None = None,
) -> Exposure:
    """Return a `CCDData` as an exposure, which shares its pixels where types allow.

    Parameters
    ----------
    ccd : CCDData
        What to convert. ``flags`` of whole numbers become the mask plane.
    reject : str or iterable of str, optional
        A masked pixel is explained if one of these planes is set in its flags.
    plane : str, optional
        The plane of a masked pixel that its flags do not explain.
    detector : Detector, optional
        The detector, of which a `CCDData` knows nothing.

    Returns
    -------
    exposure : Exposure
        Filter, times, zero point and position are those of the cards ``FILTER``,
        ``EXPTIME``, ``DARKTIME``, ``MJD-OBS``, ``OBSID``, ``FLUXMAG0``, ``LTV1`` and
        ``LTV2``.

    Raises
    ------
    TypeError
        If flags or uncertainty are of a kind that has no meaning here.
    ValueError
        If the data do not have two dimensions, or planes differ in shape.

    Examples
    --------
    >>> ccd = CCDData([[7.0, 8.0]], unit="adu", uncertainty=StdDevUncertainty([[2.0, 3.0]]))
    >>> from_ccddata(ccd).variance.array
    array([[4., 9.]], dtype=float32)
    """
    if not isinstance(ccd, CCDData):
        raise TypeError(f"ccd is {type(ccd).__name__}, wanted a CCDData")
    meta = ccd.meta.copy() if isinstance(ccd.meta, Header) else Header(list(ccd.meta.items()))
    unit = _unit(meta)
    if ccd.unit != unit:
        meta["BUNIT"] = ccd.unit.to_string()
    xy0 = (-round(meta.get("LTV1", 0)), -round(meta.get("LTV2", 0)))
    planes = MaskedImage(ccd.data, _flags(ccd, reject, plane), _variance(ccd), xy0)
    exposure = Exposure(planes, meta, detector, ccd.wcs, meta.get("FILTER"))
    if "EXPTIME" in meta:
        exposure.visit_info = VisitInfo(
            exposure_time=meta["EXPTIME"],
            dark_time=meta.get("DARKTIME", np.nan),
            mjd=meta.get("MJD-OBS", np.nan),
            visit=meta.get("OBSID", 0),
        )
    exposure.flux_mag0 = meta.get("FLUXMAG0", np.nan)
    return exposure


def _unit(meta: Header) -> units.UnitBase:
    text = str(meta.get("BUNIT") or "adu").strip()
    try:
        return units.Unit(text)
    except ValueError:
        return units.Unit(text.lower())  # such as ADU


def _flags(ccd: CCDData, reject: str | Iterable[str], plane: str) -> NDArray[np.int32] | None:
    flags: NDArray[np.int32] | None = None
    if ccd.flags is not None:
        if not isinstance(ccd.flags, np.ndarray) or ccd.flags.dtype.kind not in "iu":
            raise TypeError(
                f"flags are {type(ccd.flags).__name__}, wanted an array of whole numbers"
            )
        flags = Mask(ccd.flags).array
    if ccd.mask is None or not np.any(ccd.mask):
        return flags
    bit = np.int32(Mask.bitmask(plane))
    masked = np.broadcast_to(np.asarray(ccd.mask, bool), ccd.data.shape)
    if flags is None:
        return np.where(masked, bit, np.int32(0))
    unexplained = masked & (flags & np.int32(Mask.bitmask(reject)) == 0)
    return np.where(unexplained, flags | bit, flags) if unexplained.any() else flags


def _variance(ccd: CCDData) -> NDArray[Any] | None:
    uncertainty = ccd.uncertainty
    if uncertainty is None:
        return None
    values = np.asarray(uncertainty.array)
    if isinstance(uncertainty, VarianceUncertainty):
        power = 2
        variance = values
    elif isinstance(uncertainty, StdDevUncertainty):
        power = 1
        variance = values * values
    elif isinstance(uncertainty, InverseVariance):
        power = -2
        with np.errstate(divide="ignore"):
            variance = 1 / values
    else:
        raise TypeError(
            f"uncertainty is {type(uncertainty).__name__}, wanted a variance, "
            "an inverse variance or a standard deviation"
        )
    if uncertainty.unit is not None and uncertainty.unit != ccd.unit**power:
        factor = (1 * uncertainty.unit).to_value(ccd.unit**power) ** (2 / power)
        variance = variance * variance.dtype.type(factor)
    return variance

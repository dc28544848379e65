"""The throughput of everything between the stars and a CCD."""

__all__ = ["attach"]

from cfhtisr.images import Exposure
from cfhtisr.images.transmission import TransmissionCurve


def attach(
    exposure: Exposure,
    optics: TransmissionCurve | None = None,
    filter: TransmissionCurve | None = None,
    sensor: TransmissionCurve | None = None,
    atmosphere: TransmissionCurve | None = None,
) -> TransmissionCurve:
    """Attach the product of several throughputs to an exposure.

    Parameters
    ----------
    exposure : Exposure
        An exposure with a detector.
    optics, filter, atmosphere : TransmissionCurve, optional
        Throughputs in the focal plane [mm].
    sensor : TransmissionCurve, optional
        The throughput of the CCD, in its pixels.

    Returns
    -------
    curve : TransmissionCurve
        What was attached, in pixels of the CCD; 1 everywhere if there are none.

    Raises
    ------
    RuntimeError
        If the exposure has no detector, or the throughput depends on the place in the focal
        plane, and that of the CCD is not known.
    TypeError
        If one of them is no curve.
    """
    detector = exposure.detector
    if detector is None:
        raise RuntimeError("the exposure has no detector, which a throughput needs")
    curve = TransmissionCurve.identity()
    for name, each in (("atmosphere", atmosphere), ("optics", optics), ("filter", filter)):
        curve = curve * _curve(name, each)
    if not curve.is_constant:
        detector.outline()  # refuses one without a place
        curve = curve.transformed(detector.to_focal_plane)
    curve = curve * _curve("sensor", sensor)
    exposure.transmission_curve = curve
    return curve


def _curve(name: str, curve: TransmissionCurve | None) -> TransmissionCurve:
    if curve is None:
        return TransmissionCurve.identity()
    if not isinstance(curve, TransmissionCurve):
        raise TypeError(f"{name} is {type(curve).__name__}, wanted a TransmissionCurve")
    return curve

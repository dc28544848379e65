"""The methods of `IsrTask` that say where a CCD is, and what light reaches it."""

__all__ = ["GeometryMethods"]

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cfhtisr.camera.detector import Detector
from cfhtisr.errors import SinglePolygonError
from cfhtisr.images import Exposure, Polygon
from cfhtisr.images.transmission import TransmissionCurve
from cfhtisr.isr import distortion, transmission
from cfhtisr.tasks.record import note


class GeometryMethods:
    """Valid polygon, throughput and distortion."""

    if TYPE_CHECKING:
        config: Any
        log: Any
        vignette: Any
        assembleCcd: Any

    def setValidPolygonIntersect(
        self, ccdExposure: Exposure, fpPolygon: Polygon | Iterable[tuple[float, float]]
    ) -> None:
        """Set the part of the CCD that light could reach.

        Parameters
        ----------
        ccdExposure : Exposure
            An assembled, trimmed CCD; its ``valid_polygon`` becomes what the polygon and the
            outer edge of the CCD have in common [pixel].
        fpPolygon : Polygon or iterable of (float, float)
            The lit part of the focal plane [mm].

        Raises
        ------
        RuntimeError
            If there is no detector whose place is known, or the two have not exactly one part
            in common.
        TypeError
            If it is no polygon.
        """
        detector = self._seen_by(ccdExposure)
        if not isinstance(fpPolygon, Iterable):
            raise TypeError(f"fpPolygon is {type(fpPolygon).__name__}, wanted a Polygon")
        lit = fpPolygon if isinstance(fpPolygon, Polygon) else Polygon(fpPolygon)
        try:
            part = detector.outline().single_intersection(lit)
        except SinglePolygonError as error:
            raise SinglePolygonError(f"{detector.name} and the lit polygon: {error}") from None
        ccdExposure.valid_polygon = part.transform(detector.to_pixels)
        share = part.area / detector.outline().area
        self.log.info("%.1f %% of %s is lit", 100 * share, detector.name)

    def attachTransmissionCurve(
        self,
        exposure: Exposure,
        opticsTransmission: TransmissionCurve | None = None,
        filterTransmission: TransmissionCurve | None = None,
        sensorTransmission: TransmissionCurve | None = None,
        atmosphereTransmission: TransmissionCurve | None = None,
    ) -> TransmissionCurve:
        """Attach the product of several throughputs to an exposure.

        Parameters
        ----------
        exposure : Exposure
            An exposure with a detector.
        opticsTransmission, filterTransmission, atmosphereTransmission : TransmissionCurve
            Throughputs in the focal plane [mm]; optional.
        sensorTransmission : TransmissionCurve, optional
            The throughput of the CCD, in its pixels.

        Returns
        -------
        curve : TransmissionCurve
            In pixels of the CCD; 1 everywhere if there are none.

        Raises
        ------
        RuntimeError
            If there is no detector.
        TypeError
            If one of them is no curve.
        """
        return transmission.attach(
            exposure,
            opticsTransmission,
            filterTransmission,
            sensorTransmission,
            atmosphereTransmission,
        )

    def addDistortionModel(self, exposure: Exposure, camera: Any) -> None:
        """Put the camera's distortion into the WCS of an exposure.

        The new WCS has SIP polynomials, which files can hold, instead of the exact transform,
        `cfhtisr.isr.distortion.pixel_to_sky`; how far it is from that over the CCD is measured
        and noted in the header as ``ISR_SIP_RESIDUAL`` [pixel]. MegaCam's nominal headers place
        the CCDs on the sky as if they knew of it: see the notes of
        `cfhtisr.isr.distortion.add_model`.

        Parameters
        ----------
        exposure : Exposure
            An assembled, trimmed CCD with a WCS that is a plain TAN.
        camera : Camera
            The camera; see `cfhtisr.camera.megacam`.

        Raises
        ------
        RuntimeError
            If there is no WCS, no camera or no detector (in this order), or the WCS is another.
        """
        distortion.check(exposure, camera)
        self._seen_by(exposure)
        fit = distortion.add_model(exposure, camera)
        header = exposure.metadata
        note(header, "ISR_SIP_RESIDUAL", fit.residual, "[pixel] largest, WCS to distortion")
        self.log.debug("Distortion as SIP of degree %d, to %.2g pixel", fit.order, fit.residual)

    def _check_geometry(self, exposure: Exposure, camera: Any) -> None:
        """Refuse early what the steps that need the place of a CCD would refuse at the end."""
        config = self.config
        kind = type(self)
        polygon = config.doVignette and self.vignette.config.doWriteVignettePolygon
        if polygon and kind.setValidPolygonIntersect is GeometryMethods.setValidPolygonIntersect:
            self._placed(exposure)
        if config.doAttachTransmissionCurve and exposure.detector is None:
            raise RuntimeError("the exposure has no detector, which a throughput needs")
        if config.doAddDistortionModel:
            if kind.addDistortionModel is not GeometryMethods.addDistortionModel:
                return
            distortion.check(exposure, camera)
            polygon = True
        if polygon and config.doAssembleCcd and not self.assembleCcd.config.doTrim:
            raise RuntimeError("assembleCcd.doTrim is off, but only a trimmed CCD has a place")

    def _placed(self, exposure: Exposure) -> Detector:
        """Return the detector of an exposure, whose place is known."""
        detector = exposure.detector
        if detector is None:
            raise RuntimeError("the exposure has no detector, whose place is needed")
        detector.outline()  # refuses one without a place
        return detector

    def _seen_by(self, exposure: Exposure) -> Detector:
        """Return the detector whose pixels the exposure has."""
        detector = self._placed(exposure)
        shape = exposure.masked_image.shape
        if shape == detector.raw_bbox.shape != detector.bbox.shape:
            raise RuntimeError(
                f"the exposure of {detector.name} has {exposure.width} x {exposure.height} pixels, "
                "as a raw frame; wanted an assembled, trimmed CCD"
            )
        return detector

"""The methods of `IsrTask` that fetch what a run needs, and store what it makes."""

__all__ = ["InputMethods"]

from typing import TYPE_CHECKING, Any

import numpy as np

from cfhtisr.images import Exposure, Mask, MaskedImage
from cfhtisr.isr import conversion
from cfhtisr.pipe import Struct, timeMethod
from cfhtisr.tasks.assemble import is_raw
from cfhtisr.tasks.fetch import fetch
from cfhtisr.tasks.thumbnails import writeThumbnail

_TRANSMISSIONS = ("Optics", "Filter", "Sensor", "Atmosphere")


class InputMethods:
    """Data in and out, through any object with ``get``, ``put`` and ``dataId``."""

    if TYPE_CHECKING:
        config: Any
        log: Any
        metadata: Any
        assembleCcd: Any
        crosstalk: Any
        fringe: Any
        doLinearize: Any
        run: Any
        _v17: bool

    @timeMethod
    def runDataRef(self, sensorRef: Any) -> Struct:
        """Fetch an exposure and its calibrations, correct it, and store the result.

        Parameters
        ----------
        sensorRef : object with ``get``, ``put`` and ``dataId``
            One CCD of one exposure.

        Returns
        -------
        result : Struct
            What `run` returns. With ``config.doWrite`` its exposure has been stored as
            ``postISRCCD``; thumbnails have been stored as `writeThumbnail` says.

        Raises
        ------
        RuntimeError
            If a calibration that the configuration asks for does not exist.
        """
        self.log.info("Correcting %s", sensorRef.dataId)
        exposure = fetch(sensorRef, self.config.datasetType)
        try:
            camera = fetch(sensorRef, "camera")
        except Exception as error:
            if self.config.doAddDistortionModel:
                raise RuntimeError(
                    f"config.doAddDistortionModel is set, but there is no camera for "
                    f"{sensorRef.dataId}: {error}"
                ) from error
            camera = None
        data = self.readIsrData(sensorRef, exposure)
        result: Struct = self.run(exposure, camera=camera, **data.getDict())
        if self.config.doWrite:
            sensorRef.put(result.exposure, "postISRCCD")
        for name in ("ossThumb", "flattenedThumb"):
            thumb = getattr(result, name, None)  # a subclass's own result may have neither
            if thumb is not None:
                writeThumbnail(sensorRef, thumb, name)
        return result

    def readIsrData(self, dataRef: Any, rawExposure: Exposure) -> Struct:
        """Fetch all that the configured steps need, so that what is missing shows early.

        Parameters
        ----------
        dataRef : object with ``get`` and ``dataId``
            The exposure's.
        rawExposure : Exposure
            The exposure that is to be corrected; it is not changed.

        Returns
        -------
        result : Struct
            The arguments of `run` beside exposure and camera; None for what no step needs.
        """
        config = self.config
        Mask.add_plane("UNMASKEDNAN")

        def frame(wanted: bool, product: str) -> Exposure | None:
            return self.getIsrExposure(dataRef, product) if wanted else None

        def dataset(wanted: bool, product: str) -> Any:
            return self._dataset(dataRef, product) if wanted else None

        # In the documented order, so that the first that is missing is the first that is named.
        bias = frame(config.doBias, config.biasDataProductName)
        linearizer = dataset(self.doLinearize(rawExposure.detector), "linearizer")
        sources = self.crosstalk.prepCrosstalk(dataRef) if config.doCrosstalk else None
        dark = frame(config.doDark, config.darkDataProductName)
        flat = frame(config.doFlat, config.flatDataProductName)
        kernel = dataset(config.doBrighterFatter, "bfKernel")
        defects = dataset(config.doDefect, "defects")
        fringes = Struct(fringes=None)
        if config.doFringe and self.fringe.checkFilter(rawExposure):
            assembler = self.assembleCcd if config.doAssembleIsrExposures else None
            fringes = self.fringe.readFringes(dataRef, assembler=assembler)
        transmission = {
            f"{part.lower()}Transmission": dataset(
                config.doAttachTransmissionCurve and getattr(config, f"doUse{part}Transmission"),
                f"transmission_{part.lower()}",
            )
            for part in _TRANSMISSIONS
        }
        return Struct(
            bias=bias,
            linearizer=linearizer,
            crosstalkSources=sources,
            dark=dark,
            flat=flat,
            bfKernel=kernel,
            defects=defects,
            fringes=fringes,
            **transmission,
        )

    def getIsrExposure(self, dataRef: Any, datasetType: str, immediate: bool = True) -> Exposure:
        """Fetch a calibration frame.

        Parameters
        ----------
        dataRef : object with ``get`` and ``dataId``
            The exposure's.
        datasetType : str
            Such as ``bias`` or ``flat``.
        immediate : bool, optional
            Whether the frame is to be there now, so that a failure shows here.

        Returns
        -------
        exposure : Exposure
            The frame; assembled, if ``config.doAssembleIsrExposures`` says so and it is not.

        Raises
        ------
        RuntimeError
            If there is none, neither for the filter of ``config.fallbackFilterName``.
        """
        frame: Exposure = self._dataset(
            dataRef, datasetType, immediate, self.config.fallbackFilterName
        )
        if not self.config.doAssembleIsrExposures or not (self._v17 or is_raw(frame)):
            return frame
        planes = frame.masked_image
        if planes.image.dtype != np.float32:
            # the variance of a calibration frame is what it says, not that of a raw frame
            image = conversion.to_float(planes).image
            frame = frame.with_pixels(MaskedImage(image, planes.mask, planes.variance))
        assembled: Exposure = self.assembleCcd.assembleCcd(frame)
        return assembled

    def _dataset(
        self, dataRef: Any, datasetType: str, immediate: bool = True, fallback: str | None = None
    ) -> Any:
        """Return a dataset, or that of another filter."""
        dataId = getattr(dataRef, "dataId", None)
        try:
            return fetch(dataRef, datasetType, immediate)
        except Exception as error:
            cause = f"{type(error).__name__}: {error}"
            if fallback is None:
                raise RuntimeError(
                    f"cannot retrieve {datasetType} for {dataId} ({cause})"
                ) from error
            try:
                found = fetch(dataRef, datasetType, immediate, filter=fallback)
            except Exception as second:
                raise RuntimeError(
                    f"cannot retrieve {datasetType} for {dataId} ({cause}), nor with filter "
                    f"{fallback} ({type(second).__name__}: {second})"
                ) from second
            self.log.warning(
                "Took the %s of filter %s for %s (%s)", datasetType, fallback, dataId, cause
            )
            return found

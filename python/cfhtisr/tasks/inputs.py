"""The methods of `IsrTask` that fetch what a run needs, and store what it makes."""

__all__ = ["InputMethods"]

from typing import TYPE_CHECKING, Any

import numpy as np

from cfhtisr.images import Exposure, Mask, MaskedImage
from cfhtisr.io.crosstalk_table import Crosstalk
from cfhtisr.io.linearity_file import Linearity
from cfhtisr.isr import conversion
from cfhtisr.pipe import Struct, timeMethod
from cfhtisr.tasks.assemble import is_raw
from cfhtisr.tasks.electronics import linearizer_of, with_crosstalk, with_linearity
from cfhtisr.tasks.fetch import MissingInputError, fetch
from cfhtisr.tasks.matching import mismatch
from cfhtisr.tasks.provenance import FINGERPRINT, INPUTS, of_config, of_inputs
from cfhtisr.tasks.resume import stated_job
from cfhtisr.tasks.thumbnails import writeThumbnail

_FRAMES = ("bias", "dark", "flat")
_DATASETS = {
    "linearizer": "doLinearize",
    "crosstalk": "doCrosstalk",
    "bfKernel": "doBrighterFatter",
    "defects": "doDefect",
}
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
            ``postISRCCD``; thumbnails have been stored as `writeThumbnail` says. Where the
            reference says that this very product is there, it is that, and ``wasFinished`` is True.

        Raises
        ------
        RuntimeError
            If a calibration that the configuration asks for does not exist.
        """
        product = self._finished(sensorRef, stated_job(self, sensorRef))
        if product is not None:
            return product
        self.log.info("Correcting %s", sensorRef.dataId)
        exposure = fetch(sensorRef, self.config.datasetType)
        try:
            camera = fetch(sensorRef, "camera")
        except Exception as error:
            if self.config.doAddDistortionModel:
                raise MissingInputError(
                    f"config.doAddDistortionModel is set, but there is no camera for "
                    f"{sensorRef.dataId}: {error}"
                ) from error
            camera = None
        exposure = self._withElectronics(sensorRef, exposure)
        data = self.readIsrData(sensorRef, exposure)
        product = self._finished(sensorRef, self.provenanceOf(exposure, data).get(FINGERPRINT))
        if product is not None:
            return product
        result = self.runInputs(exposure, data, camera=camera)
        if self.config.doWrite:
            sensorRef.put(result.exposure, "postISRCCD")
        for name in ("ossThumb", "flattenedThumb"):
            thumb = getattr(result, name, None)  # a subclass's own result may have neither
            if thumb is not None:
                writeThumbnail(sensorRef, thumb, name)
        return result

    def _finished(self, dataRef: Any, job: str | None) -> Struct | None:
        """Return what `runDataRef` does if the product is there, whole, and of this very work."""
        finished, qa = getattr(dataRef, "finished", None), self.config.qa
        wanted = self.config.doWrite and not (qa.doThumbnailOss or qa.doThumbnailFlattened)
        if not wanted or job is None or finished is None or not finished("postISRCCD", job):
            return None
        self.log.info("%s is finished: postISRCCD is there and whole", dataRef.dataId)
        product = fetch(dataRef, "postISRCCD")
        return Struct(exposure=product, ossThumb=None, flattenedThumb=None, wasFinished=True)

    def whyNoFringes(self, filter: str | None) -> str:
        """Return what provenance says of an exposure whose filter has no fringes."""
        return f"not applied: filter {filter} is not in fringe.filters"

    def runInputs(self, exposure: Exposure, data: Struct, camera: Any = None) -> Struct:
        """Correct an exposure, and let the result tell what it was made of.

        Parameters
        ----------
        exposure : Exposure
            As for `run`.
        data : Struct
            What `readIsrData` returns.
        camera : sequence of Detector, optional
            As for `run`.

        Returns
        -------
        result : Struct
            What `run` returns; ``provenance`` of its exposure is that of `provenanceOf`.
        """
        facts = self.provenanceOf(exposure, data)
        result: Struct = self.run(exposure, camera=camera, **data.getDict())
        result.exposure.identity = ""
        if facts:
            result.exposure.provenance = facts
        return result

    def provenanceOf(self, exposure: Exposure, data: Struct) -> dict[str, str]:
        """Return the settings, and the identity of all that a result is made of.

        Parameters
        ----------
        exposure : Exposure
            The raw exposure.
        data : Struct
            What `readIsrData` returns.

        Returns
        -------
        facts : dict of str to str
            Empty if one of the inputs does not tell where it is from.
        """
        given = data.getDict()
        fringes = given.pop("fringes", None)
        frames = getattr(fringes, "fringes", None)
        used = {"raw": exposure} | {name: each for name, each in given.items() if each is not None}
        identities = {name: str(getattr(each, "identity", "")) for name, each in used.items()}
        if "CROSSTALK" in exposure.provenance:
            identities["crosstalk"] = str(exposure.provenance["CROSSTALK"])
        if frames is not None:
            several = frames if isinstance(frames, list | tuple) else [frames]
            told = [str(getattr(frame, "identity", "")) for frame in several]
            identities["fringes"] = "; ".join(told) if all(told) else ""
        elif self.config.doFringe and not self.fringe.checkFilter(exposure):
            identities["fringes"] = self.whyNoFringes(exposure.filter)
        if not all(identities.values()) or not identities.keys() <= set(INPUTS):
            return {}
        return of_inputs(of_config(self.config), identities)

    def _withElectronics(self, dataRef: Any, exposure: Exposure) -> Exposure:
        """Return the exposure with what is known of its linearity and crosstalk beside its header.

        Unlike other calibrations they need not be there: most CCDs have none.
        """
        config, detector = self.config, exposure.detector
        there = getattr(dataRef, "datasetExists", lambda name: False)
        if detector is None:
            return exposure
        if config.doLinearize and not self.doLinearize(detector) and there("linearizer"):
            found = self._dataset(dataRef, "linearizer")
            if isinstance(found, Linearity):
                exposure = with_linearity(exposure, found)
        wanted = config.doCrosstalk and not config.crosstalk.useConfigCoefficients
        if wanted and detector.crosstalk is None and there("crosstalk"):
            found = self._dataset(dataRef, "crosstalk")
            if isinstance(found, Crosstalk):
                exposure = with_crosstalk(exposure, found)
        return exposure

    @classmethod
    def wantedDatasets(cls, config: Any) -> list[tuple[str, dict[str, Any]]]:
        """Return what `runDataRef` asks a data reference for, with this configuration.

        Parameters
        ----------
        config : IsrTaskConfig
            The configuration.

        Returns
        -------
        wanted : list of (str, dict)
            Types of datasets, each with the parts of the data id that differ from the
            exposure's: the filter of ``config.fallbackFilterName``.
        """
        wanted: list[tuple[str, dict[str, Any]]] = [(config.datasetType, {})]
        for kind in _FRAMES:
            if getattr(config, f"do{kind.capitalize()}"):
                name = getattr(config, f"{kind}DataProductName")
                wanted.append((name, {}))
                if config.fallbackFilterName is not None:
                    wanted.append((name, {"filter": config.fallbackFilterName}))
        wanted += [(name, {}) for name, flag in _DATASETS.items() if getattr(config, flag)]
        if config.doFringe:
            wanted.append(("fringe", {}))
        for part in _TRANSMISSIONS:
            if config.doAttachTransmissionCurve and getattr(config, f"doUse{part}Transmission"):
                wanted.append((f"transmission_{part.lower()}", {}))
        return wanted

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

        def frame(wanted: bool, product: str, kind: str) -> Exposure | None:
            if not wanted:
                return None
            found = self.getIsrExposure(dataRef, product)
            self._refuse(kind, found, rawExposure, dataRef)
            return found

        def dataset(wanted: bool, product: str) -> Any:
            return self._dataset(dataRef, product) if wanted else None

        # In the documented order, so that the first that is missing is the first that is named.
        bias = frame(config.doBias, config.biasDataProductName, "bias")
        linearizer = dataset(self.doLinearize(rawExposure.detector), "linearizer")
        if isinstance(linearizer, Linearity):
            linearizer = linearizer_of(linearizer)
        sources = self.crosstalk.prepCrosstalk(dataRef) if config.doCrosstalk else None
        dark = frame(config.doDark, config.darkDataProductName, "dark")
        flat = frame(config.doFlat, config.flatDataProductName, "flat")
        kernel = dataset(config.doBrighterFatter, "bfKernel")
        defects = dataset(config.doDefect, "defects")
        fringes = Struct(fringes=None)
        if config.doFringe and self.fringe.checkFilter(rawExposure):
            assembler = self.assembleCcd if config.doAssembleIsrExposures else None
            fringes = self.fringe.readFringes(dataRef, assembler=assembler)
            for each in self.fringe.frames(fringes.fringes):
                self._refuse("fringe", each, rawExposure, dataRef)
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

    def _refuse(self, kind: str, frame: Any, raw: Exposure, dataRef: Any) -> None:
        """Refuse a frame that was not made for exposures like this one; the reference did not."""
        if self._v17 or not isinstance(frame, Exposure):
            return
        stands_in = self.config.fallbackFilterName is not None
        reason = mismatch(kind, frame, raw, any_filter=stands_in)
        if reason is not None:
            name = f" ({frame.identity})" if frame.identity else ""
            raise MissingInputError(
                f"the {kind}{name} cannot be used for {getattr(dataRef, 'dataId', None)}: "
                f"{reason}; config.do{kind.capitalize()}=True needs one that fits"
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
                raise MissingInputError(
                    f"cannot retrieve {datasetType} for {dataId}{self._why(datasetType)} ({cause})"
                ) from error
            try:
                found = fetch(dataRef, datasetType, immediate, filter=fallback)
            except Exception as second:
                raise MissingInputError(
                    f"cannot retrieve {datasetType} for {dataId}{self._why(datasetType)} "
                    f"({cause}), nor with filter {fallback} ({type(second).__name__}: {second})"
                ) from second
            self.log.warning(
                "Took the %s of filter %s for %s (%s)", datasetType, fallback, dataId, cause
            )
            return found

    def _why(self, datasetType: str) -> str:
        """Return the switch that asks for a type of dataset, as part of a sentence."""
        flags = dict(_DATASETS)
        for kind in _FRAMES:
            flags[getattr(self.config, f"{kind}DataProductName")] = f"do{kind.capitalize()}"
        flag = flags.get(datasetType)
        if datasetType.startswith("transmission_"):
            flag = "doAttachTransmissionCurve"
        return f", which config.{flag}=True needs" if flag else ""

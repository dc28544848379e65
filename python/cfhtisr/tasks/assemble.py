"""From the amplifiers of a raw frame to a CCD."""

__all__ = ["AssembleCcdConfig", "AssembleCcdTask", "is_raw"]

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from lsst.pex.config import Config, Field, ListField

from cfhtisr.camera.amplifier import Amplifier
from cfhtisr.camera.detector import Detector
from cfhtisr.images import Exposure, MaskedImage
from cfhtisr.isr import assembly
from cfhtisr.pipe import Task
from cfhtisr.tasks.fused import pixelwise

SECTION_CARDS = ("DATASEC", "BIASSEC", "TRIMSEC", "GAIN")
"""Cards that speak of the raw frame, or of one amplifier."""


def is_raw(frame: Any) -> bool:
    """Return whether a frame has the size of a raw frame of its detector."""
    detector = getattr(frame, "detector", None)
    if detector is None or frame.masked_image.shape == detector.bbox.shape:
        return False
    return bool(frame.masked_image.shape == detector.raw_bbox.shape)


class AssembleCcdConfig(Config):
    """How a CCD is assembled."""

    doTrim = Field[bool](doc="Drop all but the data sections?", default=True)
    keysToRemove: Any = ListField(
        doc="Header cards that are deleted, beside DATASEC, BIASSEC, TRIMSEC and GAIN.",
        dtype=str,
        default=[],
    )


class AssembleCcdTask(Task):
    """Put the amplifiers of a raw frame in their places."""

    ConfigClass: ClassVar[Any] = AssembleCcdConfig
    _DefaultName = "assembleCcd"

    def assembleCcd(self, assembleInput: Exposure | Mapping[str, Exposure]) -> Exposure:
        """Return the CCD of a raw frame.

        Parameters
        ----------
        assembleInput : Exposure or mapping of str to Exposure
            A frame of all amplifiers, or a frame for each of them by its name.

        Returns
        -------
        exposure : Exposure
            Pixels of its own; header and WCS are those of the input (of the first
            amplifier), moved to the new origin; other facts are shared.

        Raises
        ------
        TypeError
            If the input is neither.
        RuntimeError
            If there is no detector, or an amplifier does not describe its raw frame.
        """
        if isinstance(assembleInput, Exposure):
            first = assembleInput
        elif isinstance(assembleInput, Mapping) and assembleInput:
            first = next(iter(assembleInput.values()))
        else:
            raise TypeError(
                f"cannot assemble {type(assembleInput).__name__}, wanted an Exposure or a "
                "mapping of amplifier names to exposures"
            )
        detector = first.detector
        if detector is None:
            raise RuntimeError("cannot assemble an exposure without a detector")
        for amplifier in detector:
            if not amplifier.has_raw_info:
                raise RuntimeError(
                    f"amplifier {amplifier.name} of {detector.name} does not describe its raw frame"
                )
        if first is not assembleInput:
            first = self._join(assembleInput, detector)
        trim = bool(self.config.doTrim)
        result = first.with_pixels(pixelwise().assemble(first.masked_image, detector, trim))
        result = result.with_header(without=(*SECTION_CARDS, *self.config.keysToRemove))
        result.valid_polygon = None
        result.detector = assembly.assembled_detector(detector, trim)
        self._move_wcs(result, detector[0], trim)
        return result

    def _join(self, parts: Any, detector: Detector) -> Exposure:
        """Return one raw frame of a frame for each amplifier."""
        box = detector.raw_bbox
        whole: MaskedImage | None = None
        for amplifier in detector:
            if amplifier.name not in parts:
                raise RuntimeError(f"there is no exposure of amplifier {amplifier.name}")
            part = parts[amplifier.name].masked_image
            source = part.bbox if part.shape == amplifier.raw_bbox.shape else amplifier.raw_bbox
            if whole is None:
                whole = MaskedImage(np.zeros(box.shape, part.image.dtype), xy0=(box.x0, box.y0))
            target = whole.subset(amplifier.raw_bbox)
            for to, of in zip(target.getArrays(), part.subset(source).getArrays(), strict=True):
                to[...] = of
        if whole is None:
            raise RuntimeError(f"detector {detector.name} has no amplifiers")
        first: Exposure = parts[detector[0].name]
        return first.with_pixels(whole)

    def _move_wcs(self, result: Exposure, amplifier: Amplifier, trim: bool) -> None:
        """Move WCS and CRPIX cards to the pixels of the CCD, as the first amplifier's moved."""
        raw = amplifier.raw_data_bbox if trim else amplifier.raw_bbox
        dx, dy = amplifier.raw_xy_offset
        if trim:
            dx += amplifier.bbox.x0 - raw.x0
            dy += amplifier.bbox.y0 - raw.y0
        flips = (amplifier.raw_flip_x, amplifier.raw_flip_y)
        if result.wcs is not None:
            result.wcs = result.wcs.deepcopy()
            part = result.wcs.wcs
            for axis, (flip, low, size) in enumerate(
                zip(flips, (raw.x0, raw.y0), (raw.width, raw.height), strict=True)
            ):
                if flip:
                    part.crpix[axis] = 2 * low + size + 1 - part.crpix[axis]
                    if part.has_cd():
                        cd = part.cd
                        cd[:, axis] *= -1
                        part.cd = cd
                    else:
                        part.cdelt[axis] *= -1
            part.crpix += (dx, dy)
        header = result.metadata
        for axis, (flip, low, size, shift) in enumerate(
            zip(flips, (raw.x0, raw.y0), (raw.width, raw.height), (dx, dy), strict=True), start=1
        ):
            card = f"CRPIX{axis}"
            if isinstance(header.get(card), int | float):
                value = header[card]
                if flip:
                    value = 2 * low + size + 1 - value
                    for key in (f"CD1_{axis}", f"CD2_{axis}", f"CDELT{axis}"):
                        if isinstance(header.get(key), int | float):
                            header[key] = -header[key]
                header[card] = value + shift

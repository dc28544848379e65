"""Fringes: interference in the CCD, scaled and subtracted."""

__all__ = ["FringeConfig", "FringeStatisticsConfig", "FringeTask"]

import hashlib
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from lsst.pex.config import Config, ConfigField, Field, ListField
from numpy.typing import NDArray

from cfhtisr.camera import filters
from cfhtisr.images import Exposure, Mask, MaskedImage
from cfhtisr.isr import calibration, undo
from cfhtisr.isr import fringe as _fringe
from cfhtisr.pipe import Struct, Task, timeMethod
from cfhtisr.tasks.assemble import is_raw
from cfhtisr.tasks.fetch import MissingInputError, fetch
from cfhtisr.tasks.record import note

_STATISTICS = {0x4: "MEAN", 0x20: "MEDIAN", 0x80: "MEANCLIP"}
"""Numbers by which LSST calls the statistics that suit an aperture."""

_DIGITS = 13  # of a scale: what a FITS card holds whatever the exponent


class FringeStatisticsConfig(Config):
    """The statistic of an aperture."""

    badMaskPlanes: Any = ListField(
        doc="Pixels in these mask planes are ignored.", dtype=str, default=["SAT"]
    )
    stat = Field[int](doc="The statistic, by LSST's number; 32 is the median.", default=32)
    clip = Field[float](doc="Clip of clipped statistics [standard deviations].", default=3.0)
    iterations = Field[int](doc="Rounds of clipped statistics.", default=3)
    rngSeedOffset = Field[int](
        doc="Added to the number of the exposure to seed the positions.", default=0
    )


class FringeConfig(Config):
    """How fringes are measured and subtracted."""

    filters: Any = ListField(
        doc="Only exposures in these filters are corrected; names as in the header, or short.",
        dtype=str,
        default=[],
    )
    num = Field[int](doc="Number of positions at which fringes are measured.", default=30000)
    small = Field[int](doc="Half size of the aperture on the fringe [pixel].", default=3)
    large = Field[int](doc="Half size of the aperture for the background [pixel].", default=30)
    iterations = Field[int](doc="Most rounds of the solution.", default=20)
    clip = Field[float](doc="Residuals are clipped here [standard deviations].", default=3.0)
    pedestal = Field[bool](doc="Subtract the median of a fringe frame first?", default=False)
    stats: Any = ConfigField(doc="The statistic of an aperture.", dtype=FringeStatisticsConfig)


class FringeTask(Task):
    """Measure how strong the fringes are, and subtract as much of a fringe frame."""

    ConfigClass: ClassVar[Any] = FringeConfig
    _DefaultName = "isrFringe"
    _found: _fringe.Solution | None = None  # by the `solve` of this class, not a subclass's

    @property
    def _parity(self) -> Any:
        return getattr(getattr(self._parentTask, "config", None), "parity", "none")

    def readFringes(self, dataRef: Any, assembler: Any = None) -> Struct:
        """Fetch the fringe frame of an exposure, or several.

        Parameters
        ----------
        dataRef : object with ``get`` and ``dataId``
            Where it comes from.
        assembler : AssembleCcdTask, optional
            Assembles a frame in raw geometry.

        Returns
        -------
        result : Struct
            ``fringes``, what the dataset ``fringe`` is, a frame or a list of them, and ``seed``,
            from the number of the exposure.

        Raises
        ------
        RuntimeError
            If there is no fringe frame.
        """
        try:
            frames = fetch(dataRef, "fringe")
        except Exception as error:
            raise MissingInputError(
                f"cannot retrieve fringe for {dataRef.dataId}, which config.doFringe=True needs "
                f"({type(error).__name__}: {error})"
            ) from error
        if assembler is not None:
            v17 = self._parity == "lsst-v17"
            if isinstance(frames, list | tuple):
                frames = [
                    assembler.assembleCcd(frame) if v17 or is_raw(frame) else frame
                    for frame in frames
                ]
            elif v17 or is_raw(frames):
                frames = assembler.assembleCcd(frames)
        number = int(fetch(dataRef, "ccdExposureId"))
        return Struct(fringes=frames, seed=self._seed(number))

    def seedOf(self, exposure: Exposure) -> int:
        """Return the seed of the positions in an exposure, from its number."""
        visit = exposure.visit_info
        return self._seed(0 if visit is None else visit.exposure_id)

    def _seed(self, number: int) -> int:
        return int((self.config.stats.rngSeedOffset + number) % 2**32)

    @timeMethod
    def run(self, exposure: Exposure, fringes: Any, seed: int | None = None) -> Any:
        """Subtract fringes in place, if the exposure's filter is configured.

        Parameters
        ----------
        exposure : Exposure
            The exposure.
        fringes : Exposure or list of Exposure
            The fringe frames; they are not changed. Several are fitted together.
        seed : int, optional
            Of the positions; ``config.stats.rngSeedOffset`` without it.

        Raises
        ------
        RuntimeError
            If there is no fringe frame, or one has another size.

        Notes
        -----
        For each frame k, from 1, header and task metadata tell the scale (``ISR_FRINGE_SCALEk``,
        ``FRINGE SCALE k``), its standard deviation by the formula of `cfhtisr.isr.fringe.fit`
        (``..SIGMA..``), the pedestal that was taken off the frame first (``..PEDESTAL..``) and
        the frame's name and a digest of its pixels (``..TEMPLATE..``). With that `undo` restores
        the exposure. Scales have 13 digits, so that a header holds all of them (with parity
        lsst-v17 they are not rounded, and a header may lack the last ones).
        """
        if not self.checkFilter(exposure):
            self.log.info("Filter %s has no fringes: none are subtracted", exposure.filter)
            return
        given = self.frames(fringes)
        if seed is None:
            seed = self.config.stats.rngSeedOffset
        # Copies, so that a frame can be used for many exposures; the reference changed it.
        frames = [self._copied(frame) for frame in given]
        pedestals = []
        for frame in frames:
            if frame.masked_image.shape != exposure.masked_image.shape:
                raise RuntimeError(
                    f"the fringe frame has {frame.width} x {frame.height} pixels, "
                    f"wanted {exposure.width} x {exposure.height} as the exposure"
                )
            frame.mask.array |= exposure.mask.array
            # What a subclass returns is its own.
            level = self.removePedestal(frame) if self.config.pedestal else 0.0
            pedestals.append(float(level) if isinstance(level, int | float) else math.nan)
        positions = self.generatePositions(frames[0], np.random.RandomState(seed % 2**32))
        if self._parity != "lsst-v17":
            # What a defect was filled with has no fringes. Thousands of positions in a dead
            # amplifier would agree on that and outvote those that see the sky.
            bad = exposure.mask.array[positions[:, 1], positions[:, 0]] & Mask.bitmask("BAD")
            positions = positions[bad == 0]
        columns = [self.measureExposure(frame, positions, "Fringe") for frame in frames]
        science = self.measureExposure(exposure, positions, "Science")
        self._found = None
        solution = np.asarray(self.solve(science, np.stack(columns, axis=1)), np.float64)
        found = self._found
        sigma = np.full(len(frames), math.nan)
        if found is not None and np.array_equal(found.amount, solution):  # or a subclass's own
            sigma = found.sigma
        if self._parity != "lsst-v17":
            solution = np.array([float(f"{scale:.{_DIGITS}g}") for scale in solution])
        self.subtract(exposure, frames, solution)
        self._record(exposure, given, solution, sigma, pedestals)

    def undo(self, exposure: Exposure, fringes: Any, flat: Exposure | None = None) -> None:
        """Add back the fringes that were subtracted from an exposure, as its header tells.

        Parameters
        ----------
        exposure : Exposure
            What `run` has changed, perhaps read from a file; it is changed in place [ADU].
        fringes : Exposure or list of Exposure
            The frames that were subtracted, in the same order; they are not changed.
        flat : Exposure, optional
            The flat field, if it was divided out after the fringes were subtracted; it is taken
            as the divisor itself (``flatUserScale`` 1).

        Raises
        ------
        RuntimeError
            If the header tells of no fringes, of others than these frames, or of corrections
            since that are not undone. Nothing is changed then.

        Notes
        -----
        `cfhtisr.isr.undo` states how near image and variance come to what they were. The cards
        of the scales are removed, ``ISRFRNG`` becomes False.
        """
        header = exposure.metadata
        count = int(header.get("ISR_FRINGE_N", 0))
        if count == 0:
            raise RuntimeError("the header tells of no fringes that were subtracted")
        given = fringes if isinstance(fringes, list | tuple) else [fringes]
        if len(given) != count:
            raise RuntimeError(f"there are {len(given)} fringe frames, but {count} were subtracted")
        if header.get("BUNIT", "adu") != "adu":
            raise RuntimeError(
                f"the pixels are in {header['BUNIT']}, but fringes were subtracted in ADU"
            )
        flattened = bool(header.get("ISRFLAT", False)) and not header.get("ISR_FRINGE_FLAT", True)
        if flattened and flat is None:
            raise RuntimeError("the flat was divided out after the fringes: the flat is needed")
        frames, scales = [], []
        for number, frame in enumerate(given, 1):
            told, is_now = header[f"ISR_FRINGE_TEMPLATE{number}"], _identity(frame)
            if told.split()[-1] != is_now.split()[-1]:
                raise RuntimeError(f"fringe frame {number} is {is_now}, but {told} was subtracted")
            pedestal = header[f"ISR_FRINGE_PEDESTAL{number}"]
            image = frame.image.array.astype(np.float32)
            if isinstance(pedestal, int | float):  # undefined for a frame without a number
                image -= np.float32(pedestal)
            planes = frame.masked_image
            frames.append(MaskedImage(image, planes.mask.array, planes.variance.array))
            scales.append(float(header[f"ISR_FRINGE_SCALE{number}"]))
        planes = exposure.masked_image
        if flattened and flat is not None:
            undo.flat(planes, flat.masked_image)
        _fringe.restore(planes, frames, scales)
        if flattened and flat is not None:
            calibration.divide_flat(planes, flat.masked_image)
        for key in [key for key in header if key.startswith("ISR_FRINGE_")]:
            del header[key]
        note(header, "ISRFRNG", False, "fringes subtracted")
        header.add_history("cfhtisr: fringes added back")

    def _record(
        self,
        exposure: Exposure,
        frames: Sequence[Exposure],
        scales: NDArray[np.float64],
        sigmas: NDArray[np.float64],
        pedestals: Sequence[float],
    ) -> None:
        """Write scales, uncertainties and templates into header and task metadata."""
        header = exposure.metadata
        note(header, "ISR_FRINGE_N", len(frames), "fringe frames subtracted")
        rows = zip(frames, scales.tolist(), sigmas.tolist(), pedestals, strict=True)
        for number, (frame, scale, sigma, pedestal) in enumerate(rows, 1):
            for what, value, text in (
                ("SCALE", scale, "times this frame"),
                ("SIGMA", sigma, "uncertainty of the scale"),
                ("PEDESTAL", pedestal, "[adu] taken off the frame first"),
                ("TEMPLATE", _identity(frame), ""),
            ):
                note(header, f"ISR_FRINGE_{what}{number}", value, text)
                self.metadata.set(f"FRINGE {what} {number}", value)

    @timeMethod
    def runDataRef(self, exposure: Exposure, dataRef: Any, assembler: Any = None) -> Any:
        """Fetch the fringe frames and subtract fringes, if the exposure's filter is configured."""
        if not self.checkFilter(exposure):
            return
        self.run(exposure, **self.readFringes(dataRef, assembler).getDict())

    def checkFilter(self, exposure: Exposure) -> bool:
        """Return whether the exposure's filter is configured to have fringes."""
        return self.hasFringes(exposure.filter)

    def hasFringes(self, name: str | None) -> bool:
        """Return whether a filter is configured to have fringes."""
        if name is None:
            return False
        names = {name}
        known = filters.lookup(name)
        if known is not None:
            names |= {known.name, known.short_name}
        return not names.isdisjoint(self.config.filters)

    def frames(self, fringes: Any) -> list[Exposure]:
        """Return a list of the fringe frames.

        Raises
        ------
        RuntimeError
            If there is none.
        """
        found = fringes if isinstance(fringes, list | tuple) else [fringes]
        if not found or any(frame is None for frame in found):
            raise RuntimeError("Must supply fringes if config.doFringe=True for this filter.")
        return list(found)

    def _copied(self, frame: Exposure) -> Exposure:
        """Return a frame whose mask, and image if it is to change, are its own."""
        planes = frame.masked_image
        image = planes.image.array
        if self.config.pedestal or image.dtype != np.float32:
            image = image.astype(np.float32)
        return frame.with_pixels(
            MaskedImage(image, planes.mask.array.copy(), planes.variance.array, xy0=planes.xy0)
        )

    def removePedestal(self, fringe: Exposure) -> float:
        """Subtract the median of a fringe frame, in place, and return it [ADU]."""
        level = _fringe.remove_pedestal(fringe.masked_image, self._parity)
        self.log.debug("Removed the fringe pedestal %s", level)
        return level

    def generatePositions(
        self, exposure: Exposure, rng: np.random.RandomState
    ) -> NDArray[np.int64]:
        """Return positions of apertures, shape (num, 2), x first [pixel]."""
        large, num = self.config.large, self.config.num
        if min(exposure.width, exposure.height) <= 2 * large:
            raise RuntimeError(
                f"config.fringe.large is {large}: its apertures do not fit into "
                f"{exposure.width} x {exposure.height} pixels"
            )
        x = rng.randint(large, exposure.width - large, num)
        y = rng.randint(large, exposure.height - large, num)
        return np.stack([x, y], axis=1).astype(np.int64)

    def measureExposure(
        self, exposure: Exposure, positions: NDArray[np.int64], title: str = "Fringe"
    ) -> NDArray[np.float64]:
        """Return the fringe amplitude at each position [ADU]; NaN without a good pixel."""
        config = self.config
        stat = _STATISTICS.get(config.stats.stat)
        if stat is None:
            raise RuntimeError(
                f"fringe.stats.stat is {config.stats.stat}, wanted one of {sorted(_STATISTICS)}"
            )
        return np.asarray(
            _fringe.measure(
                exposure.masked_image,
                positions[:, 0],
                positions[:, 1],
                config.small,
                config.large,
                Mask.bitmask(list(config.stats.badMaskPlanes)),
                statistic=stat,
                n_sigma=config.stats.clip,
                n_iter=config.stats.iterations,
            ),
            np.float64,
        )

    def solve(
        self, science: NDArray[np.float64], fringes: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the strength of each fringe frame in the exposure.

        Parameters
        ----------
        science : ndarray, shape (num,)
            Amplitudes of the exposure [ADU].
        fringes : ndarray, shape (num, frames)
            Amplitudes of the fringe frames [ADU].

        Returns
        -------
        solution : ndarray, shape (frames,)
        """
        columns = np.asarray(fringes, np.float64)
        self._found = _fringe.fit(
            science,
            columns[None] if columns.ndim == 1 else columns.T,
            iterations=self.config.iterations,
            clip=self.config.clip,
            parity=self._parity,
        )
        solution = self._found.amount
        self.log.info("Fringe amplitude %s +- %s", solution, self._found.sigma)
        return solution

    def subtract(
        self, science: Exposure, fringes: Sequence[Exposure], solution: NDArray[np.float64]
    ) -> None:
        """Subtract scaled fringe frames in place.

        Raises
        ------
        RuntimeError
            If there are not as many scales as frames.
        """
        if len(solution) != len(fringes):
            raise RuntimeError(f"there are {len(solution)} scales for {len(fringes)} fringe frames")
        _fringe.subtract(science.masked_image, [frame.masked_image for frame in fringes], solution)


def _identity(frame: Exposure) -> str:
    """Return the name of a frame, as far as it has one, and a digest of its pixels."""
    pixels = np.ascontiguousarray(frame.image.array, dtype="<f4")
    digest = hashlib.sha256(pixels.data).hexdigest()[:16]
    name = str(frame.metadata.get("FILENAME", "")).strip()[:20].strip()  # all fits a card
    return f"{name or 'unnamed'} sha256:{digest}"

"""Fringes: interference in the CCD, scaled and subtracted."""

__all__ = ["FringeConfig", "FringeStatisticsConfig", "FringeTask"]

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from lsst.pex.config import Config, ConfigField, Field, ListField
from numpy.typing import NDArray

from cfhtisr.camera import filters
from cfhtisr.images import Exposure, Mask, MaskedImage
from cfhtisr.isr import fringe as _fringe
from cfhtisr.pipe import Struct, Task, timeMethod
from cfhtisr.tasks.assemble import is_raw
from cfhtisr.tasks.fetch import fetch

_STATISTICS = {0x4: "MEAN", 0x20: "MEDIAN", 0x80: "MEANCLIP"}
"""Numbers by which LSST calls the statistics that suit an aperture."""


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

    @property
    def _parity(self) -> Any:
        return getattr(getattr(self._parentTask, "config", None), "parity", "none")

    def readFringes(self, dataRef: Any, assembler: Any = None) -> Struct:
        """Fetch the fringe frame of an exposure.

        Parameters
        ----------
        dataRef : object with ``get`` and ``dataId``
            Where it comes from.
        assembler : AssembleCcdTask, optional
            Assembles a frame in raw geometry.

        Returns
        -------
        result : Struct
            ``fringes``, the frame, and ``seed``, from the number of the exposure.

        Raises
        ------
        RuntimeError
            If there is no fringe frame.
        """
        try:
            frames = fetch(dataRef, "fringe")
        except Exception as error:
            raise RuntimeError(
                f"cannot retrieve fringe for {dataRef.dataId} ({type(error).__name__}: {error})"
            ) from error
        if assembler is not None and (self._parity == "lsst-v17" or is_raw(frames)):
            frames = assembler.assembleCcd(frames)
        number = int(fetch(dataRef, "ccdExposureId"))
        seed = (self.config.stats.rngSeedOffset + number) % 2**32
        return Struct(fringes=frames, seed=seed)

    @timeMethod
    def run(self, exposure: Exposure, fringes: Any, seed: int | None = None) -> Any:
        """Subtract fringes in place, if the exposure's filter is configured.

        Parameters
        ----------
        exposure : Exposure
            The exposure.
        fringes : Exposure or list of one Exposure
            The fringe frame; it is not changed.
        seed : int, optional
            Of the positions; ``config.stats.rngSeedOffset`` without it.

        Raises
        ------
        RuntimeError
            If there is no fringe frame, or more than one: that is not available yet.
        """
        if not self.checkFilter(exposure):
            self.log.info("Filter %s has no fringes: none are subtracted", exposure.filter)
            return
        frames = self.frames(fringes)
        if seed is None:
            seed = self.config.stats.rngSeedOffset
        # Copies, so that a frame can be used for many exposures; the reference changed it.
        frames = [self._copied(frame) for frame in frames]
        for frame in frames:
            if frame.masked_image.shape != exposure.masked_image.shape:
                raise RuntimeError(
                    f"the fringe frame has {frame.width} x {frame.height} pixels, "
                    f"wanted {exposure.width} x {exposure.height} as the exposure"
                )
            frame.mask.array |= exposure.mask.array
            if self.config.pedestal:
                self.removePedestal(frame)
        positions = self.generatePositions(frames[0], np.random.RandomState(seed % 2**32))
        columns = [self.measureExposure(frame, positions, "Fringe") for frame in frames]
        science = self.measureExposure(exposure, positions, "Science")
        self.subtract(exposure, frames, self.solve(science, np.stack(columns, axis=1)))

    @timeMethod
    def runDataRef(self, exposure: Exposure, dataRef: Any, assembler: Any = None) -> Any:
        """Fetch the fringe frame and subtract fringes, if the exposure's filter is configured."""
        if not self.checkFilter(exposure):
            return
        self.run(exposure, **self.readFringes(dataRef, assembler).getDict())

    def checkFilter(self, exposure: Exposure) -> bool:
        """Return whether the exposure's filter is configured to have fringes."""
        name = exposure.filter
        if name is None:
            return False
        names = {name}
        known = filters.lookup(name)
        if known is not None:
            names |= {known.name, known.short_name}
        return not names.isdisjoint(self.config.filters)

    def frames(self, fringes: Any) -> list[Exposure]:
        """Return a list of the one fringe frame.

        Raises
        ------
        RuntimeError
            If there is none, or there are several.
        """
        found = fringes if isinstance(fringes, list | tuple) else [fringes]
        if not found or any(frame is None for frame in found):
            raise RuntimeError("Must supply fringes if config.doFringe=True for this filter.")
        if len(found) > 1:
            raise RuntimeError(
                f"there are {len(found)} fringe frames; more than one is not available yet"
            )
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

    def removePedestal(self, fringe: Exposure) -> None:
        """Subtract the median of a fringe frame, in place."""
        level = _fringe.remove_pedestal(fringe.masked_image, self._parity)
        self.log.debug("Removed the fringe pedestal %s", level)

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
        solution = np.asarray(
            _fringe.solve(
                science,
                np.asarray(fringes, np.float64).reshape(len(science), -1).T,
                iterations=self.config.iterations,
                clip=self.config.clip,
                parity=self._parity,
            ),
            np.float64,
        )
        self.log.info("Fringe amplitude %s", solution)
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

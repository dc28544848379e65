"""The methods of `IsrTask` that measure and show an exposure, and change none of its pixels."""

__all__ = ["QualityMethods"]

from typing import TYPE_CHECKING, Any

from cfhtisr.images import Exposure
from cfhtisr.isr import background, statistics
from cfhtisr.tasks import viewer
from cfhtisr.tasks.record import note


class QualityMethods:
    """Background, and views of the state in between."""

    if TYPE_CHECKING:
        config: Any
        log: Any
        metadata: Any
        amplifierBox: Any
        _display: Any
        _v17: bool

    def measureBackground(self, exposure: Exposure, IsrQaConfig: Any = None) -> None:
        """Measure level and flatness of the background, and note them in the header.

        Pixels flagged BAD, SAT or DETECTED are left out.

        Parameters
        ----------
        exposure : Exposure
            The exposure. Its header gets ``SKYLEVEL`` and ``SKYSIGMA`` (median and clipped
            standard deviation, in the unit of the pixels); of the levels of the cells of a
            mesh, relative to their median, ``FLATNESS_PP`` (largest difference) and
            ``FLATNESS_RMS``; of the mesh, ``FLATNESS_NGRIDS``, ``FLATNESS_MESHX`` and
            ``FLATNESS_MESHY``.
        IsrQaConfig : IsrQaConfig, optional
            Its ``flatness`` describes mesh and clip. Without it nothing is done.

        Raises
        ------
        ValueError
            If a cell has less than 2 pixels on a side.
        """
        if IsrQaConfig is None:
            return
        mesh = IsrQaConfig.flatness
        planes = {"BAD", "SAT", "DETECTED"}
        if not self._v17:
            planes.add(self.config.saturatedMaskName)
        found = background.measure(
            exposure.masked_image,
            mesh.meshX,
            mesh.meshY,
            mesh.doClip,
            sorted(planes),
            mesh.clipSigma,
            mesh.nIter,
        )
        rows, columns = found.cells.shape
        for key, value, comment in (
            ("SKYLEVEL", found.level, "median of the background"),
            ("SKYSIGMA", found.sigma, "its clipped standard deviation"),
            ("FLATNESS_PP", found.peak_to_peak, "largest relative difference"),
            ("FLATNESS_RMS", found.rms, "relative scatter of the cells"),
            ("FLATNESS_NGRIDS", f"{columns}x{rows}", "number of cells"),
            ("FLATNESS_MESHX", found.mesh_x, "[pixel] width of a cell"),
            ("FLATNESS_MESHY", found.mesh_y, "[pixel] height of a cell"),
        ):
            note(exposure.metadata, key, value, comment)
        self.log.info("Background %.2f, scatter %.2f", found.level, found.sigma)

    def _background_stats(self, exposure: Exposure, amplifiers: Any) -> None:
        """Note median and scatter of each amplifier's image, flagged pixels included."""
        for amp in amplifiers:
            box = self.amplifierBox(exposure, amp)
            if exposure.bbox.contains(box):
                part = exposure.image.subset(box).array
                median, sigma = statistics.compute(part, ("MEDIAN", "STDEVCLIP"))
                self.metadata.set(f"ISR BACKGROUND {amp.name} MEDIAN", median)
                self.metadata.set(f"ISR BACKGROUND {amp.name} STDEV", sigma)

    def debugView(self, exposure: Exposure, stepname: str) -> None:
        """Show an exposure as it is after a step, if a display for that is set.

        ``task._display`` says which steps are shown: it maps each to the number of a frame of
        the viewer (see `cfhtisr.tasks.viewer`), or to a function of exposure and step of
        one's own. A module ``lsstDebug`` that was imported before the task was made can set
        it too.

        Parameters
        ----------
        exposure : Exposure
            The exposure; it is not changed.
        stepname : str
            The step: its field, or ``postISRCCD``.
        """
        frame = self._display.get(stepname) if self._display else None
        if callable(frame):
            frame(exposure, stepname)
        elif frame is not None and frame is not False:
            viewer.show(exposure, stepname, int(frame))

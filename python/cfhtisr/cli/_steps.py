"""What is left against the truth after each step of a correction, on simulated CCDs."""

__all__ = ["FILTERS", "residuals", "table"]

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cfhtisr.batch.calibrations import KINDS, CalibrationPaths, Calibrations
from cfhtisr.io import open_raw
from cfhtisr.simulate.files import simulate_files
from cfhtisr.simulate.truth import Truth, read_truth
from cfhtisr.tasks.cfht import CfhtIsrTask

if TYPE_CHECKING:
    from cfhtisr.images import Exposure
    from cfhtisr.simulate.settings import Settings

FILTERS = ("i.MP9703", "z.MP9901")
_SMALL = 2000  # columns: below this the apertures of the fringes have to shrink


class _Watched(CfhtIsrTask):
    """Compares the exposure with the truth after each step."""

    truth: Truth
    rows: list[tuple[str, float, float]]

    def debugView(self, exposure: "Exposure", stepname: str) -> None:
        """Note median and robust scatter of image less truth, once the CCD is assembled."""
        if exposure.masked_image.shape != self.truth.image.shape:
            return
        # Pixels that the simulation left alone; their flags come later.
        left = (exposure.image.array - self.truth.image)[self.truth.mask == 0]
        left = left[np.isfinite(left)]
        middle = float(np.median(left))
        scatter = 1.4826 * float(np.median(np.abs(left - middle)))
        self.rows.append((stepname, middle, scatter))


def residuals(settings: "Settings", folder: Path) -> list[tuple[str, float, float]]:
    """Simulate the first CCD of the settings, correct it, and return a row for each step.

    Parameters
    ----------
    settings : Settings
        What is simulated.
    folder : Path
        Where the simulated files go.

    Returns
    -------
    rows : list of (str, float, float)
        Step, and median and robust scatter of image less truth behind it [ADU].
    """
    ccd = settings.ccds[0]
    files = simulate_files(settings, folder, workers=1)
    names: dict[str, Any] = {kind: files.paths[kind] for kind in (*KINDS, "defects")}
    calibrations = Calibrations(CalibrationPaths(**names))
    config: Any = CfhtIsrTask.ConfigClass()
    if settings.columns < _SMALL:
        config.fringe.large = 25
    task = _Watched(config=config, log=logging.getLogger("cfhtisr.steps"))
    task.truth, task.rows = read_truth(files.paths["truth"], ccd), []
    try:
        with open_raw(files.raw) as file:
            raw = file.read(ccd)
        inputs: dict[str, Any] = {}
        for kind in KINDS:
            found = calibrations.frame(kind, raw, settings.n_ccd)
            assert found is not None
            inputs["fringes" if kind == "fringe" else kind] = found[0]
        boxes = calibrations.defects(raw)
        inputs["defects"] = [] if boxes is None else boxes[0]
        task.run(raw, **inputs)
    finally:
        calibrations.close()
    return task.rows


def table(settings: "Settings", folder: Path) -> Iterator[str]:
    """Yield the lines of the table, for an i-band and a z-band exposure."""
    for name in FILTERS:
        own = replace(settings, filter=name, ccds=settings.ccds[:1])
        rows = residuals(own, folder / name)
        yield f"{name}, ccd{own.ccds[0]:02d}, simulated: image less truth [adu]"
        yield f"  {'after':<28} {'median':>10} {'scatter':>9}"
        for step, middle, scatter in rows:
            yield f"  {step:<28} {middle:>10.2f} {scatter:>9.2f}"

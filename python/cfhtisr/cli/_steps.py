"""What is left against the truth after each step of a correction, on simulated CCDs."""

__all__ = ["FAULTS", "FILTERS", "STEP_ROOM", "Left", "residuals", "table"]

import logging
import math
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, fields, replace
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr.batch.calibrations import KINDS, CalibrationPaths, Calibrations
from cfhtisr.io import open_raw
from cfhtisr.isr import statistics
from cfhtisr.isr.linearity import LinearizeSquared
from cfhtisr.simulate.compare import grid_limit
from cfhtisr.simulate.files import simulate_files
from cfhtisr.simulate.truth import Truth, read_truth
from cfhtisr.tasks.cfht import CfhtIsrTask
from cfhtisr.threads import set_num_threads

if TYPE_CHECKING:
    from cfhtisr.images import Exposure
    from cfhtisr.simulate.settings import Settings

FILTERS = ("i.MP9703", "z.MP9901")
FAULTS: dict[str, Any] = {"crosstalk": 1e-4, "nonlinearity": 0.01, "bias_jump": 20.0}
STEP_ROOM = 25  # bytes of disk for each pixel of a CCD at work
_SMALL = 2000  # columns: below this the apertures of the fringes have to shrink
_GRID = 16
_SOURCE = 10000.0  # ADU from which a pixel leaves a mark of an ADU or more on the other half
_BRIGHT = (20000.0, 50000.0)  # ADU: non-linear, and below any saturation
_JUMP, _GHOSTS, _NONLINEAR = 0.2, 0.5, 0.1  # limits at full size, see `_problems`

_LEGEND = """\
Image less truth, in pixels neither spoiled by the simulation nor interpolated, after each step:
  cells    median over 16 x 16 cells of |median residual| [adu]: of the median CCD, and the worst
  scatter  robust scatter of the pixels [adu]
  jump     what the upper half of the rows lies above the lower [adu]
  ghosts   median residual opposite to unspoiled pixels of more than 10000 adu, without what
           lies around them [adu]: crosstalk
  bright   median residual of pixels of 20000 to 50000 adu [%]: non-linearity
All but the worst cell are medians over the CCDs, without those that have a dead amplifier."""


@dataclass(frozen=True, slots=True)
class Left:
    """What a step left of one CCD; see the legend of the table."""

    step: str
    cells: float
    scatter: float
    jump: float
    ghosts: float
    bright: float


@dataclass(frozen=True, slots=True)
class OneCcd:
    """A CCD and what its steps left; of a dead amplifier, the part of its pixels that is BAD."""

    ccd: int
    steps: tuple[Left, ...]
    dead_masked: float | None


class _Watched(CfhtIsrTask):
    """Compares the exposure with the truth after each step."""

    truth: Truth
    alive: NDArray[np.bool_]
    rows: list[Left]
    before: NDArray[Any]

    def debugView(self, exposure: "Exposure", stepname: str) -> None:
        """Note what is left; of a raw frame, in the pixels that will be the CCD."""
        now = exposure.image.array
        if np.array_equal(now, self.before, equal_nan=True):
            self.rows.append(replace(self.rows[-1], step=stepname))
            return
        self.before = now.copy()
        image, left_alone = exposure.image.array, self.alive
        if image.shape != self.truth.image.shape:
            detector = exposure.detector
            assert detector is not None
            # Neither amplifier of a raw frame is flipped.
            image = np.hstack([image[amp.raw_data_bbox.slices] for amp in detector])
        else:
            mask = exposure.mask
            left_alone = left_alone & (mask.array & mask.bitmask("INTRP") == 0)
        self.rows.append(_left(stepname, image, self.truth, left_alone))


def _middle(values: NDArray[Any]) -> float:
    return float(np.median(values)) if values.size else math.nan


def _median(values: NDArray[np.float32], spoiled: NDArray[np.int32]) -> float:
    return statistics.compute(values, "MEDIAN", mask=spoiled, and_mask=1)


def _left(step: str, image: NDArray[Any], truth: Truth, usable: NDArray[np.bool_]) -> Left:
    light = truth.image
    left = image.astype(np.float32) - light
    good = (truth.mask == 0) & np.isfinite(left) & usable
    spoiled = (~good).astype(np.int32)
    grid = np.empty((_GRID, _GRID))
    ends = [np.linspace(0, size, _GRID + 1).astype(int) for size in left.shape]
    for row, column in np.ndindex(grid.shape):
        box = np.s_[ends[0][row] : ends[0][row + 1], ends[1][column] : ends[1][column + 1]]
        grid[row, column] = _median(left[box], spoiled[box])
    middle = _median(left, spoiled)
    half = len(left) // 2
    # The converter cuts off what is beyond its ceiling, and with it how much of it crossed over.
    ghosts = good & (light[:, ::-1] > _SOURCE) & (truth.mask[:, ::-1] == 0)
    # What the flat, the fringes or the sky leave there is left around them too: that goes.
    y, x = np.nonzero(ghosts)
    row, column = (
        np.searchsorted(end, at, "right") - 1 for end, at in zip(ends, (y, x), strict=True)
    )
    local = grid[row, column]
    bright = good & (light > _BRIGHT[0]) & (light < _BRIGHT[1])
    return Left(
        step,
        float(np.nanmedian(np.abs(grid))),
        1.4826 * _median(np.abs(left - np.float32(middle)), spoiled),
        _median(left[half:], spoiled[half:]) - _median(left[:half], spoiled[:half]),
        _middle(left[y, x] - local),
        100 * _middle(left[bright] / light[bright]),
    )


def residuals(settings: "Settings", folder: Path, ccd: int) -> OneCcd:
    """Simulate a CCD, correct it with every correction on, and note what each step leaves.

    Parameters
    ----------
    settings : Settings
        What is simulated.
    folder : Path
        Where the simulated files go for the while.
    ccd : int
        Number of the CCD.
    """
    own = replace(settings, ccds=(ccd,))
    with tempfile.TemporaryDirectory(dir=folder, prefix=f"ccd{ccd:02d}-") as place:
        files = simulate_files(own, Path(place), workers=1)
        names: dict[str, Any] = {kind: files.paths[kind] for kind in (*KINDS, "defects")}
        calibrations = Calibrations(CalibrationPaths(**names))
        task = _Watched(config=_everything(own), log=logging.getLogger("cfhtisr.steps"))
        task.truth, task.rows = read_truth(files.paths["truth"], ccd), []
        task.before = np.empty(0)
        task.alive = np.ones(task.truth.image.shape, np.bool_)
        middle = own.columns // 2
        halves = {"A": np.s_[:, :middle], "B": np.s_[:, middle:]}
        dead = [name for name in halves if own.is_dead(ccd, name)]
        for name in dead:
            task.alive[halves[name]] = False
        try:
            with open_raw(files.raw) as file:
                raw = file.read(ccd)
            inputs: dict[str, Any] = {}
            for kind in KINDS:
                found = calibrations.frame(kind, raw, own.n_ccd)
                assert found is not None
                inputs["fringes" if kind == "fringe" else kind] = found[0]
            boxes = calibrations.defects(raw)
            inputs["defects"] = [] if boxes is None else boxes[0]
            assert raw.detector is not None
            for amp in raw.detector:
                amp.linearity_type = "Squared"
                amp.linearity_coeffs = (own.nonlinear_coefficient,)
            mask = task.run(raw, linearizer=LinearizeSquared(), **inputs).exposure.mask
        finally:
            calibrations.close()
    bad = mask.array & mask.bitmask("BAD") != 0
    masked = float(np.mean([bad[halves[name]].mean() for name in dead])) if dead else None
    return OneCcd(ccd, tuple(task.rows), masked)


def _everything(settings: "Settings") -> Any:
    """Return a configuration that corrects all that is simulated."""
    config: Any = CfhtIsrTask.ConfigClass()
    if settings.columns < _SMALL:
        config.fringe.large = 25
    # A level per row would follow the jump by itself; a line needs to be told of it.
    config.overscanFitType, config.overscanOrder = "CHEB", 1
    config.overscanBiasJump = True
    config.overscanBiasJumpKeyword, config.overscanBiasJumpDevices = "DETECTOR", ["MegaCam"]
    config.overscanBiasJumpLocation = settings.jump_row
    config.doCrosstalk = config.doLinearize = config.doAmpOffset = True
    config.crosstalk.useConfigCoefficients = True
    config.crosstalk.crosstalkShape = [2, 2]
    config.crosstalk.crosstalkValues = [0.0, settings.crosstalk, settings.crosstalk, 0.0]
    return config


def _begin_worker() -> None:
    set_num_threads(1)
    # What the steps have to say of simulated pixels would tear the progress apart.
    logging.getLogger("cfhtisr.steps").setLevel(logging.ERROR)


def table(
    settings: "Settings",
    folder: Path,
    workers: int,
    progress: Callable[[int, int], None],
) -> tuple[list[str], bool]:
    """Correct every CCD in i and in z; return the lines of the tables, and whether all is well.

    Parameters
    ----------
    settings : Settings
        What is simulated, but for the filter.
    folder : Path
        Where the files of the CCDs at work go.
    workers : int
        Processes.
    progress : callable
        Called with the number of CCDs done and that of all.
    """
    folder.mkdir(parents=True, exist_ok=True)
    total = len(FILTERS) * len(settings.ccds)
    found: dict[str, list[OneCcd]] = {name: [] for name in FILTERS}
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker) as pool:
        jobs = {
            pool.submit(residuals, replace(settings, filter=name), folder, ccd): name
            for name in FILTERS
            for ccd in settings.ccds
        }
        try:
            for done, job in enumerate(as_completed(jobs), 1):
                found[jobs[job]].append(job.result())
                progress(done, total)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    lines, good = [*_LEGEND.splitlines()], True
    for name in FILTERS:
        more, fine = _one_table(name, sorted(found[name], key=lambda one: one.ccd), settings)
        lines += ["", *more]
        good = good and fine
    return lines, good


def _one_table(name: str, ccds: list[OneCcd], settings: "Settings") -> tuple[list[str], bool]:
    whole = [one for one in ccds if one.dead_masked is None]
    lines = [
        f"{name}, {len(ccds)} CCDs, simulated: crosstalk {settings.crosstalk:g}, "
        f"{settings.nonlinearity:.1%} non-linear at 50000 adu, "
        f"bias jump {settings.bias_jump:g} adu",
        f"  {'after':<26} {'cells':>8} {'worst':>14} {'scatter':>8} {'jump':>7} {'ghosts':>7}"
        f" {'bright':>7}",
    ]
    last: dict[str, float] = {}
    worst = 0.0
    for n, row in enumerate(whole[0].steps if whole else ()):
        at = [one.steps[n] for one in whole]
        if 0 < n < len(whole[0].steps) - 1 and all(
            replace(one.steps[n - 1], step=row.step) == one.steps[n] for one in whole
        ):
            continue  # it had no say in the pixels
        last = {
            field.name: float(np.nanmedian([getattr(left, field.name) for left in at]))
            for field in fields(Left)[1:]
        }
        where = int(np.argmax([left.cells for left in at]))
        worst = at[where].cells
        lines.append(
            f"  {row.step:<26} {last['cells']:>8.3f} {worst:>8.3f} ccd{whole[where].ccd:02d}"
            f" {last['scatter']:>8.3f} {last['jump']:>7.3f} {last['ghosts']:>7.3f}"
            f" {last['bright']:>7.3f}"
        )
    problems = _problems(last, worst, settings) if whole else []
    for one in ccds:
        if one.dead_masked is not None:
            left = one.steps[-1].cells
            # The fringes of half a CCD are known from half the positions.
            limit = math.sqrt(2) * grid_limit(settings.rows, settings.columns)
            if one.dead_masked < 1:
                problems.append(f"ccd{one.ccd:02d}: the dead amplifier is not BAD all over")
            if not left < limit:
                problems.append(f"ccd{one.ccd:02d}: cells {left:.3f} adu, limit {limit:.3f}")
            lines.append(
                f"  ccd{one.ccd:02d}: {one.dead_masked:.0%} of the dead amplifier BAD; the "
                f"other half is left with {left:.3f} adu (cells)"
            )
    lines += [f"  FAIL: {problem}" for problem in problems] or ["  PASS"]
    return lines, not problems


def _problems(last: dict[str, float], worst: float, settings: "Settings") -> list[str]:
    """Return in words what is too much after the last step.

    The limit of the cells is that of the demo. That of the jump is the same. In a median of 39
    CCDs some 200 pixels each, with a noise of 20 ADU, leave the ghosts uncertain by 0.3 ADU,
    while the crosstalk itself is 1 to 6 ADU; bright pixels have a photon noise of half a per
    cent each, the median of 39 CCDs one of some hundredths. With fewer pixels all limits grow.
    """
    cells = grid_limit(settings.rows, settings.columns)
    scale = cells / grid_limit(4612, 2048) * math.sqrt(max(1.0, 39 / len(settings.ccds)))
    found = []
    for name, value, limit, unit in (
        ("worst cells", worst, cells, "adu"),
        ("jump", abs(last["jump"]), _JUMP * scale, "adu"),
        ("ghosts", abs(last["ghosts"]), _GHOSTS * scale, "adu"),
        ("bright", abs(last["bright"]), _NONLINEAR * scale, "%"),
    ):
        # No number: so few pixels that none was bright.
        if value > limit:
            found.append(f"{name}: {value:.3f} {unit}, limit {limit:.3f}")
    return found

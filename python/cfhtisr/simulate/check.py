"""Compare all CCDs of a corrected exposure with the truth, some at a time."""

__all__ = ["Checked", "check_files", "product_path", "report_lines"]

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cfhtisr.images.geom import Box2I
from cfhtisr.io.fits_file import FitsFile
from cfhtisr.qa.mosaic import bin_image
from cfhtisr.simulate.compare import Comparison, compare, read_product
from cfhtisr.simulate.files import SimulatedSet
from cfhtisr.simulate.truth import read_truth


@dataclass(frozen=True, slots=True)
class Checked:
    """A CCD that was compared, and small pictures of it.

    Attributes
    ----------
    ccd : int
        Number of the CCD.
    comparison : Comparison or None
        None if there is no corrected CCD that can be read.
    problem : str
        Why there is none.
    before, after : ndarray of float32 or None
        Binned raw and corrected pixels [ADU].
    detsec : str
        Place in the mosaic.
    """

    ccd: int
    comparison: Comparison | None
    problem: str = ""
    before: NDArray[np.float32] | None = None
    after: NDArray[np.float32] | None = None
    detsec: str = ""

    def problems(self, realistic: bool = False) -> list[str]:
        """Return what is wrong, in words."""
        if self.comparison is None:
            return [self.problem]
        return self.comparison.problems(realistic)


def product_path(folder: Path, raw: Path, ccd: int) -> Path:
    """Return where ``cfhtisr run`` puts a corrected CCD."""
    stem = raw.name.split(".")[0]
    return folder / f"{stem}-ccd{ccd:02d}.fits"


def check_files(
    files: SimulatedSet,
    folder: str | os.PathLike[str],
    *,
    factor: int = 0,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Checked]:
    """Compare the CCDs of a corrected exposure with the truth.

    Parameters
    ----------
    files : SimulatedSet
        What was simulated.
    folder : path-like
        Where the corrected CCDs are, as ``cfhtisr run`` names them.
    factor : int, optional
        Side of the blocks of the small pictures; 0 for none.
    workers : int, optional
        Processes at work.
    progress : callable, optional
        Called with the number of CCDs done and that of all.
    """
    jobs = [(files, Path(folder), ccd, factor) for ccd in files.settings.ccds]
    done = []
    for one in _all(jobs, workers):
        done.append(one)
        if progress is not None:
            progress(len(done), len(jobs))
    return done


def _all(jobs: Sequence[tuple[SimulatedSet, Path, int, int]], workers: int) -> Iterator[Checked]:
    if workers == 1 or len(jobs) == 1:
        yield from map(_one, jobs)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_one, jobs)


def _one(job: tuple[SimulatedSet, Path, int, int]) -> Checked:
    files, folder, ccd, factor = job
    truth = read_truth(files.truth, ccd)
    before = _raw_binned(files.raw, ccd, factor) if factor else None
    path = product_path(folder, files.raw, ccd)
    try:
        product = read_product(path)
    except OSError as error:
        text = f"no corrected CCD: {error.strerror or error} ({path})"
        return Checked(ccd, None, text, before, None, truth.detsec)
    except ValueError as error:
        return Checked(ccd, None, str(error), before, None, truth.detsec)
    after = bin_image(product.image, factor) if factor else None
    return Checked(ccd, compare(product, truth, ccd), "", before, after, truth.detsec)


def _raw_binned(path: Path, ccd: int, factor: int) -> NDArray[np.float32] | None:
    """Return the light-sensitive raw pixels of a CCD, binned; None if it has no HDU of its own."""
    with FitsFile(path) as file:
        for hdu in file.hdus:
            if hdu.name.lower() == f"ccd{ccd:02d}":
                data = Box2I.from_section(str(hdu.header["DATASEC"]))
                return bin_image(file.read(hdu.index)[data.slices], factor)
    return None


_HEAD = (
    "      overscan level [ADU]   saturated   sky  noise     pixels in each plane"
    "              residual reduced   time",
    "ccd        A       B   from [ADU]  [ADU]  [ADU]     BAD    SAT   INTRP  NAN"
    "  SUSPECT    [ADU]    chi2    [s]",
)


def report_lines(
    checked: Sequence[Checked],
    times: dict[int, float] | None = None,
    realistic: bool = False,
) -> list[str]:
    """Return a table of all CCDs, a line each, and what is wrong below.

    Parameters
    ----------
    checked : sequence of Checked
        What `check_files` returned.
    times : dict of int to float, optional
        Seconds that each CCD took.
    realistic : bool, optional
        See `Comparison.problems`.
    """
    lines = list(_HEAD)
    wrong = []
    for one in checked:
        problems = one.problems(realistic)
        wrong += [f"ccd{one.ccd:02d}: {problem}" for problem in problems]
        c = one.comparison
        if c is None:
            lines.append(f"{one.ccd:02d}   {one.problem}")
            continue
        n = c.counts
        seconds = (times or {}).get(one.ccd, float("nan"))
        lines.append(
            f"{c.ccd:02d}   {c.levels[0]:8.2f}{c.levels[1]:8.2f}   {c.saturations[0]:10.0f}"
            f"{c.sky:7.1f}{c.noise:7.2f}{n.get('BAD', 0):8d}{n.get('SAT', 0):7d}"
            f"{n.get('INTRP', 0):8d}{n.get('UNMASKEDNAN', 0):5d}{n.get('SUSPECT', 0):9d}"
            f"{c.residual:9.3f}{c.chi2:8.4f}{seconds:7.2f}{'  <-' if problems else ''}"
        )
    return [*lines, *_summary(checked), *wrong]


def _summary(checked: Sequence[Checked]) -> list[str]:
    found = [one.comparison for one in checked if one.comparison is not None]
    if not found:
        return []
    off = [
        abs(a - b)
        for c in found
        for a, b in zip(c.levels, c.true_levels, strict=True)
        if np.isfinite(a)
    ]
    lines = [""]
    if off:
        lines.append(f"overscan levels: at most {max(off):.2f} ADU off the true ones")
    lines.append(
        f"residual: at most {max(c.residual for c in found):.3f} ADU, limit {found[0].limit:.3f}"
        " (median over 16 x 16 cells of |median residual|)"
    )
    chi2 = [c.chi2 for c in found]
    lines.append(f"reduced chi2 of good pixels: {min(chi2):.4f} to {max(chi2):.4f}")
    for plane in found[0].injected:
        put = sum(c.injected[plane] for c in found)
        lost = sum(c.missing[plane] for c in found)
        lines.append(f"injected pixels in {plane}: {put - lost} of {put}")
    return lines

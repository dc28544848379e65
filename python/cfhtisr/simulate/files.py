"""A simulated set of files: a raw exposure, its masters, its defects and the truth."""

__all__ = ["SimulatedSet", "disk_space", "exposure", "simulate_files"]

import contextlib
import errno
import gzip
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import IO, cast

from cfhtisr.io.atomic import AtomicFile
from cfhtisr.simulate.masters import SCALES
from cfhtisr.simulate.products import FILES, hdus_of, primaries
from cfhtisr.simulate.settings import Settings

# Bytes per raw pixel that each file takes at most, by its compression.
_BYTES = {
    "raw": (1.3, 2.0),
    "bias": (0.7, 2.0),
    "dark": (0.5, 2.0),
    "flat": (1.4, 2.0),
    "fringe": (1.2, 2.0),
    "truth": (0.8, 0.8),
    "defects": (0.0, 0.0),
}


@dataclass(frozen=True, slots=True)
class SimulatedSet:
    """The files of a simulated exposure.

    Attributes
    ----------
    raw, bias, dark, flat, fringe, defects, truth : pathlib.Path
        The files.
    settings : Settings
        What was simulated.
    """

    raw: Path
    bias: Path
    dark: Path
    flat: Path
    fringe: Path
    defects: Path
    truth: Path
    settings: Settings = field(repr=False)

    @property
    def paths(self) -> dict[str, Path]:
        """The files by their kind."""
        return {kind: getattr(self, kind) for kind in FILES}


def exposure(
    out_dir: str | os.PathLike[str],
    *,
    n_ccd: int = 40,
    ccds: Sequence[int] | None = None,
    rows: int = 4612,
    columns: int = 2048,
    filter: str | None = None,
    seed: int = 1,
    exposure_time: float = 60.0,
    layout: str = "spliced",
    compress: str | None = "RICE_1",
    realistic: bool = False,
    header_variant: str = "",
    kind: str = "o",
    frame: int = 0,
    gzip: bool = False,
    date: str = "",
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
    only: Sequence[str] | None = None,
) -> SimulatedSet:
    """Simulate an exposure and write its files.

    The same arguments give the same bytes, however many workers there are.

    Parameters
    ----------
    out_dir : path-like
        Folder of the files; made if need be. Files of the same names are replaced.
    n_ccd : {40, 36}, optional
        Era of the camera.
    ccds : sequence of int, optional
        The CCDs to write; all by default.
    rows, columns : int, optional
        Light-sensitive pixels of a CCD.
    filter : str, optional
        As in the card FILTER; by default the i filter of the era, which fringes.
    seed : int, optional
        Seed of all random numbers.
    exposure_time : float, optional
        [s]
    layout : {"spliced", "amplifiers"}, optional
        One HDU per CCD, or per amplifier as in 2002-3.
    compress : {"RICE_1", "GZIP_1", "GZIP_2", None}, optional
        Compression of the tiles of raw file and masters.
    realistic : bool, optional
        Let gains and read noise differ from the header's.
    header_variant : str, optional
        An oddity of real headers, see `cfhtisr.simulate.settings.HEADER_VARIANTS`.
    kind : {"o", "f", "b", "d", "x", "l"}, optional
        Science, flat, bias, dark, focus or LED frame.
    frame : int, optional
        Number of the frame, 0 to 99: the same camera and sky, other noise and cosmic rays.
    gzip : bool, optional
        Write the raw file as ``.fits.gz``.
    date : str, optional
        The night, UTC, such as ``2019-12-04``.
    workers : int, optional
        Processes at work.
    progress : callable, optional
        Called with the number of CCDs done and that of all.
    only : sequence of str, optional
        Which files to write, of ``raw``, ``bias``, ``dark``, ``flat``, ``fringe``, ``defects``
        and ``truth``; all by default.

    Returns
    -------
    files : SimulatedSet
        Paths of the files.

    Raises
    ------
    ValueError
        If an argument is out of its range.
    OSError
        If a file cannot be written; none is left half-written.
    """
    settings = Settings(
        n_ccd=n_ccd,
        ccds=tuple(ccds or ()),
        rows=rows,
        columns=columns,
        filter=filter or ("i.MP9703" if n_ccd == 40 else "i.MP9702"),
        seed=seed,
        exposure_time=exposure_time,
        layout=layout,
        compress=compress,
        realistic=realistic,
        header_variant=header_variant,
        kind=kind,
        frame=frame,
        gzip=gzip,
        date=date,
    )
    return simulate_files(settings, out_dir, workers=workers, progress=progress, only=only)


def disk_space(settings: Settings, only: Sequence[str] | None = None) -> int:
    """Return how many bytes the files of a set take at most."""
    pixels = (settings.rows + 32) * (settings.columns + 64) * len(settings.ccds)
    plain = settings.compress is None
    each = 80000 * len(settings.ccds)  # headers
    return sum(int(_BYTES[kind][plain] * pixels) + each for kind in only or FILES)


def simulate_files(
    settings: Settings,
    out_dir: str | os.PathLike[str],
    *,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
    only: Sequence[str] | None = None,
) -> SimulatedSet:
    """Write the files of a set; see `exposure`."""
    if workers < 1:
        raise ValueError(f"workers is {workers}, wanted 1 or more")
    unknown = [kind for kind in only or () if kind not in FILES]
    if unknown:
        raise ValueError(f"only names {unknown[0]!r}, wanted some of {', '.join(FILES)}")
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    names = {kind: _name(settings, kind) for kind in FILES}
    wanted = {kind: names[kind] for kind in only or FILES}
    need, free = disk_space(settings, only), shutil.disk_usage(folder).free
    if need > free:
        raise OSError(
            errno.ENOSPC,
            f"{folder} has {free / 1e9:.2f} GB free, the simulated files take up to "
            f"{need / 1e9:.2f} GB",
        )
    with contextlib.ExitStack() as stack:
        streams = {
            kind: stack.enter_context(_written(folder / name, settings, kind))
            for kind, name in wanted.items()
        }
        for kind, data in primaries(settings, wanted).items():
            streams[kind].write(data)
        for done, hdus in enumerate(_in_order(settings, wanted, workers), 1):
            for kind, data in hdus.items():
                streams[kind].write(data)
            if progress is not None:
                progress(done, len(settings.ccds))
    return SimulatedSet(**{kind: folder / name for kind, name in names.items()}, settings=settings)


def _name(settings: Settings, kind: str) -> str:
    packed = ".fits.fz" if settings.compress else ".fits"
    if kind == "raw":
        suffix = ".fits.gz" if settings.gzip else packed
        return f"raw-{settings.obsid}{settings.kind}{suffix}"
    number = settings.obsid if kind == "truth" else settings.camera_id
    suffix = packed if kind in SCALES else ".fits.fz" if kind == "truth" else ".fits"
    return f"{kind}-{number}{suffix}"


def _in_order(
    settings: Settings, names: dict[str, str], workers: int
) -> Iterator[dict[str, bytes]]:
    """Give the HDUs of CCD after CCD, a few of them ahead in other processes."""
    workers = min(workers, len(settings.ccds))
    if workers == 1:
        for ccd in settings.ccds:
            yield hdus_of(settings, ccd, names)
        return
    # Spawned: a fork could copy threads of the host program in the midst of their work.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"))
    try:
        waiting: list[Future[dict[str, bytes]]] = []
        for ccd in settings.ccds:
            waiting.append(pool.submit(hdus_of, settings, ccd, names))
            if len(waiting) > workers + 1:
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@contextlib.contextmanager
def _written(path: Path, settings: Settings, kind: str) -> Iterator[AtomicFile | gzip.GzipFile]:
    """Open a file that gets its name when everything is in it."""
    with AtomicFile(path, overwrite=True) as file:
        if kind == "raw" and settings.gzip:
            stream = cast("IO[bytes]", file)  # nothing but write is asked of it
            with gzip.GzipFile("", "wb", compresslevel=4, fileobj=stream, mtime=0) as packed:
                yield packed
        else:
            yield file

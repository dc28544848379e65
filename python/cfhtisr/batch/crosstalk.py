"""Crosstalk measured on many CCDs of many exposures."""

__all__ = ["Measurement", "is_product", "measure_crosstalk"]

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr.batch.correct import describe
from cfhtisr.errors import FileFormatError
from cfhtisr.images.exposure import Exposure
from cfhtisr.io import FitsFile, open_raw, read_exposure
from cfhtisr.io.crosstalk_table import CrosstalkRows
from cfhtisr.io.raw import Checksum
from cfhtisr.tasks.cfht import CfhtIsrTask
from cfhtisr.tasks.measure_crosstalk import MeasureCrosstalkConfig, MeasureCrosstalkTask

_OFF = ("doBias", "doDark", "doFlat", "doFringe", "doDefect", "doCrosstalk", "doAmpOffset")


@dataclass
class Measurement:
    """What came of it.

    Parameters
    ----------
    rows : dict of str to CrosstalkRows
        By name of CCD, in order.
    ratios : dict of str to ndarray of float32
        All ratios by ``(ccd, target, source)``.
    failed : list of str
        What could not be measured, and why.
    """

    rows: dict[str, CrosstalkRows] = field(default_factory=dict)
    ratios: dict[tuple[str, str, str], NDArray[np.float32]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


def is_product(path: Path) -> bool:
    """Return whether a file has IMAGE, MASK and VARIANCE HDUs, rather than a raw's."""
    with FitsFile(path) as file:
        return any(_holds_image(hdu) for hdu in file.hdus)


def measure_crosstalk(
    paths: Iterable[Path],
    ccds: Iterable[int] | None = None,
    *,
    threshold: float = 30000.0,
    processed: bool = False,
    checksum: Checksum = "error",
    progress: Callable[[int, int, str], None] | None = None,
) -> Measurement:
    """Measure the crosstalk between the amplifiers of CCDs.

    Parameters
    ----------
    paths : iterable of Path
        Raw exposures, which are corrected for overscan, saturation and variance in memory, or
        products of this package [ADU] that were made without a crosstalk correction.
    ccds : iterable of int, optional
        The CCDs wanted; all by default.
    threshold : float, optional
        Pixels from this level on are looked at [ADU].
    processed : bool, optional
        Take raws that the observatory has processed.
    checksum : {"error", "warn", "ignore"}, optional
        What a wrong checksum of a raw leads to.
    progress : callable, optional
        Called with the number of CCDs done, that of all, and a line about the last.

    Returns
    -------
    measurement : Measurement
        A CCD that fails does not keep the others.

    Raises
    ------
    OSError, ValueError
        If a file cannot be read at all.
    """
    config: Any = MeasureCrosstalkConfig()
    config.threshold = threshold
    config.isr.retarget(CfhtIsrTask)
    for name in _OFF:
        setattr(config.isr, name, False)
    config.isr.doWrite = False
    config.isr.growSaturationFootprintSize = 0
    task = MeasureCrosstalkTask(config=config, log=logging.getLogger("cfhtisr"))
    wanted = None if ccds is None else set(ccds)
    sources: list[tuple[Path, bool, int]] = []
    for path in paths:
        product = is_product(path)
        there = _ccds_of_product(path) if product else _ccds_of_raw(path, processed, checksum)
        sources += [(path, product, ccd) for ccd in there if wanted is None or ccd in wanted]
    # By CCD, so that no more ratios are kept than those of the CCDs that are done.
    sources.sort(key=lambda source: source[2])
    found = Measurement()
    given: dict[str, tuple[tuple[str, ...], list[Any]]] = {}
    for done, (path, product, ccd) in enumerate(sources, 1):
        where = f"{path}, ccd{ccd:02d}"
        try:
            exposure = (
                _product(path, ccd) if product else _corrected(task, path, ccd, processed, checksum)
            )
            ratios = task.run(exposure, dataId=where)
        except Exception as error:
            text = describe(error)
            found.failed.append(text if text.startswith(str(path)) else f"{where}: {text}")
            line = f"{path.name} ccd{ccd:02d} failed: {text}"
        else:
            assert exposure.detector is not None
            names = tuple(amp.name for amp in exposure.detector)
            given.setdefault(exposure.detector.name, (names, []))[1].append(ratios)
            count = sum(part.size for row in ratios for part in row if part is not None)
            line = f"{path.name} ccd{ccd:02d}: {count} ratios"
        if progress is not None:
            progress(done, len(sources), line)
    for name, (amplifiers, each) in given.items():
        found.rows[name] = CrosstalkRows(amplifiers, *task.reduce(each))
        for i, target in enumerate(amplifiers):
            for j, source in enumerate(amplifiers):
                if i != j:
                    joined = np.concatenate([ratios[i][j] for ratios in each])
                    found.ratios[name, target, source] = joined
    return found


def _holds_image(hdu: Any) -> bool:
    return "IMAGE" in (hdu.cards.get("EXTTYPE"), hdu.name)


def _ccds_of_product(path: Path) -> Iterator[int]:
    with FitsFile(path) as file:
        for hdu in file.hdus:
            if _holds_image(hdu):
                name = str(hdu.cards.get("DETNAME", ""))
                if not name.startswith("ccd") or not name[3:].isdecimal():
                    raise FileFormatError(f"{hdu.where}: DETNAME is {name!r}, wanted a CCD's name")
                yield int(name[3:])


def _ccds_of_raw(path: Path, processed: bool, checksum: Checksum) -> tuple[int, ...]:
    with open_raw(path, processed=processed, checksum=checksum) as file:
        return tuple(file.scan.ccds)


def _product(path: Path, ccd: int) -> Exposure:
    exposure = read_exposure(path, ccd=ccd)
    where, header = f"{path}, ccd{ccd:02d}", exposure.metadata
    unit = str(header.get("BUNIT", "adu")).strip()
    if unit.lower() != "adu":
        raise FileFormatError(f"{where}: BUNIT is {unit}, wanted adu to measure crosstalk")
    if header.get("ISRXTALK", False):
        raise FileFormatError(
            f"{where}: ISRXTALK says that crosstalk is subtracted, wanted a product with it"
        )
    return exposure


def _corrected(
    task: MeasureCrosstalkTask, path: Path, ccd: int, processed: bool, checksum: Checksum
) -> Exposure:
    with open_raw(path, processed=processed, checksum=checksum) as file:
        raw = file.read(ccd)
    exposure: Exposure = task.isr.run(raw).exposure
    return exposure

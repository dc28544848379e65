"""One CCD: read, correct, write, and say what was done."""

__all__ = ["Plan", "Worker"]

import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cfhtisr import __version__
from cfhtisr.batch.calibrations import KINDS, CalibrationPaths, Calibrations
from cfhtisr.batch.facts import measure
from cfhtisr.batch.report import Outcome
from cfhtisr.images.exposure import Exposure
from cfhtisr.io import open_raw, write_exposure
from cfhtisr.io.exposure_file import read_provenance
from cfhtisr.io.mosaic import MosaicWriter
from cfhtisr.io.raw import Checksum, RawFile, RawScan
from cfhtisr.io.verify import verify
from cfhtisr.io.weight_map import write_weight
from cfhtisr.tasks.cfht import CfhtIsrTask, CfhtIsrTaskConfig

_log = logging.getLogger(__name__)

FINGERPRINT = "JOB"


@dataclass(frozen=True)
class Plan:
    """All that a process needs to know to correct CCDs; it can be pickled.

    Parameters
    ----------
    output : Path
        The folder of the products.
    config : CfhtIsrTaskConfig
        The configuration, in which only corrections that have a calibration are on.
    calibrations : CalibrationPaths
        Where the calibrations are.
    layout : {"ccd", "mosaic"}
        A file for each CCD, or one for each exposure.
    weight : bool
        Write weight and flag maps beside each product.
    processed : bool
        Take files that the observatory has processed.
    checksum : {"error", "warn", "ignore"}
        What a wrong checksum of an input leads to.
    redo : bool
        Correct again what is finished already.
    sync : bool
        Wait until the disk has the products.
    """

    output: Path
    config: CfhtIsrTaskConfig
    calibrations: CalibrationPaths = field(default_factory=CalibrationPaths)
    layout: str = "ccd"
    weight: bool = False
    processed: bool = False
    checksum: Checksum = "error"
    redo: bool = False
    sync: bool = True

    def product(self, raw: Path, ccd: int | None = None) -> Path:
        """Return the path of the product of a CCD, or of the whole mosaic."""
        name = stem(raw) if ccd is None else f"{stem(raw)}-ccd{ccd:02d}"
        return self.output / f"{name}.fits"


def stem(path: Path) -> str:
    """Return the name of a raw without its suffixes."""
    name = path.name
    for suffix in (".fz", ".gz", ".fits", ".fit"):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name


class Worker:
    """Corrects CCDs one after another, with the files that it needs kept open."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._task = CfhtIsrTask(config=plan.config)
        self._calibrations = Calibrations(plan.calibrations, plan.checksum)
        self._files = ExitStack()
        self._raws: dict[Path, RawFile] = {}
        self._scans: dict[Path, RawScan] = {}
        settings = json.dumps(plan.config.toDict(), sort_keys=True, default=repr)
        self._config_digest = hashlib.sha256(settings.encode()).hexdigest()

    def ccd(self, path: Path, ccd: int) -> Outcome:
        """Correct one CCD into a file of its own; a failure is an outcome, not an exception."""
        product = self._plan.product(path, ccd)
        start = time.perf_counter()
        try:
            raw, inputs = self._inputs(path, ccd)
            provenance = self._provenance(inputs)
            if not self._plan.redo and _finished(product, provenance[FINGERPRINT]):
                return Outcome(path.name, ccd, "skipped", str(product))
            exposure, facts = self._correct(raw, inputs)
            write_exposure(
                exposure, product, overwrite=True, sync=self._plan.sync, provenance=provenance
            )
            if self._plan.weight:
                base = product.with_suffix("")
                maps = (f"{base}.weight.fits", f"{base}.flag.fits")
                write_weight(exposure, *maps, overwrite=True, sync=self._plan.sync)
        except Exception as error:
            return _failure(path, ccd, error)
        seconds = time.perf_counter() - start
        return Outcome(path.name, ccd, "done", str(product), "", seconds, facts)

    def mosaic(self, path: Path, ccds: Sequence[int]) -> list[Outcome]:
        """Correct the CCDs of a raw into one file; a CCD that fails is left out of it."""
        product = self._plan.product(path)
        outcomes: list[Outcome] = []
        provenance: dict[str, str] = {}
        try:
            if not self._plan.redo and product.is_file():
                made_of = {ccd: self._provenance(self._inputs(path, ccd)[1]) for ccd in ccds}
                if _finished(product, _digest(_of_mosaic(made_of))):
                    return [Outcome(path.name, ccd, "skipped", str(product)) for ccd in ccds]
            with MosaicWriter(
                product,
                primary=self._file(path).primary,
                ccds=[f"ccd{ccd:02d}" for ccd in ccds],
                overwrite=True,
                sync=self._plan.sync,
                provenance=provenance,
            ) as mosaic:
                made_of = {}
                for ccd in ccds:
                    outcome, facts = self._append(mosaic, path, ccd)
                    outcomes.append(outcome)
                    if outcome.status == "done":
                        made_of[ccd] = facts
                if not made_of:
                    mosaic.abandon()
                provenance |= _of_mosaic(made_of)
                provenance[FINGERPRINT] = _digest(_of_mosaic(made_of))
        except Exception as error:
            failed = {outcome.ccd: outcome for outcome in outcomes if outcome.status == "failed"}
            return [failed.get(ccd) or _failure(path, ccd, error) for ccd in ccds]
        return outcomes

    def close(self) -> None:
        """Close the files."""
        self._files.close()
        self._raws.clear()
        self._scans.clear()
        self._calibrations.close()

    def _append(self, mosaic: MosaicWriter, path: Path, ccd: int) -> tuple[Outcome, dict[str, str]]:
        start = time.perf_counter()
        try:
            raw, inputs = self._inputs(path, ccd)
            exposure, facts = self._correct(raw, inputs)
        except Exception as error:
            return _failure(path, ccd, error), {}
        mosaic.append(exposure)
        seconds = time.perf_counter() - start
        product = str(self._plan.product(path))
        outcome = Outcome(path.name, ccd, "done", product, "", seconds, facts)
        return outcome, self._provenance(inputs)

    def _file(self, path: Path) -> RawFile:
        if path not in self._raws:
            opened = open_raw(path, processed=self._plan.processed, checksum=self._plan.checksum)
            self._raws[path] = self._files.enter_context(opened)
            self._scans[path] = self._raws[path].scan
        return self._raws[path]

    def _inputs(self, path: Path, ccd: int) -> tuple[Exposure, dict[str, tuple[Any, str]]]:
        """Read the raw and its calibrations: the task's argument → value and identity."""
        file = self._file(path)
        raw = file.read(ccd)
        inputs: dict[str, tuple[Any, str]] = {"raw": (raw, file.identity(ccd))}
        for kind in KINDS:
            found = self._calibrations.frame(kind, raw, self._scans[path].n_ccd)
            if found is not None:
                inputs["fringes" if kind == "fringe" else kind] = found
        boxes = self._calibrations.defects(raw)
        if boxes is not None:
            inputs["defects"] = boxes
        return raw, inputs

    def _correct(
        self, raw: Exposure, inputs: Mapping[str, tuple[Any, str]]
    ) -> tuple[Exposure, dict[str, Any]]:
        arguments = {name: value for name, (value, _) in inputs.items() if name != "raw"}
        exposure = self._task.run(raw, **arguments).exposure
        return exposure, measure(exposure)

    def _provenance(self, inputs: Mapping[str, tuple[Any, str]]) -> dict[str, str]:
        facts = {
            "CONFIG": self._config_digest,
            **{name.upper(): identity for name, (_, identity) in inputs.items()},
        }
        return {**facts, FINGERPRINT: _digest(facts)}


def _of_mosaic(facts: Mapping[int, Mapping[str, str]]) -> dict[str, str]:
    return {f"{name} ccd{ccd:02d}": text for ccd in facts for name, text in facts[ccd].items()}


def _digest(facts: Mapping[str, str]) -> str:
    """Return what tells a product from one of other inputs, settings or another version."""
    text = json.dumps({"version": __version__, **facts}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _failure(path: Path, ccd: int, error: Exception) -> Outcome:
    _log.debug("%s ccd%02d failed", path, ccd, exc_info=error)
    return Outcome(path.name, ccd, "failed", message=describe(error))


def describe(error: Exception) -> str:
    """Return the text of an exception, with its type where the text alone would puzzle."""
    text = str(error) or repr(error)
    if isinstance(error, OSError | ValueError | RuntimeError):
        return text
    return f"{type(error).__name__}: {text}"


def _finished(product: Path, job: str) -> bool:
    """Whether a product exists, was made of the same inputs in the same way, and is whole."""
    if not product.is_file():
        return False
    try:
        made = read_provenance(product).get(FINGERPRINT)
    except (OSError, ValueError):
        return False
    return made == job and not verify(product)

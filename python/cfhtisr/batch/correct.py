"""One CCD: read, correct, write, and say what was done."""

__all__ = ["Plan", "Worker", "describe", "stem"]

import copy
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cfhtisr.batch.calibrations import KINDS, CalibrationPaths, Calibrations
from cfhtisr.batch.facts import STEP, measure
from cfhtisr.batch.report import Outcome
from cfhtisr.batch.units import in_electrons
from cfhtisr.errors import UnknownChoiceError
from cfhtisr.images import Exposure, MaskedImage
from cfhtisr.images.streamed_frame import Kept, StreamedFrame
from cfhtisr.io import write_exposure
from cfhtisr.io._packed import QUANTIZE, Mode, Packing
from cfhtisr.io.atomic import AtomicFile
from cfhtisr.io.exposure_file import read_provenance, write_streamed
from cfhtisr.io.lean_raw import LeanFrameFile, LeanRawFile
from cfhtisr.io.mosaic import MosaicWriter
from cfhtisr.io.picture_file import write_picture
from cfhtisr.io.raw import Checksum, RawFile
from cfhtisr.io.streamed_product import StreamedProduct
from cfhtisr.io.verify import verify
from cfhtisr.io.weight_map import write_weight
from cfhtisr.isr.amp_offset import columns, neighbours
from cfhtisr.pipe import Struct
from cfhtisr.tasks.cfht import CfhtIsrTask, CfhtIsrTaskConfig
from cfhtisr.tasks.electronics import linearizer_of, with_crosstalk, with_linearity
from cfhtisr.tasks.provenance import FINGERPRINT, fingerprint, of_config, of_inputs
from cfhtisr.tasks.steps import makes_once

_log = logging.getLogger(__name__)

MAPS = "MAPS"
LAYOUTS = ("ccd", "mosaic")
UNITS = ("adu", "electron")
_HEADERS = (28800, 5760, 5760, 5760)  # of a product [byte], until there is one
_MOST_OPEN = 64  # of the files that a process may have, some hundreds as a rule


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
        Write weight and flag maps of each CCD beside the products.
    units : {"adu", "electron"}
        Units of the products.
    compress : {None, "lossless", "rice"}
        How the products are compressed; see `cfhtisr.io.write_exposure`.
    quantize : float
        For "rice": the noise of each row in steps of its pixels.
    processed : bool
        Take files that the observatory has processed.
    checksum : {"error", "warn", "ignore"}
        What a wrong checksum of an input leads to.
    redo : bool
        Correct again what is finished already.
    sync : bool
        Wait until the disk has the products.
    max_memory : int or None
        What the process that corrects CCDs may need [byte].
    """

    output: Path
    config: CfhtIsrTaskConfig
    calibrations: CalibrationPaths = field(default_factory=CalibrationPaths)
    layout: str = "ccd"
    weight: bool = False
    units: str = "adu"
    compress: Mode | None = None
    quantize: float = QUANTIZE
    processed: bool = False
    checksum: Checksum = "error"
    redo: bool = False
    sync: bool = True
    max_memory: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "output", Path(self.output))
        Packing.of(self.compress, self.quantize)  # refuses what there is not
        for name, choices in (("layout", LAYOUTS), ("units", UNITS)):
            if getattr(self, name) not in choices:
                raise UnknownChoiceError(
                    f"{name} is {getattr(self, name)!r}, wanted one of {', '.join(choices)}"
                )

    def absolute(self) -> "Plan":
        """Return the plan as a process in another folder can carry it out."""
        return replace(
            self, output=self.output.absolute(), calibrations=self.calibrations.absolute()
        )

    def inputs(self) -> list[Path]:
        """Return the paths of the calibrations."""
        return self.calibrations.given()

    def product(self, raw: Path, ccd: int | None = None) -> Path:
        """Return the path of the product of a CCD, or of the whole mosaic."""
        name = stem(raw) if ccd is None else f"{stem(raw)}-ccd{ccd:02d}"
        return self.output / f"{name}.fits"

    def maps(self, raw: Path, ccd: int) -> tuple[Path, Path]:
        """Return the paths of the weight and the flag map of a CCD."""
        name = self.product(raw, ccd).stem
        return self.output / f"{name}.weight.fits", self.output / f"{name}.flag.fits"

    def thumbnail(self, raw: Path, ccd: int, kind: str) -> Path:
        """Return the path of a thumbnail of a CCD, ``oss`` or ``flattened``."""
        return self.output / f"{self.product(raw, ccd).stem}.{kind}.png"


def stem(path: Path) -> str:
    """Return the name of a raw without its suffixes."""
    name = path.name
    for suffix in (".fz", ".gz", ".fits", ".fit"):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name


class Worker:
    """Corrects CCDs one after another, with the files that it needs kept open.

    Parameters
    ----------
    plan : Plan
        What to do.
    stopped : callable, optional
        Asked before each CCD; if it says True the work ends with `KeyboardInterrupt`.
    """

    def __init__(self, plan: Plan, stopped: Callable[[], bool] = lambda: False) -> None:
        self._plan = plan
        self._stopped = stopped
        self._task = CfhtIsrTask(config=plan.config, log=logging.getLogger("cfhtisr"))
        self._task.keepsStatistics = False  # nobody would see them
        self._uncrossed = self._task
        if plan.calibrations.crosstalk is not None:  # for CCDs that its file does not have
            config = copy.copy(plan.config)
            config.doCrosstalk = False
            self._uncrossed = CfhtIsrTask(config=config, log=logging.getLogger("cfhtisr"))
            self._uncrossed.keepsStatistics = False
        # Tasks of others are to see what is documented.
        tasks = self._task.getTaskDict().values()
        own = all(type(task).__module__.startswith("cfhtisr.") for task in tasks)
        self._kind = LeanRawFile if own else RawFile
        frames = LeanFrameFile if own else RawFile
        self._calibrations = Calibrations(plan.calibrations, plan.checksum, frames)
        self._raws: dict[Path, RawFile] = {}
        # Memory of a CCD that is written, for the next.
        self._planes: MaskedImage | None = None
        self._counts: NDArray[np.uint16] | None = None
        self._headers: tuple[int, ...] = _HEADERS
        self._kept: list[Kept] = []
        self._config_facts = of_config(plan.config)
        if plan.units != "adu":
            self._config_facts["UNITS"] = plan.units
        if plan.compress is not None:
            steps = f" {plan.quantize!r}" if plan.compress == "rice" else ""
            self._config_facts["COMPRESS"] = f"{plan.compress}{steps}"
        # Not part of the job: a product with maps is as good where none are wanted.
        self._maps_fact = {MAPS: "weight, flag"} if plan.weight else {}

    def ccd(self, path: Path, ccd: int, n_ccd: int) -> Outcome:
        """Correct one CCD into a file of its own; a failure is an outcome, not an exception."""
        plan, product = self._plan, self._plan.product(path, ccd)
        start = time.perf_counter()
        with self._watched() as warned:
            try:
                raw, inputs = self._inputs(path, ccd, n_ccd)
                provenance = self._provenance(inputs)
                if (
                    not plan.redo
                    and self._has_maps(path, ccd)
                    and _finished(product, provenance[FINGERPRINT], plan.weight)
                ):
                    return Outcome(path.name, ccd, "skipped", str(product), warnings=warned)
                if self._streams(raw):
                    facts = self._stream(raw, inputs, path, ccd, provenance)
                else:
                    exposure, facts = self._correct(raw, inputs, path, ccd)
                    write_exposure(
                        exposure,
                        product,
                        overwrite=True,
                        sync=plan.sync,
                        provenance=provenance,
                        compress=plan.compress,
                        quantize=plan.quantize,
                    )
                    self._write_maps(exposure, path, ccd)
            except Exception as error:
                return _failure(path, ccd, error, warned)
        seconds = time.perf_counter() - start
        return Outcome(path.name, ccd, "done", str(product), "", seconds, facts, warned)

    def _streams(self, raw: Exposure) -> bool:
        """Whether the rows of the CCD may go to the product as they are finished."""
        plan = self._plan
        whole = plan.compress is not None or plan.weight or plan.units != "adu"
        return not whole and makes_once(self._task, raw)

    def _stream(
        self,
        raw: Exposure,
        inputs: Mapping[str, tuple[Any, str]],
        path: Path,
        ccd: int,
        provenance: Mapping[str, str],
    ) -> dict[str, Any]:
        """Correct one CCD into its product, of which no plane is held in memory."""
        plan, detector = self._plan, raw.detector
        assert detector is not None
        boxes = {amp.name: amp.bbox for amp in detector}
        width = plan.config.ampOffsetWidth
        windows = [columns(boxes[a], boxes[b], width) for a, b in neighbours(boxes)]
        with AtomicFile(plan.product(path, ccd), plan.sync, overwrite=True) as file:
            product = StreamedProduct(file, self._headers)
            frame = StreamedFrame(detector.bbox.shape, product, STEP, windows, self._kept)
            self._kept = frame.kept
            exposure, facts = self._correct(raw, inputs, path, ccd, frame)
            write_streamed(exposure, product, provenance)
        self._headers = product.headers
        return facts

    def mosaic(self, path: Path, ccds: Sequence[int], n_ccd: int) -> list[Outcome]:
        """Correct the CCDs of a raw into one file; a CCD that fails is left out of it."""
        product = self._plan.product(path)
        outcomes: dict[int, Outcome] = {}
        try:
            if not self._plan.redo and product.is_file():
                outcomes = self._finished_mosaic(path, ccds, n_ccd)
                if outcomes:
                    return [outcomes[ccd] for ccd in ccds]
            provenance: dict[str, str] = {}
            with MosaicWriter(
                product,
                primary=self._file(path).primary,
                ccds=[f"ccd{ccd:02d}" for ccd in ccds],
                overwrite=True,
                sync=self._plan.sync,
                provenance=provenance,
                compress=self._plan.compress,
                quantize=self._plan.quantize,
            ) as mosaic:
                made_of = {}
                for ccd in ccds:
                    outcomes[ccd], facts = self._append(mosaic, path, ccd, n_ccd)
                    if outcomes[ccd].status == "done":
                        made_of[ccd] = facts
                if not made_of:
                    raise _NothingDone
                provenance |= self._config_facts | self._maps_fact | _of_mosaic(made_of)
                provenance[FINGERPRINT] = fingerprint(_of_mosaic(made_of))
        except _NothingDone:
            pass
        except Exception as error:
            for ccd in ccds:
                if ccd not in outcomes or outcomes[ccd].status != "failed":
                    outcomes[ccd] = _failure(path, ccd, error)
        return [outcomes[ccd] for ccd in ccds]

    def close(self) -> None:
        """Close the files."""
        for file in self._raws.values():
            file.close()
        self._raws.clear()
        self._calibrations.close()

    @contextmanager
    def _watched(self) -> Iterator[list[str]]:
        """Collect what is warned of; stop here if the work is to stop."""
        if self._stopped():
            raise KeyboardInterrupt
        watcher = _Watcher()
        logger = logging.getLogger("cfhtisr")
        logger.addHandler(watcher)
        try:
            yield watcher.texts
        finally:
            logger.removeHandler(watcher)

    def _append(
        self, mosaic: MosaicWriter, path: Path, ccd: int, n_ccd: int
    ) -> tuple[Outcome, dict[str, str]]:
        start = time.perf_counter()
        with self._watched() as warned:
            try:
                raw, inputs = self._inputs(path, ccd, n_ccd)
                exposure, facts = self._correct(raw, inputs, path, ccd)
                self._write_maps(exposure, path, ccd)
            except Exception as error:
                return _failure(path, ccd, error, warned), {}
            try:
                mosaic.append(exposure)
            except (TypeError, ValueError) as error:  # this CCD only; the file goes on
                return _failure(path, ccd, error, warned), {}
        seconds = time.perf_counter() - start
        product = str(self._plan.product(path))
        outcome = Outcome(path.name, ccd, "done", product, "", seconds, facts, warned)
        return outcome, self._provenance(inputs)

    def _finished_mosaic(self, path: Path, ccds: Sequence[int], n_ccd: int) -> dict[int, Outcome]:
        """Return the outcomes if a mosaic holds all CCDs whose inputs can be read, else nothing."""
        product = self._plan.product(path)
        made_of: dict[int, dict[str, str]] = {}
        outcomes: dict[int, Outcome] = {}
        for ccd in ccds:
            with self._watched() as warned:
                try:
                    made_of[ccd] = self._provenance(self._inputs(path, ccd, n_ccd)[1])
                    outcomes[ccd] = Outcome(
                        path.name, ccd, "skipped", str(product), warnings=warned
                    )
                except Exception as error:
                    outcomes[ccd] = _failure(path, ccd, error, warned)
        whole = (
            bool(made_of)
            and all(self._has_maps(path, ccd) for ccd in made_of)
            and _finished(product, fingerprint(_of_mosaic(made_of)), self._plan.weight)
        )
        return outcomes if whole else {}

    def _file(self, path: Path) -> RawFile:
        if path not in self._raws:
            while len(self._raws) >= _MOST_OPEN:
                self._raws.pop(next(iter(self._raws))).close()
            self._raws[path] = self._kind(
                path, processed=self._plan.processed, checksum=self._plan.checksum
            )
        return self._raws[path]

    def _inputs(
        self, path: Path, ccd: int, n_ccd: int
    ) -> tuple[Exposure, dict[str, tuple[Any, str]]]:
        """Read the raw and its calibrations: the task's argument → value and identity."""
        file = self._file(path)
        raw = file.read(ccd, out=self._counts)
        if raw.image.dtype == np.uint16:
            self._counts = raw.image.array
        inputs: dict[str, tuple[Any, str]] = {"raw": (raw, file.identity(ccd))}
        for kind in KINDS:
            if kind == "fringe" and not self._has_fringes(raw):
                why = f"not applied: filter {raw.filter} is not in fringe.filters"
                inputs["fringes"] = (None, why)
                continue
            found = self._calibrations.frames(kind, raw, n_ccd)
            if kind == "fringe" and found:
                frames, identities = zip(*found, strict=True)
                inputs["fringes"] = (list(frames), "; ".join(identities))
            elif found:
                inputs[kind] = found[0]
        boxes = self._calibrations.defects(raw)
        if boxes is not None:
            inputs["defects"] = boxes
        for name in ("crosstalk", "linearizer"):
            read = getattr(self._calibrations, name)(raw)
            if read is not None:
                inputs[name] = read
        return raw, inputs

    def _has_fringes(self, raw: Exposure) -> bool:
        """Whether fringes would be subtracted, if a fringe frame is given at all."""
        return self._plan.calibrations.fringe is None or self._task.fringe.checkFilter(raw)

    def _correct(
        self,
        raw: Exposure,
        inputs: Mapping[str, tuple[Any, str]],
        path: Path,
        ccd: int,
        out: MaskedImage | None = None,
    ) -> tuple[Exposure, dict[str, Any]]:
        arguments = {name: value for name, (value, _) in inputs.items() if name != "raw"}
        task = self._task
        if arguments.get("fringes") is not None:
            arguments["fringes"] = Struct(
                fringes=arguments["fringes"], seed=task.fringe.seedOf(raw)
            )
        linearity = arguments.get("linearizer")
        if linearity is not None:
            raw = with_linearity(raw, linearity)
            arguments["linearizer"] = linearizer_of(linearity)
        if "crosstalk" in arguments:
            crosstalk = arguments.pop("crosstalk")
            if crosstalk is None:
                task = self._uncrossed
            else:
                raw = with_crosstalk(raw, crosstalk)
        planes = self._reused(raw) if out is None else out
        if planes is not None:
            arguments["out"] = planes
        result = task.run(raw, **arguments)
        exposure = result.exposure
        if out is None:
            self._planes = exposure.masked_image
        for kind in ("oss", "flattened"):
            thumb = getattr(result, f"{kind}Thumb")
            if thumb is not None:
                write_picture(self._plan.thumbnail(path, ccd, kind), thumb, sync=self._plan.sync)
        if self._plan.units == "electron":
            in_electrons(exposure)
        facts = measure(exposure)
        facts["not_applied"] = {
            name: text for name, (value, text) in inputs.items() if value is None
        }
        return exposure, facts

    def _reused(self, raw: Exposure) -> MaskedImage | None:
        """Return planes that were used before, if they fit the CCD of a raw."""
        detector, planes = raw.detector, self._planes
        if detector is None or planes is None or planes.dtype != np.float32:
            return None
        assembled = self._plan.config.doAssembleCcd and self._task.assembleCcd.config.doTrim
        return planes if assembled and planes.shape == detector.bbox.shape else None

    def _write_maps(self, exposure: Exposure, path: Path, ccd: int) -> None:
        if self._plan.weight:
            maps = self._plan.maps(path, ccd)
            write_weight(exposure, *maps, overwrite=True, sync=self._plan.sync)

    def _has_maps(self, path: Path, ccd: int) -> bool:
        """Whether the maps are there and whole, if they are wanted."""
        maps = self._plan.maps(path, ccd) if self._plan.weight else ()
        return all(file.is_file() and not verify(file) for file in maps)

    def _provenance(self, inputs: Mapping[str, tuple[Any, str]]) -> dict[str, str]:
        identities = {name: identity for name, (_, identity) in inputs.items()}
        return {**of_inputs(self._config_facts, identities), **self._maps_fact}


class _NothingDone(Exception):  # noqa: N818  # it is no error, it leaves a block without a file
    """No CCD of a mosaic could be corrected."""


class _Watcher(logging.Handler):
    """Keeps the texts of warnings of the thread that made it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []
        self._thread = threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self.texts.append(record.getMessage())


def _of_mosaic(facts: Mapping[int, Mapping[str, str]]) -> dict[str, str]:
    return {
        f"{name} ccd{ccd:02d}": text
        for ccd in facts
        for name, text in facts[ccd].items()
        if not name.startswith("CONFIG ") and name != MAPS
    }


def _failure(path: Path, ccd: int, error: Exception, warned: Sequence[str] = ()) -> Outcome:
    _log.debug("%s ccd%02d failed", path, ccd, exc_info=error)
    return Outcome(path.name, ccd, "failed", message=describe(error), warnings=list(warned))


def describe(error: Exception) -> str:
    """Return the text of an exception, with its type where the text alone would puzzle."""
    text = str(error) or repr(error)
    if isinstance(error, OSError | ValueError | RuntimeError):
        return text
    return f"{type(error).__name__}: {text}"


def _finished(product: Path, job: str, maps: bool) -> bool:
    """Whether a product exists, was made of the same inputs in the same way, and is whole."""
    if not product.is_file():
        return False
    try:
        facts = read_provenance(product)
    except (OSError, ValueError):
        return False
    return facts.get(FINGERPRINT) == job and (not maps or MAPS in facts) and not verify(product)

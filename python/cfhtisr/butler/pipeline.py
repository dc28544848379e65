"""The ISR task as a `PipelineTask` of LSST's middleware; needs the extra ``[pipeline]``."""

__all__ = ["CfhtIsrConnections", "CfhtIsrPipelineConfig", "CfhtIsrPipelineTask"]

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from lsst.pex.config import ConfigurableField

from cfhtisr.butler import special
from cfhtisr.butler._middleware import Timespan
from cfhtisr.butler.errors import NoResults
from cfhtisr.butler.keys import short_filter
from cfhtisr.errors import MissingExtraError
from cfhtisr.tasks.cfht import CfhtIsrTask
from cfhtisr.tasks.isr import IsrTask
from cfhtisr.threads import get_num_threads, set_num_threads

try:
    from lsst.pipe.base import (
        PipelineTask,
        PipelineTaskConfig,
        PipelineTaskConnections,
        TaskMetadata,
    )
    from lsst.pipe.base.connectionTypes import Input, Output, PrerequisiteInput
except ImportError as error:
    raise MissingExtraError(
        f"needs lsst-pipe-base and lsst-ctrl-mpexec: pip install 'cfhtisr[pipeline]' ({error})"
    ) from error

_NAMES = {"datasetType": "raw"} | {
    f"{kind}DataProductName": kind for kind in ("bias", "dark", "flat")
}
"""Fields that name types of datasets."""

_CHIP = ("instrument", "detector")
_FILTERED = ("instrument", "detector", "physical_filter")
_EXPOSED = ("instrument", "exposure", "detector")


def _at_beginning(
    datasetType: Any, registry: Any, quantumDataId: Any, collections: Sequence[str]
) -> Iterable[Any]:
    """Find the calibration that holds when an exposure begins, of its own filter.

    The middleware would look up the whole of the exposure, and two epochs may meet in it.
    """
    data_id = registry.expandDataId(quantumDataId)
    asked = {name: data_id[name] for name in datasetType.dimensions.required}
    begin = data_id.records["exposure"].timespan.begin
    found = registry.findDataset(
        datasetType, asked, collections=collections, timespan=Timespan.fromInstant(begin)
    )
    return [] if found is None else [found]


def _calibration(name: str, doc: str, dimensions: tuple[str, ...], **more: Any) -> Any:
    return PrerequisiteInput(
        name=name,
        doc=doc,
        storageClass=more.pop("storageClass", "CfhtExposure"),
        dimensions=dimensions,
        isCalibration=True,
        lookupFunction=_at_beginning,
        **more,
    )


class CfhtIsrConnections(
    PipelineTaskConnections,
    dimensions=_EXPOSED,
):
    """What is read and written: the calibrations of the corrections that are switched on."""

    raw = Input(
        name="raw", doc="Raw frame of a CCD.", storageClass="CfhtExposure", dimensions=_EXPOSED
    )
    bias = _calibration("bias", "Bias frame.", _CHIP)
    dark = _calibration("dark", "Dark frame.", _CHIP)
    flat = _calibration("flat", "Flat field.", _FILTERED)
    # Most filters have no fringes; the task says so where one that has them lacks the frame.
    fringe = _calibration("fringe", "Fringe frame.", _FILTERED, minimum=0)
    defects = _calibration("defects", "Boxes of bad pixels.", _CHIP, storageClass="CfhtDefects")
    linearizer = _calibration(
        "linearizer", "Linearity.", _CHIP, storageClass="CfhtLinearizer", minimum=0
    )
    crosstalk = _calibration(
        "crosstalk", "Crosstalk.", _CHIP, storageClass="CfhtCrosstalk", minimum=0
    )
    postISRCCD = Output(
        name="postISRCCD",
        doc="Corrected CCD.",
        storageClass="CfhtExposure",
        dimensions=_EXPOSED,
    )
    ossThumb = Output(
        name="ossThumb",
        doc="Picture before the flat.",
        storageClass="CfhtPicture",
        dimensions=_EXPOSED,
    )
    flattenedThumb = Output(
        name="flattenedThumb",
        doc="Picture after the flat.",
        storageClass="CfhtPicture",
        dimensions=_EXPOSED,
    )

    def __init__(self, *, config: Any = None) -> None:
        super().__init__(config=config)
        isr = config.isr.value
        wanted = {
            "bias": isr.doBias,
            "dark": isr.doDark,
            "flat": isr.doFlat,
            "fringe": isr.doFringe,
            "defects": isr.doDefect,
            "linearizer": isr.doLinearize,
            "crosstalk": isr.doCrosstalk and not isr.crosstalk.useConfigCoefficients,
            "ossThumb": isr.qa.doThumbnailOss,
            "flattenedThumb": isr.qa.doThumbnailFlattened,
        }
        for name, switch in wanted.items():
            if not switch:
                delattr(self, name)


class CfhtIsrPipelineConfig(
    PipelineTaskConfig,
    pipelineConnections=CfhtIsrConnections,
):
    """The ISR task, and the names of what it reads and writes."""

    isr: Any = ConfigurableField(doc="The ISR task.", target=CfhtIsrTask)

    def validate(self) -> None:
        """Check all fields, and that the pipeline has connections for what they ask for.

        Raises
        ------
        ValueError
            If a field's value is not allowed, the products are switched off, or something is
            asked for that a pipeline cannot give.
        """
        super().validate()
        if not self.isr.doWrite:
            raise ValueError("isr.doWrite is False, but a pipeline is there to write postISRCCD")
        for name in ("doBrighterFatter", "doAttachTransmissionCurve"):
            if getattr(self.isr, name):
                raise ValueError(
                    f"isr.{name} is True, wanted False: a pipeline has no datasets for it; run "
                    "takes them"
                )
        if self.isr.fallbackFilterName is not None:
            raise ValueError(
                f"isr.fallbackFilterName is {self.isr.fallbackFilterName!r}, wanted None: a "
                "pipeline looks up calibrations of the exposure's own filter"
            )
        for field, wanted in _NAMES.items():
            if (given := getattr(self.isr, field)) != wanted:
                raise ValueError(
                    f"isr.{field} is {given!r}, wanted {wanted!r}: in a pipeline "
                    f"connections.{wanted} names the type of datasets"
                )


class CfhtIsrPipelineTask(PipelineTask):
    """Remove the instrument signature from one CCD, as a task of a pipeline.

    The pixel work, the checks of the calibrations and the products, byte for byte, are those of
    `cfhtisr.IsrTask.runDataRef`. It uses as many threads as the quantum was given cores (one,
    unless ``pipetask run --cores-per-quantum`` says otherwise).
    """

    ConfigClass: ClassVar[Any] = CfhtIsrPipelineConfig
    _DefaultName = "cfhtIsr"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # Not made a subtask of this one: the trees of the two kinds of tasks do not mix.
        chosen: Any = self.config
        self.isr: IsrTask = chosen.isr.target(config=chosen.isr.value, name="isr", log=self.log)

    def runQuantum(self, butlerQC: Any, inputRefs: Any, outputRefs: Any) -> None:
        """Correct one CCD.

        Parameters
        ----------
        butlerQC : lsst.pipe.base.QuantumContext
            Where datasets come from and go to.
        inputRefs, outputRefs : QuantizedConnection
            What they are.
        """
        record = butlerQC.quantum.dataId.records["exposure"]
        data_id = {
            "visit": record.id,
            "ccd": int(butlerQC.quantum.dataId["detector"]),
            "filter": short_filter(record.physical_filter),
        }
        ref = _QuantumRef(data_id, butlerQC.get(inputRefs))
        before = get_num_threads()
        set_num_threads(butlerQC.resources.num_cores)
        try:
            self.isr.runDataRef(ref)
        finally:
            set_num_threads(before)
            notes = self.isr.getFullMetadata()
            for name in notes.names():
                told = notes.getScalar(name).toDict()
                self.metadata[name.replace(":", "_")] = TaskMetadata.from_dict(told)
            self.isr.emptyMetadata()
        for name, value in ref.made.items():
            butlerQC.put(value, getattr(outputRefs, name))


class _QuantumRef:
    """The inputs of a quantum as a data reference."""

    def __init__(self, data_id: Mapping[str, Any], inputs: Mapping[str, Any]) -> None:
        self.dataId = dict(data_id)
        self._inputs = {name: value for name, value in inputs.items() if value is not None}
        self.made: dict[str, Any] = {}

    def get(self, datasetType: str, immediate: bool = True, **rest: Any) -> Any:
        """Return an input; there is none of another exposure, CCD or filter."""
        if datasetType in special.NOT_FILES:
            return special.not_a_file(datasetType, self.dataId)
        if datasetType not in self._inputs or any(
            self.dataId.get(key) != value for key, value in rest.items()
        ):
            raise NoResults(f"the pipeline has no {datasetType} for {self.dataId}")
        return self._inputs[datasetType]

    def put(self, value: Any, datasetType: str) -> None:
        """Keep an output until the work is done."""
        self.made[datasetType] = value

    def datasetExists(self, datasetType: str) -> bool:
        """Whether there is such an input."""
        return datasetType in self._inputs

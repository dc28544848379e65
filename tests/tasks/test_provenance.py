"""A data reference that reads files gives the bytes that the command gives."""

import pytest

from cfhtisr import CfhtIsrTask, CfhtIsrTaskConfig, Exposure, read_exposure, read_raw
from cfhtisr.camera import megacam
from cfhtisr.io import read_defects, read_master, read_provenance
from cfhtisr.io.crosstalk_table import read_crosstalk
from cfhtisr.io.linearity_file import read_linearity
from small_sets import CCDS, KINDS, calibrations, run, small_set

SHAPE = (96, 128)


class FileRef:
    """Files as a data reference: no repository, and no extra installed."""

    def __init__(self, files, ccd, out):
        self.files, self.ccd, self.out = files, ccd, out
        self.dataId = {"visit": files.obsid, "ccd": ccd}
        self.asked = []

    def get(self, datasetType):
        self.asked.append(datasetType)
        paths = self.files.paths
        if datasetType == "raw":
            return read_raw(paths["raw"], self.ccd)
        if datasetType == "defects":
            return read_defects(paths["defects"], self.ccd, shape=SHAPE)
        if datasetType == "ccdExposureId":
            return self.get("raw").visit_info.exposure_id
        if datasetType == "postISRCCD":
            return read_exposure(self.out)
        return read_master(paths[datasetType], self.ccd)

    def put(self, value, datasetType):
        assert datasetType == "postISRCCD"
        value.write(self.out, sync=False)


class Files:
    def __init__(self, made):
        self.paths = {kind: made.paths[kind] for kind in ("raw", *KINDS)}
        self.obsid = 1


def configured(**fields):
    config = CfhtIsrTaskConfig()
    config.fringe.large = 10
    for name, value in fields.items():
        setattr(config, name, value)
    return config


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return small_set(tmp_path_factory.mktemp("set"))


@pytest.fixture(scope="module")
def corrected(files, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    assert run(files.paths["raw"], out, *calibrations(files)) == 0
    return sorted(out.iterdir())


@pytest.mark.parametrize("place", range(len(CCDS)))
def test_a_reference_gives_the_bytes_of_the_command(files, corrected, place, tmp_path):
    ref = FileRef(Files(files), CCDS[place], tmp_path / "one.fits")
    CfhtIsrTask(config=configured()).runDataRef(ref)
    assert ref.out.read_bytes() == corrected[place].read_bytes()
    facts = read_provenance(ref.out)
    assert set(facts) >= {"RAW", "BIAS", "DARK", "FLAT", "FRINGES", "DEFECTS", "JOB"}


def test_what_is_finished_is_not_done_again(files, tmp_path):
    ref = FileRef(Files(files), 7, tmp_path / "one.fits")
    task = CfhtIsrTask(config=configured())
    task.runDataRef(ref)
    job = read_provenance(ref.out)["JOB"]
    seen = []

    def finished(datasetType, wanted):
        seen.append((datasetType, wanted))
        return True

    ref.finished = finished
    ref.put = None  # nothing is to be put
    result = task.runDataRef(ref)
    assert seen == [("postISRCCD", job)]
    assert result.exposure.provenance["JOB"] == job
    CfhtIsrTask(config=configured(growSaturationFootprintSize=2, doWrite=False)).runDataRef(ref)
    assert len(seen) == 1  # nothing is to be written, so nothing is looked for
    other = configured(growSaturationFootprintSize=2)
    CfhtIsrTask(config=other).runDataRef(ref)
    assert seen[1][1] != job


def test_what_does_not_say_where_it_is_from_has_no_fingerprint(files):
    task = CfhtIsrTask(config=configured(doFringe=False))
    ref = FileRef(Files(files), 7, None)
    raw = ref.get("raw")
    data = task.readIsrData(ref, raw)
    assert task.provenanceOf(raw, data)["BIAS"].startswith("bias-")
    data.bias = data.bias.with_pixels(data.bias.masked_image)
    data.bias.identity = ""
    assert task.provenanceOf(raw, data) == {}
    result = task.runInputs(raw, data)
    assert result.exposure.provenance == {}
    assert isinstance(result.exposure, Exposure)
    assert result.exposure.identity == ""


def test_only_what_is_switched_on_is_wanted(files):
    config = configured()
    names = [name for name, _ in CfhtIsrTask.wantedDatasets(config)]
    ref = FileRef(Files(files), 7, None)
    task = CfhtIsrTask(config=config)
    task.readIsrData(ref, ref.get("raw"))
    assert set(ref.asked) - {"ccdExposureId"} <= set(names)
    off = {f"do{name}": False for name in ("Bias", "Dark", "Flat", "Defect", "Fringe", "Linearize")}
    assert CfhtIsrTask.wantedDatasets(configured(**off)) == [("raw", {})]
    other = configured(**off | {"doFlat": True}, fallbackFilterName="r2")
    assert CfhtIsrTask.wantedDatasets(other)[1:] == [("flat", {}), ("flat", {"filter": "r2"})]


LINEAR = """
[ccd07.A]
type = "Squared"
coefficients = [2e-6]
[ccd07.B]
type = "Squared"
coefficients = [3e-6]
"""
CROSSTALK = """# %ECSV 1.0
# ---
# datatype:
# - {name: ccd, datatype: string}
# - {name: target, datatype: string}
# - {name: source, datatype: string}
# - {name: coefficient, datatype: float64}
# schema: astropy-2.0
ccd target source coefficient
ccd07 A B 1e-4
ccd07 B A 2e-4
"""


def test_linearity_and_crosstalk_are_asked_for_where_there_are_any(files, tmp_path):
    made = {"linearizer": tmp_path / "l.toml", "crosstalk": tmp_path / "x.ecsv"}
    made["linearizer"].write_text(LINEAR)
    made["crosstalk"].write_text(CROSSTALK)

    class Ref(FileRef):
        def get(self, datasetType):
            if datasetType in made:
                read = read_linearity if datasetType == "linearizer" else read_crosstalk
                return read(made[datasetType], megacam()[self.ccd])
            return super().get(datasetType)

        def datasetExists(self, datasetType):
            return datasetType in made and self.ccd == 7

    kinds = ("bias", "dark", "flat", "defects")
    arguments = [*calibrations(files, kinds), "--linearizer", made["linearizer"]]
    out = tmp_path / "out"
    assert run(files.paths["raw"], out, *arguments, "--crosstalk", made["crosstalk"]) == 0
    ref = Ref(Files(files), 7, tmp_path / "one.fits")
    config = configured(doFringe=False, doCrosstalk=True)
    config.fringe.large = 50
    CfhtIsrTask(config=config).runDataRef(ref)
    (told,) = (path for path in out.iterdir() if "ccd07" in path.name)
    assert ref.out.read_bytes() == told.read_bytes()
    facts = read_provenance(ref.out)
    assert facts["LINEARIZER"].startswith("l.toml[ccd07] Squared")
    assert facts["CROSSTALK"].startswith("x.ecsv[ccd07] SHA256")
    # other CCDs have no linearizer, and crosstalk that is on needs coefficients
    with pytest.raises(RuntimeError, match="coefficients"):
        CfhtIsrTask(config=config).runDataRef(Ref(Files(files), 0, None))

"""The task that runs another, from its command line, over real files of small CCDs."""

import logging
import sys

import pytest

from cfhtisr import CfhtIsrTask, IsrTask, RunIsrTask
from cfhtisr.io import read_defects, read_master, read_raw, write_exposure
from cfhtisr.pipe import ArgumentParser
from cfhtisr.tasks.run_isr import RunIsrConfig
from small_sets import CCDS, calibrations, contents, run, small_set


class FolderButler:
    """Plain files under the names of types of datasets."""

    def __init__(self, files, out, missing=()):
        self.files, self.out, self.missing = files, out, set(missing)

    def getKeys(self, datasetType=None, level=None):
        return {"visit": int, "ccd": int}

    def subset(self, datasetType, level=None, dataId=None, **rest):
        for ccd in CCDS:
            if (dataId or {}).get("ccd", ccd) == ccd:
                yield FolderRef(self, {"visit": 1, "ccd": ccd})

    def put(self, obj, datasetType, dataId=None, doBackup=False, **rest):
        pass

    def datasetExists(self, datasetType, dataId=None, write=False, **rest):
        return False


class FolderRef:
    def __init__(self, butler, dataId):
        self.butler, self.dataId = butler, dataId

    def get(self, datasetType=None, immediate=True, **rest):
        ccd, path = self.dataId["ccd"], dict(self.butler.files.paths).get(datasetType)
        if datasetType in self.butler.missing:
            path = None
        if datasetType == "ccdExposureId":
            return read_raw(self.butler.files.raw, ccd).visit_info.exposure_id
        if path is None:
            raise LookupError(f"no {datasetType}")
        if datasetType == "raw":
            return read_raw(path, ccd)
        return read_defects(path, ccd) if datasetType == "defects" else read_master(path, ccd)

    def put(self, obj, datasetType=None, doBackup=False, **rest):
        if datasetType == "postISRCCD":
            name = (
                f"{self.butler.files.raw.name.partition('.')[0]}-ccd{self.dataId['ccd']:02d}.fits"
            )
            write_exposure(obj, self.butler.out / name, overwrite=True)

    def datasetExists(self, datasetType=None, write=False, **rest):
        return datasetType == "raw"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return small_set(tmp_path_factory.mktemp("set"))


@pytest.fixture
def parse(files, tmp_path, monkeypatch):
    """Return a function that runs a task over the small CCDs."""
    monkeypatch.setattr(sys, "argv", ["cfhtisr-runIsr"])
    (tmp_path / "out").mkdir()
    missing = []

    def parser(cls):
        butler = FolderButler(files, tmp_path / "out", missing)
        made = ArgumentParser(cls._DefaultName, opener=lambda *args, **words: butler)
        made.add_id_argument("--id", "raw", "help")
        return made

    def parse_and_run(task, *words, without=(), **others):
        missing[:] = without
        monkeypatch.setattr(task, "_makeArgumentParser", classmethod(parser))
        words = [str(tmp_path), "--output", str(tmp_path / "out"), "--no-versions", *words]
        return task.parseAndRun(words, **others)

    return parse_and_run


def test_the_products_are_those_of_the_plain_command(parse, files, tmp_path):
    done = parse(RunIsrTask, "--id", "-c", "isr.fringe.large=10")
    assert [each.exitStatus for each in done.resultList] == [0, 0, 0]
    assert type(done.taskRunner.makeTask().isr) is CfhtIsrTask
    run(files.raw, tmp_path / "plain", *calibrations(files))
    assert contents(tmp_path / "out") == contents(tmp_path / "plain")


def test_the_task_itself_needs_no_prefix(parse):
    done = parse(CfhtIsrTask, "--id", "ccd=7", "-c", "fringe.large=10", "doFlat=False")
    assert [each.exitStatus for each in done.resultList] == [0]
    assert done.argumentParser._name == "isr"


def test_a_correction_without_its_calibration_names_its_switch(parse, caplog, capfd):
    with pytest.raises(SystemExit) as caught:
        parse(RunIsrTask, "--id", "-c", "isr.fringe.large=10", without=["flat"])
    assert caught.value.code == 3
    lines = [each for each in caplog.records if each.levelno == logging.CRITICAL]
    assert len(lines) == 3
    assert "which config.doFlat=True needs" in lines[0].getMessage()
    assert capfd.readouterr().err == ""  # a traceback would say nothing more


def test_the_camera_chooses_the_task_unless_the_caller_has():
    config = RunIsrConfig()
    RunIsrTask.applyCameraOverrides(config)
    assert config.isr.target is CfhtIsrTask
    assert config.isr.doWrite is True
    assert config.isr.doBias is True
    config = RunIsrConfig()
    config.isr.doDark = False
    config.isr.fringe.small = 5
    RunIsrTask.applyCameraOverrides(config)
    assert config.isr.target is CfhtIsrTask
    assert (config.isr.doDark, config.isr.fringe.small) == (False, 5)
    assert config.isr.overscanFitType == "MEDIAN_PER_ROW"

    class Other(IsrTask):
        pass

    config = RunIsrConfig()
    config.isr.retarget(Other)
    RunIsrTask.applyCameraOverrides(config)
    assert config.isr.target is Other


def test_the_wrapper_can_be_retargeted_from_the_command_line(parse):
    words = ["-c", "isr.retarget=cfhtisr.tasks.isr.IsrTask", "isr.doFringe=False"]
    words += ["isr.doAssembleIsrExposures=True"]
    done = parse(RunIsrTask, "--id", "ccd=7", *words)
    assert type(done.taskRunner.makeTask().isr) is IsrTask


def test_every_documented_member_is_there():
    for task in (IsrTask, CfhtIsrTask, RunIsrTask):
        assert task.canMultiprocess is True
        for name in (
            "applyOverrides parseAndRun writeConfig writeMetadata writePackageVersions writeSchemas"
        ).split():
            assert callable(getattr(task, name))

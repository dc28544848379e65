"""A small task with a command line, and butlers for it that are dictionaries or folders."""

import contextlib
import json
import os
import pickle
import signal
import time
from pathlib import Path

from lsst.pex.config import Config, ConfigurableField, Field, ListField

from cfhtisr.pipe import (
    ArgumentParser,
    CmdLineTask,
    LegacyTaskRunner,
    Struct,
    Task,
    TaskError,
    timeMethod,
)
from cfhtisr.threads import get_num_threads

KEYS = {"visit": int, "ccd": int, "filter": str, "date": str, "expTime": float}


class PartConfig(Config):
    factor = Field[float](doc="What the number is multiplied by.", default=2.0)


class Part(Task):
    ConfigClass = PartConfig

    @timeMethod
    def run(self, number):
        return self.config.factor * number


class OtherPart(Part):
    pass


class ToyConfig(Config):
    doWrite = Field[bool](doc="Write the result?", default=True)
    gain = Field[float](doc="Gain of the CCD.", default=1.0)
    title = Field[str](doc="A title.", default="plain")
    Names = ListField[str](doc="Some names.", default=["a"])
    numbers = ListField[int](doc="Some numbers.", default=[1])
    failing = ListField[int](doc="CCDs that fail.", default=[])
    raising = ListField[int](doc="CCDs that fail as nobody expects.", default=[])
    dying = ListField[int](doc="CCDs that kill their process.", default=[])
    leaving = ListField[int](doc="CCDs that call os._exit.", default=[])
    exiting = ListField[int](doc="CCDs that call sys.exit.", default=[])
    hanging = ListField[int](doc="CCDs that never end.", default=[])
    pause = Field[float](doc="What each CCD takes [s].", default=0.0)
    part = ConfigurableField(doc="A part.", target=Part)

    def validate(self):
        super().validate()
        if self.gain < 0:
            raise ValueError("gain is negative")


class OddError(Exception):
    """An exception that cannot be read again."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


class Toy(CmdLineTask):
    """Multiply the number of a CCD."""

    ConfigClass = ToyConfig
    _DefaultName = "toy"

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.makeSubtask("part")

    @classmethod
    def _makeArgumentParser(cls):
        parser = ArgumentParser(name=cls._DefaultName, opener=open_toy)
        parser.add_id_argument("--id", "raw", help="data ids")
        return parser

    def runDataRef(self, dataRef, bonus=0):
        config, ccd = self.config, dataRef.dataId["ccd"]
        self.log.info("at %s", ccd)
        time.sleep(config.pause)
        if ccd in config.failing:
            raise TaskError(f"ccd {ccd} is to fail")
        if ccd in config.raising:
            raise OddError(ccd, "odd")
        if ccd in config.dying:
            os.kill(os.getpid(), signal.SIGKILL)
        if ccd in config.leaving:
            os._exit(3)
        if ccd in config.exiting:
            raise SystemExit(4)
        while ccd in config.hanging:
            time.sleep(0.1)
        number = self.part.run(dataRef.get("raw", immediate=True)) + bonus
        if config.doWrite:
            dataRef.put(number, "result")
        libraries = os.environ.get("OMP_NUM_THREADS")
        return Struct(number=number, libraries=libraries, threads=get_num_threads())


class LegacyToy(Toy):
    RunnerClass = LegacyTaskRunner

    def run(self, dataRef):
        return self.runDataRef(dataRef, bonus=100)


class SolitaryToy(Toy):
    canMultiprocess = False


class ToyButler:
    """Numbers of CCDs as given by ``raws.json`` of a folder; outputs are pickles in another."""

    def __init__(self, root, output):
        self.root, self.output = Path(root), output and Path(output)
        self.raws = json.loads((self.root / "raws.json").read_text())

    def _path(self, datasetType, dataId):
        name = "-".join([datasetType, *(f"{k}{dataId[k]}" for k in KEYS if k in dataId)])
        return self.output / f"{name}.pickle"

    def getKeys(self, datasetType=None, level=None):
        if datasetType not in (None, "raw"):
            raise KeyError(f"unknown type {datasetType}")
        return dict(KEYS)

    def subset(self, datasetType, level=None, dataId=None, **rest):
        wanted = {**(dataId or {}), **rest}
        for raw in self.raws:
            if all(raw.get(key, value) == value for key, value in wanted.items() if key in KEYS):
                yield ToyRef(self, raw)

    def get(self, datasetType, dataId=None, immediate=True, **rest):
        dataId = {**(dataId or {}), **rest}
        if datasetType == "raw":
            return dataId["ccd"] + 100.0 * dataId["visit"]
        try:
            return pickle.loads(self._path(datasetType, dataId).read_bytes())
        except FileNotFoundError as error:
            raise LookupError(f"there is no {datasetType} for {dataId}") from error

    def put(self, obj, datasetType, dataId=None, doBackup=False, **rest):
        path = self._path(datasetType, {**(dataId or {}), **rest})
        if doBackup and path.exists():
            path.with_suffix(".pickle~1").write_bytes(path.read_bytes())
        self.output.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(obj))

    def datasetExists(self, datasetType, dataId=None, write=False, **rest):
        if datasetType == "raw":
            return not dataId.get("gone")
        return self._path(datasetType, {**(dataId or {}), **rest}).exists()


class StagingButler(ToyButler):
    """One that can do what a repository can: create exclusively, prepare, collect."""

    def putIfAbsent(self, obj, datasetType, dataId=None, **rest):
        self.output.mkdir(parents=True, exist_ok=True)
        try:
            with open(self._path(datasetType, {**(dataId or {}), **rest}), "xb") as file:
                file.write(pickle.dumps(obj))
        except FileExistsError:
            return False
        return True

    def prepare(self, dataRefs, wanted):
        self._note("prepare", [ref.dataId["ccd"] for ref in dataRefs], wanted)
        return [WorkRef(self.get("raw", ref.dataId), ref.dataId, self.output) for ref in dataRefs]

    def collect(self, workRefs):
        ids = [(ref.dataId["visit"], ref.dataId["ccd"]) for ref in workRefs]
        self._note("collect", ids)

    def _note(self, *words):
        self.output.mkdir(parents=True, exist_ok=True)
        with open(self.output / "calls.jsonl", "a") as file:
            file.write(json.dumps(words) + "\n")


class WorkRef:
    """Plain text and numbers only."""

    def __init__(self, number, dataId, output):
        self.number, self.dataId, self.output = number, dict(dataId), output

    def get(self, datasetType=None, immediate=True, **rest):
        assert datasetType == "raw"
        return self.number

    def put(self, obj, datasetType=None, doBackup=False, **rest):
        name = f"staged-{datasetType}-{self.dataId['visit']}-{self.dataId['ccd']}.pickle"
        (self.output / name).write_bytes(pickle.dumps(obj))


class ToyRef:
    """A data reference with the least that a task may ask for."""

    def __init__(self, butler, dataId):
        self.butler, self.dataId = butler, dict(dataId)

    def get(self, datasetType=None, immediate=True, **rest):
        return self.butler.get(datasetType or "raw", self.dataId, immediate, **rest)

    def put(self, obj, datasetType=None, doBackup=False, **rest):
        self.butler.put(obj, datasetType or "raw", self.dataId, doBackup, **rest)

    def datasetExists(self, datasetType=None, write=False, **rest):
        return self.butler.datasetExists(datasetType or "raw", self.dataId, write, **rest)

    def getButler(self):
        return self.butler


OPENED = []


def open_toy(input, *, output=None, rerun=None, calib=None, clobber_output=False):
    """Open the toy repository; what it was called with is kept."""
    words = {"output": output, "rerun": rerun, "calib": calib, "clobber_output": clobber_output}
    OPENED.append({"input": input, **words})
    where = output if rerun is None else Path(input) / "rerun" / rerun.split(":")[-1]
    staging = (Path(input) / "staging").exists()
    if clobber_output and where is not None:
        for path in Path(where).glob("*"):
            path.unlink()
    return (StagingButler if staging else ToyButler)(input, where)


def toy_repo(folder, visits=(1, 2), ccds=range(3), staging=False, gone=()):
    """Make a toy repository and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    raws = [
        {"visit": visit, "ccd": ccd, "filter": "i2" if visit % 2 else "r", "gone": ccd in gone}
        for visit in visits
        for ccd in ccds
    ]
    (folder / "raws.json").write_text(json.dumps(raws))
    if staging:
        (folder / "staging").touch()
    return str(folder)


def calls(output, kind):
    """Return the calls of a kind that a staging butler has noted."""
    with contextlib.suppress(FileNotFoundError):
        lines = (Path(output) / "calls.jsonl").read_text().splitlines()
        return [json.loads(line)[1:] for line in lines if json.loads(line)[0] == kind]
    return []


if __name__ == "__main__":
    import sys

    from cfhtisr.cli.run_isr import run_task

    # Tests that run in the background inherit that this signal is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    import toys

    sys.exit(run_task(toys.Toy))

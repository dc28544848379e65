"""What workers get: plain paths; none of this needs the middleware."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

from cfhtisr import CfhtIsrTask, CfhtIsrTaskConfig
from cfhtisr.butler.errors import NoResults
from cfhtisr.butler.staging import backed_up, staging_name
from cfhtisr.butler.work_ref import WorkRef
from cfhtisr.errors import FileFormatError
from cfhtisr.io import read_master, read_raw
from cfhtisr.isr.conversion import to_float
from cfhtisr.pipe import PropertyList, PropertySet
from cfhtisr.tasks.resume import stated_job
from small_nights import night


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return night(tmp_path_factory.mktemp("night"), 40)


@pytest.fixture
def work(files, tmp_path):
    data_id = {"visit": files.settings.obsid, "ccd": 36, "filter": "i3"}
    found = {("raw", None): files.raw, ("flat", None): files.flat, ("defects", None): files.defects}
    found = {key: str(path) for key, path in found.items()}
    missing = {("dark", None): "none is valid then", ("flat", "r2"): "no flat of filter r2"}
    return WorkRef(data_id, "raw", found, missing, {}, str(tmp_path / "run" / ".staging"))


def product(work, job="first"):
    raw = work.get()
    made = raw.with_pixels(to_float(raw.masked_image))
    made.provenance = {"JOB": job}
    return made


def test_it_reads_what_was_found(work, files):
    raw = read_raw(files.raw, 36)
    assert work.get().identity == work.get("raw").identity == raw.identity
    assert work.get("flat").identity == read_master(files.flat, 36).identity
    assert work.get("flat", filter="i.MP9703").filter == "i.MP9703"
    assert work.get("defects")
    assert work.get("raw_filename") == [str(files.raw)]
    assert work.get("raw_md").tostring() == raw.metadata.tostring()
    assert work.get("flat_md")["OBSTYPE"] == "FLAT"
    assert work.get("raw_bbox") == raw.bbox
    assert len(work.get("camera")) == 40
    assert work.get("ccdExposureId") == raw.visit_info.exposure_id
    assert work.get("raw", immediate=False).filter == raw.filter
    assert work.datasetExists("flat")
    assert not work.datasetExists("dark")


def test_what_is_missing_comes_with_the_reason_that_the_parent_found(work):
    with pytest.raises(NoResults, match=r"^dark: none is valid then"):
        work.get("dark")
    with pytest.raises(NoResults, match="no flat of filter r2"):
        work.get("flat", filter="r.MP9602")
    with pytest.raises(NoResults, match="not among what was wanted"):
        work.get("fringe")
    with pytest.raises(NoResults, match="this work is of"):
        work.get("raw", visit=5)
    later = work.get("dark", immediate=False)
    with pytest.raises(NoResults):
        later.get()


def test_what_is_put_waits_and_is_found_again_by_any_process(work):
    assert not work.datasetExists("postISRCCD", write=True)
    work.put(product(work), "postISRCCD")
    notes = PropertySet()
    notes.set("isr", PropertyList())
    work.put(notes, "runIsr_metadata")
    work.put(np.zeros((2, 3, 3), np.uint8), "ossThumb")
    again = pickle.loads(pickle.dumps(work))
    assert again.datasetExists("postISRCCD", write=True)
    assert again.get("postISRCCD").provenance["JOB"] == "first"
    assert again.get("runIsr_metadata") == notes
    assert again.get("ossThumb").shape == (2, 3, 3)
    assert again.finished("postISRCCD", "first")
    assert not again.finished("postISRCCD", "second")
    assert not again.finished("icExp", "first")


def test_a_cut_product_is_not_finished(work, tmp_path):
    work.put(product(work), "postISRCCD")
    path = tmp_path / "run" / ".staging" / f"postISRCCD-{work.dataId['visit']}-36.fits"
    path.write_bytes(path.read_bytes()[:-2880])
    assert not work.finished("postISRCCD", "first")


def test_an_older_product_is_backed_up_before_it_is_replaced(work, tmp_path):
    old = tmp_path / "run" / "old.fits"
    old.parent.mkdir()
    old.write_bytes(b"old")
    work.products["postISRCCD"] = str(old)
    work.put(product(work), "postISRCCD", doBackup=True)
    assert (tmp_path / "run" / "old.fits~1").read_bytes() == b"old"


def test_what_cannot_be_put(work):
    with pytest.raises(NoResults, match="not of one exposure"):
        work.put(None, "runIsr_config")
    with pytest.raises(NoResults, match="cannot be written"):
        work.put(None, "nonsense")
    with pytest.raises(NoResults, match="this work is of"):
        work.put(None, "postISRCCD", ccd=3)
    work.staging = None
    with pytest.raises(NoResults, match="no output"):
        work.put(product(work), "postISRCCD")


def test_workers_import_nothing_of_the_middleware(work, files):
    code = """
import pickle, sys
work = pickle.loads(sys.stdin.buffer.read())
work.get("raw"); work.get("flat")
names = ("lsst.daf", "sqlalchemy", "astro_metadata_translator", "pydantic")
print([name for name in names if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(work), capture_output=True, check=True
    )
    assert done.stdout.decode().strip() == "[]"


def test_names_of_waiting_files_tell_datasets_apart():
    kinds = ("postISRCCD", "isr_metadata")
    names = {
        staging_name(kind, visit, ccd, ".x")
        for kind in kinds
        for visit in (1, 11, 111)
        for ccd in (1, 11)
    }
    assert len(names) == 12


def test_backups_move_up(tmp_path):
    path = tmp_path / "a.py"
    assert backed_up(path) is None
    for number in range(12):
        path.write_text(str(number))
        backed_up(path)
    assert [(tmp_path / f"a.py~{k}").read_text() for k in (1, 2, 12)] == ["11", "10", "0"]


def test_a_file_of_another_ccd_is_no_dataset(work, files):
    work.found["crosstalk", None] = str(files.defects)
    with pytest.raises((FileFormatError, ValueError)):
        work.get("crosstalk")


@pytest.mark.parametrize("fringes", [True, False])
def test_what_is_finished_is_told_from_headers_alone(work, files, monkeypatch, fringes):
    for kind in ("bias", "dark", "fringe"):
        work.found[kind, None] = str(files.paths[kind])
    work.missing.clear()
    config = CfhtIsrTaskConfig()
    config.fringe.large = 10
    if not fringes:
        config.fringe.filters = ["z"]
    task = CfhtIsrTask(config=config)
    raw = work.get()
    job = task.provenanceOf(raw, task.readIsrData(work, raw))["JOB"]
    assert stated_job(task, work) == job
    task.runDataRef(work)
    with monkeypatch.context() as patch:
        patch.setattr("cfhtisr.io.raw.RawFile.read", None)
        again = task.runDataRef(work).exposure
    assert again.provenance["JOB"] == job
    # what cannot be told from headers is read
    config.doBrighterFatter = True
    assert stated_job(CfhtIsrTask(config=config), work) is None
    config.doBrighterFatter = False
    del work.found["dark", None]
    assert stated_job(CfhtIsrTask(config=config), work) is None

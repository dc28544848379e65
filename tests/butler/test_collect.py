"""Preparing work, and taking in what it made: whole, once, whoever else is at it."""

import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cfhtisr import RunIsrTask
from cfhtisr import butler as ours
from cfhtisr.butler import NoResults, WorkRef
from cfhtisr.io import read_provenance
from cfhtisr.io.verify import verify
from cfhtisr.isr.conversion import to_float

daf = pytest.importorskip("lsst.daf.butler", reason="needs the extra [butler]")


@pytest.fixture
def butler(filled):
    return ours.open_butler(filled, rerun="me")


def put(work, job):
    raw = work.get("raw")
    made = raw.with_pixels(to_float(raw.masked_image))
    made.provenance = {"JOB": job}
    work.put(made, "postISRCCD")


def there(root, run="rerun/me"):
    """Return the job of every product of a RUN, as a fresh butler finds them."""
    with daf.Butler.from_config(str(root), collections=run) as butler:
        refs = butler.query_datasets("postISRCCD", explain=False)
        found = {}
        for ref in refs:
            path = butler.getURI(ref).ospath
            assert verify(path) == []
            assert butler.get(ref).provenance["JOB"] == read_provenance(path)["JOB"]
            key = (ref.dataId["exposure"], ref.dataId["detector"])
            assert key not in found
            found[key] = read_provenance(path)["JOB"]
        return found


def places(refs):
    return {(ref.dataId["visit"], ref.dataId["ccd"]) for ref in refs}


def test_prepared_work_reads_what_the_reference_reads(butler):
    refs = list(butler.subset("raw"))
    prepared = butler.prepare(refs)
    assert all(isinstance(work, WorkRef) for work in prepared)
    for ref, work in zip(refs, pickle.loads(pickle.dumps(prepared)), strict=True):
        assert work.dataId == ref.dataId
        for kind in ("raw", "bias", "dark", "flat", "fringe", "defects"):
            assert work.get(kind).identity == ref.get(kind).identity
        for kind in ("linearizer", "crosstalk"):
            with pytest.raises(NoResults) as by_parent:
                ref.get(kind)
            with pytest.raises(NoResults) as by_worker:
                work.get(kind)
            reason = str(by_parent.value).partition(": ")[2]
            assert str(by_worker.value).endswith(reason.rpartition("}: ")[2])


def test_only_what_is_wanted_is_looked_up(butler):
    (ref, *_) = butler.subset("raw", ccd=7)
    (work,) = butler.prepare([ref], [("bias", {}), ("flat", {"filter": "r"}), ("bfKernel", {})])
    assert set(work.found) == {("raw", None), ("bias", None)}
    with pytest.raises(NoResults, match="no flat of filter r for ccd07"):
        work.get("flat", filter="r")
    with pytest.raises(NoResults, match="bfKernel"):
        work.get("bfKernel")


def test_what_is_not_ours_is_returned_as_it_is(butler):
    thing = object()
    (visit,) = butler.subset("raw", level="visit", filter="i3")
    assert butler.prepare([thing, visit]) == [thing, visit]
    butler.collect([thing])


def test_products_are_taken_in_and_replaced(butler, filled):
    refs = list(butler.subset("raw"))
    for job in ("first", "second"):
        prepared = butler.prepare(refs)
        for work in prepared:
            put(work, job)
        butler.collect(prepared)
        assert there(filled) == dict.fromkeys(places(refs), job)
        assert os.listdir(filled / "rerun/me/.staging") == [".lock"]
    (work, *_) = butler.prepare(refs)
    assert work.finished("postISRCCD", "second")
    assert work.datasetExists("postISRCCD", write=True)
    butler.collect(prepared)  # a repeat has nothing to do
    assert there(filled) == dict.fromkeys(places(refs), "second")


def test_into_an_output_repository_of_its_own(filled, tmp_path):
    before = sorted(path.name for path in filled.rglob("*"))
    for path in (filled, *filled.iterdir()):
        path.chmod(0o555 if path.is_dir() else 0o444)
    out = tmp_path / "out"
    try:
        butler = ours.open_butler(filled, output=out)
        refs = list(butler.subset("raw"))
        prepared = butler.prepare(refs)
        for work in prepared:
            put(work, "first")
        butler.collect(prepared)
        assert there(out, "rerun/output") == dict.fromkeys(places(refs), "first")
        refs[0].put(refs[0].get("postISRCCD"), "icExp")
        assert refs[0].get("icExp").provenance["JOB"] == "first"
        again = ours.open_butler(filled, output=out)
        assert again.prepare(refs)[0].finished("postISRCCD", "first")
        assert again.get("bias", refs[0].dataId).identity == refs[0].get("bias").identity
    finally:
        for path in (filled, *filled.iterdir()):
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert sorted(path.name for path in filled.rglob("*")) == before


KILLED = """
import os, signal, sys
from cfhtisr.butler import open_butler
from test_collect_parts import put
root, when = sys.argv[1:]
butler = open_butler(root, rerun="me")
refs = list(butler.subset("raw"))
work = butler.prepare(refs)

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

for number, each in enumerate(work):
    put(each, "killed")
    if when == "working" and number == 3:
        die()
from lsst.daf.butler.direct_butler import DirectButler
if when == "pruned":
    DirectButler.ingest = die
elif when == "moved":
    from lsst.daf.butler.datastores.fileDatastore import FileDatastore
    plain = FileDatastore.ingest
    def then_die(*words, **more):
        plain(*words, **more)
        die()
    FileDatastore.ingest = then_die
butler.collect(work)
"""
PARTS = """
from cfhtisr.isr.conversion import to_float


def put(work, job):
    raw = work.get("raw")
    made = raw.with_pixels(to_float(raw.masked_image))
    made.provenance = {"JOB": job}
    work.put(made, "postISRCCD")
"""


@pytest.mark.parametrize(
    ("when", "again"), [("working", False), ("working", True), ("pruned", True), ("moved", True)]
)
def test_what_a_killed_run_left_is_taken_in_by_the_next(butler, filled, tmp_path, when, again):
    (tmp_path / "test_collect_parts.py").write_text(PARTS)
    if again:  # there are products already
        prepared = butler.prepare(list(butler.subset("raw")))
        for work in prepared:
            put(work, "old")
        butler.collect(prepared)
    butler.close()
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(filled), when],
        env={**os.environ, "PYTHONPATH": path},
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    butler = ours.open_butler(filled, rerun="me")
    refs = list(butler.subset("raw"))
    prepared = butler.prepare(refs)
    finished = [work for work in prepared if work.finished("postISRCCD", "killed")]
    # Whoever dies after the files have moved, and before that is noted, loses those.
    assert len(finished) == {"working": 4, "pruned": 7, "moved": 0}[when]
    for work in prepared:
        if work not in finished:
            put(work, "killed")
    butler.collect(prepared)
    assert there(filled) == dict.fromkeys(places(refs), "killed")
    assert os.listdir(filled / "rerun/me/.staging") == [".lock"]


def _collect(root, job, barrier, rounds):
    butler = ours.open_butler(root, rerun="me")
    refs = list(butler.subset("raw"))
    for _ in range(rounds):
        prepared = butler.prepare(refs)
        for work in prepared:
            put(work, job)
        barrier.wait(60)
        butler.collect(prepared)


def test_two_processes_at_the_same_products(butler, filled):
    refs = list(butler.subset("raw"))
    butler.close()
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(2)
    jobs = ("first", "second")
    workers = [
        context.Process(target=_collect, args=(str(filled), job, barrier, 4)) for job in jobs
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    found = there(filled)
    assert set(found) == places(refs)
    assert set(found.values()) <= set(jobs)


def _put_config(root, number, barrier, results):
    from cfhtisr.tasks.run_isr import RunIsrConfig

    butler = ours.open_butler(root, rerun="me")
    barrier.wait(60)
    results.put((number, butler.putIfAbsent(RunIsrConfig(), "runIsr_config")))


def test_of_several_processes_one_puts_the_configuration(butler, filled):
    butler.close()
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(3), context.Queue()
    workers = [
        context.Process(target=_put_config, args=(str(filled), number, barrier, results))
        for number in range(3)
    ]
    for worker in workers:
        worker.start()
    answers = [results.get(timeout=120) for _ in workers]
    for worker in workers:
        worker.join(60)
    assert sorted(won for _, won in answers) == [False, False, True]
    assert ours.open_butler(filled, rerun="me").get("runIsr_config") is not None


def test_collecting_does_not_touch_what_is_not_its_own(butler, filled):
    refs = list(butler.subset("raw"))
    first, *others = butler.prepare(refs)
    for work in (first, *others):
        put(work, "first")
    butler.collect([first])
    assert there(filled) == dict.fromkeys(places([first]), "first")
    waiting = Path(filled / "rerun/me/.staging")
    assert len(list(waiting.glob("*.fits"))) == len(others)
    json.dumps(first.dataId)


def test_what_writers_left_days_ago_is_removed(butler, filled):
    prepared = butler.prepare(list(butler.subset("raw", filter="i3", ccd=7)))
    waiting = filled / "rerun/me/.staging"
    waiting.mkdir(parents=True)
    names = (".a.fits.0123456789ab.cfhtisr-part", "77-01234567-89ab.fits", "postISRCCD-1-00.fits")
    for name in names:
        (waiting / name).write_text("")
        os.utime(waiting / name, (0, 0))
    (waiting / ".b.fits.0123456789ab.cfhtisr-part").write_text("")
    put(prepared[0], "first")
    butler.collect(prepared)
    left = {path.name for path in waiting.iterdir()} - {".lock"}
    assert left == {".b.fits.0123456789ab.cfhtisr-part", "postISRCCD-1-00.fits"}


def test_nobody_is_given_what_another_run_left_but_by_his_own_word(butler, filled):
    refs = list(butler.subset("raw"))
    for work in butler.prepare(refs):
        put(work, "left")
    silent, other, own, same, *_ = prepared = butler.prepare(refs)
    assert not silent.datasetExists("postISRCCD", write=True)
    assert not other.finished("postISRCCD", "other")
    put(own, "of its own")
    assert pickle.loads(pickle.dumps(same)).finished("postISRCCD", "left")  # in a worker
    butler.collect([silent, other, own, same])
    names = ("silent", "other", "own", "same")
    found = {(w.dataId["visit"], w.dataId["ccd"]): n for w, n in zip(prepared, names, strict=False)}
    assert {found[place]: job for place, job in there(filled).items()} == {
        "own": "of its own", "same": "left"
    }  # fmt: skip
    # What is left still waits for the next run of its kind.
    again = butler.prepare(refs)
    assert again[0].finished("postISRCCD", "left")
    assert again[0].get("postISRCCD").provenance["JOB"] == "left"
    butler.collect(again)
    assert there(filled)[silent.dataId["visit"], silent.dataId["ccd"]] == "left"


def test_what_was_noted_with_a_product_that_was_left_is_kept(butler, filled):
    words = [str(filled), "--id", "ccd=7", "--rerun", "me", "--noExit", "-c"]
    words.append("isr.fringe.large=10")
    from cfhtisr.butler import Butler

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Butler, "collect", lambda self, refs: None)  # as if killed before it
        RunIsrTask.parseAndRun(words)
    waiting = filled / "rerun/me/.staging"
    notes = {path.read_text() for path in waiting.glob("runIsr_metadata-*")}
    assert len(notes) == 2
    RunIsrTask.parseAndRun(words)
    found = (filled / "rerun/me/runIsr_metadata").rglob("*.yaml")
    assert {path.read_text() for path in found} == notes
    assert os.listdir(waiting) == [".lock"]


def test_a_run_that_writes_nothing_collects_nothing(butler, filled):
    for work in butler.prepare(list(butler.subset("raw", dataId={"ccd": 7}))):
        put(work, "left")
    butler.close()
    words = [str(filled), "--id", "ccd=7", "--rerun", "me", "--noExit"]
    small = ["isr.fringe.large=10", "isr.doWrite=False"]
    done = RunIsrTask.parseAndRun([*words, "-c", *small])
    assert [each.exitStatus for each in done.resultList] == [0, 0]
    assert there(filled) == {}


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_run_that_fails_leaves_what_waits_of_another(butler, filled, jobs):
    refs = list(butler.subset("raw", dataId={"ccd": 7}))
    for work in butler.prepare(refs):
        put(work, "left")
    butler.close()
    words = [str(filled), "--id", "ccd=7", "--rerun", "me", "-j", jobs, "--noExit"]
    # The fringe frame is too small for apertures of that size.
    done = RunIsrTask.parseAndRun([*words, "-c", "isr.fringe.large=5000"])
    assert [each.exitStatus for each in done.resultList] == [1, 1]
    assert there(filled) == {}
    with daf.Butler.from_config(str(filled), collections="rerun/me") as registry:
        assert len(registry.query_datasets("runIsr_metadata")) == 2


def test_a_ccd_that_is_named_twice_is_taken_in_once(butler, filled):
    refs = list(butler.subset("raw", dataId={"ccd": 7}))
    first, second = (butler.prepare(refs, [("raw", {})]) for _ in range(2))
    for work in first + second:
        put(work, "twice")
    butler.collect(first + second)
    assert set(there(filled).values()) == {"twice"}
    assert len(there(filled)) == len(refs)

"""Two nights of two eras through every door: the same bytes behind all of them."""

import shutil
import signal
import subprocess
import sys
import time

import pytest

from cfhtisr.io import read_provenance
from cfhtisr.simulate.files import exposure
from programs import ENVIRONMENT, call, cfhtisr, run_isr

pytest.importorskip("lsst.daf.butler", reason="needs the extra [butler]")

NIGHTS = {
    1: ("2008-03-30", 36),
    2: ("2009-04-02", 36),
    3: ("2016-05-12", 40),
    4: ("2019-12-04", 40),
}
KINDS = ("bias", "dark", "flat", "fringe", "defects")
SMALL = {"rows": 64, "columns": 96}
FRINGES = "fringe.large=10"  # apertures that fit into these CCDs
FEW = (0, 35)
"""The CCDs that go through the slower doors."""


def products(folder):
    """Return the bytes of the products below a folder, by exposure and CCD."""
    found = {}
    for path in sorted(folder.rglob("postISRCCD-MegaPrime-*.fits")):
        visit, ccd = path.stem.split("-")[2:]
        assert ".staging" not in path.parts
        found[int(visit), int(ccd)] = path.read_bytes()
    return found


@pytest.fixture(scope="module")
def nights(tmp_path_factory):
    """Simulate the nights, each with calibrations of its own epoch."""
    folder = tmp_path_factory.mktemp("nights")
    return {
        seed: exposure(
            folder / day, seed=seed, date=day, n_ccd=n_ccd, **SMALL, only=("raw", *KINDS)
        )
        for seed, (day, n_ccd) in NIGHTS.items()
    }


@pytest.fixture(scope="module")
def repo(nights, tmp_path_factory):
    """Make a repository of the nights with the commands, as a user would."""
    root = tmp_path_factory.mktemp("doors") / "repo"
    cfhtisr("repo", "create", root)
    told = cfhtisr("repo", "ingest", root, *(files.raw for files in nights.values()))
    assert "4 files taken in (152 CCDs), 0 were there, 0 failed" in told.stdout
    masters = [files.paths[kind] for files in nights.values() for kind in KINDS]
    told = cfhtisr("repo", "ingest-calibs", root, *masters)
    assert "20 files taken in (760 CCDs), 0 were there, 0 failed" in told.stdout
    return root


@pytest.fixture(scope="module")
def corrected(repo):
    """Correct all CCDs; kill that half-way, and run it again."""
    words = [sys.executable, "-m", "cfhtisr.cli.run_isr", str(repo), "--id", "--rerun", "me"]
    words += ["-j", "2", "-c", f"isr.{FRINGES}"]
    folder = repo / "rerun" / "me"
    process = subprocess.Popen(
        words, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while len(list(folder.rglob("postISRCCD*.fits"))) < 50:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    run_isr(*words[3:])
    return folder


def test_a_run_that_was_killed_is_completed(repo, corrected, nights):
    assert len(products(corrected)) == 152
    told = call("butler", "query-datasets", repo, "--collections", "rerun/me").stdout
    kinds = [line.split()[0] for line in told.splitlines() if " rerun/me " in line]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "postISRCCD": 152,
        "runIsr_metadata": 152,
        "runIsr_config": 1,
        "packages": 1,
    }
    left = [path for path in corrected.rglob("*") if ".staging" in path.parts and path.is_file()]
    assert [path for path in left if not path.name.startswith(".")] == []


def test_each_night_has_the_calibrations_of_its_epoch(corrected, nights):
    for files in nights.values():
        found = list(corrected.rglob(f"postISRCCD-MegaPrime-{files.settings.obsid}-*.fits"))
        assert len(found) == files.settings.n_ccd
        for path in found:
            facts = read_provenance(path)
            for kind in KINDS:
                name = "FRINGES" if kind == "fringe" else kind.upper()
                assert facts[name].startswith(f"{files.paths[kind].name}[")


def test_a_rerun_does_nothing_twice(repo, corrected):
    def made():
        paths = (*corrected.rglob("postISRCCD*.fits"), *corrected.rglob("runIsr_metadata*.yaml"))
        return {path: path.stat().st_mtime_ns for path in paths}

    before = made()
    assert len(before) == 304
    run_isr(repo, "--id", "ccd=0..3", "--rerun", "me", "-j", "2", "-c", f"isr.{FRINGES}")
    assert made() == before


def test_plain_files_give_the_same_bytes(corrected, nights, tmp_path):
    wanted = products(corrected)
    for files in nights.values():
        arguments = [word for kind in KINDS for word in (f"--{kind}", files.paths[kind])]
        cfhtisr("run", files.raw, "-o", tmp_path, *arguments, "-c", FRINGES, "--no-sync")
        stem = files.raw.name.partition(".")[0]
        for ccd in files.settings.ccds:
            product = tmp_path / f"{stem}-ccd{ccd:02d}.fits"
            assert product.read_bytes() == wanted[files.settings.obsid, ccd]


def test_pipetask_gives_the_same_bytes(repo, corrected):
    pytest.importorskip("lsst.ctrl.mpexec", reason="needs the extra [pipeline]")
    call(
        *("pipetask", "run", "-b", repo, "-i", "MegaPrime/defaults", "-o", "u/pipe"),
        *("-p", "resource://cfhtisr/butler/pipelines/isr.yaml", "--register-dataset-types"),
        *("-c", f"cfhtIsr:isr.{FRINGES}", "-d", f"instrument='MegaPrime' AND detector IN {FEW}"),
    )
    wanted = {key: data for key, data in products(corrected).items() if key[1] in FEW}
    assert len(wanted) == 8
    assert products(repo / "u" / "pipe") == wanted


@pytest.mark.slow
def test_bps_with_parsl_gives_the_same_bytes(repo, corrected, tmp_path):
    pytest.importorskip("lsst.ctrl.bps.parsl", reason="needs the extra [bps]")
    file = cfhtisr("repo", "bps-file").stdout.strip()
    where = f"instrument='MegaPrime' AND exposure IN (1300200, 2600400) AND detector IN {FEW}"
    call(
        *("bps", "submit", file, "-b", repo, "-i", "MegaPrime/defaults", "-o", "u/bps"),
        *("-d", where, "--extra-qgraph-options", f"-c cfhtIsr:isr.{FRINGES}"),
        cwd=tmp_path,
    )
    wanted = products(corrected)
    found = products(repo / "u" / "bps")
    assert sorted(found) == [(v, c) for v in (1300200, 2600400) for c in FEW]
    assert all(wanted[key] == data for key, data in found.items())
    told = call("butler", "query-datasets", repo, "--collections", "u/bps", "postISRCCD").stdout
    assert told.count("postISRCCD u/bps/") == 4
    assert shutil.which("bps", path=ENVIRONMENT["PATH"])

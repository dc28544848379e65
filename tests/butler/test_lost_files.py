"""Raw files that have gone since they were taken in, and looking without leaving a trace."""

import shutil

import pytest

pytest.importorskip("lsst.daf.butler", reason="needs the extra [butler]")

from cfhtisr import RunIsrTask
from cfhtisr.butler import ingest, open_butler
from programs import call, cfhtisr

OFF = [f"isr.do{kind}=False" for kind in ("Bias", "Dark", "Flat", "Fringe", "Defect")]


@pytest.fixture
def lost(repository, nights, tmp_path):
    """Return a repository with two exposures, of which one file is elsewhere now."""
    here, there = tmp_path / "here.fits.fz", tmp_path / "there.fits.fz"
    shutil.copy(nights[36].raw, here)
    ingest(repository, [here, nights[40].raw])
    here.rename(there)
    return repository, here, there


def test_a_lost_file_fails_and_the_others_are_done(lost, nights, caplog):
    repository, here, there = lost
    words = [str(repository), "--id", "ccd=0", "--rerun", "me", "--noExit", "-c", *OFF]
    done = RunIsrTask.parseAndRun(words)
    assert sorted(each.exitStatus for each in done.resultList) == [0, 1]
    assert f"is gone: {here}" in caplog.text
    visit = nights[36].settings.obsid
    where = f"instrument='MegaPrime' AND exposure={visit}"
    run = "MegaPrime/raw/all"
    again = ("repo", "ingest", repository, there)
    assert "which is gone" in cfhtisr(*again, check=False).stderr
    call(
        *("butler", "prune-datasets", repository, run, "--datasets", "raw", "--where", where),
        *("--purge", run, "--no-confirm"),
    )
    cfhtisr(*again)
    ref = next(iter(open_butler(repository).subset("raw", dataId={"visit": visit, "ccd": 0})))
    assert ref.get("raw").identity.startswith("there.fits.fz[ccd00]")


def test_to_show_something_leaves_no_trace(lost, tmp_path, capsys):
    repository, _, _ = lost
    before = (repository / "gen3.sqlite3").read_bytes()
    for output in (["--rerun", "new"], ["--output", str(tmp_path / "new")]):
        with pytest.raises(SystemExit) as ended:
            RunIsrTask.parseAndRun([str(repository), "--id", "ccd=7", *output, "--show", "data"])
        assert ended.value.code == 0
    assert capsys.readouterr().out.count("dataRef.dataId = ") == 4
    assert (repository / "gen3.sqlite3").read_bytes() == before
    assert not (tmp_path / "new").exists()


def test_names_of_the_middleware_are_taken_for_keys(lost, nights, capsys, caplog):
    repository, _, _ = lost
    visit = nights[40].settings.obsid
    words = ["--id", f"exposure={visit}", "detector=7", "instrument=MegaPrime", "--show", "data"]
    with pytest.raises(SystemExit):
        RunIsrTask.parseAndRun([str(repository), *words])
    (line,) = capsys.readouterr().out.splitlines()
    assert f"'visit': {visit}, " in line
    assert "'ccd': 7}" in line
    assert "no key" not in caplog.text

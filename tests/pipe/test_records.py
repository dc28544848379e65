"""Configuration, schemas, versions and notes in the output: written once, then compared."""

import logging
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cfhtisr.pipe import TaskError, versions
from toys import StagingButler, Toy, ToyButler, ToyConfig, toy_repo

TESTS = Path(__file__).parents[1]


@pytest.fixture(params=[ToyButler, StagingButler], ids=["plain", "exclusive"])
def butler(tmp_path, request):
    return request.param(toy_repo(tmp_path / "repo"), tmp_path / "out")


@pytest.fixture(autouse=True)
def packages(monkeypatch):
    """Let the versions be what a test says."""
    found = {"python": "3.11", "numpy": "2.0"}
    monkeypatch.setattr(versions, "current", lambda: dict(found))
    return found


def names(butler):
    return sorted(path.name for path in butler.output.iterdir())


def test_the_configuration_is_written_then_compared(butler, caplog):
    Toy(config=ToyConfig()).writeConfig(butler)
    assert names(butler) == ["toy_config.pickle"]
    assert butler.get("toy_config").compare(ToyConfig())
    Toy(config=ToyConfig()).writeConfig(butler)
    other = ToyConfig(gain=2.0, title="other")
    with pytest.raises(TaskError, match=r"differs from toy_config .* --clobber-config"):
        Toy(config=other).writeConfig(butler)
    assert {record.levelno for record in caplog.records} == {logging.CRITICAL}
    assert [text for text in ("gain: 2.0 != 1.0", "title: ") if text not in caplog.text] == []
    assert butler.get("toy_config").compare(ToyConfig())
    Toy(config=other).writeConfig(butler, clobber=True)
    assert butler.get("toy_config").compare(other)
    assert names(butler) == ["toy_config.pickle", "toy_config.pickle~1"]
    third = ToyConfig(gain=3.0)
    Toy(config=third).writeConfig(butler, clobber=True, doBackup=False)
    backup = pickle.loads((butler.output / "toy_config.pickle~1").read_bytes())
    assert backup.compare(ToyConfig())


def test_what_cannot_be_read_gives_a_hint(butler):
    task = Toy(config=ToyConfig())
    task.writeConfig(butler)
    task.writePackageVersions(butler)
    for path in butler.output.iterdir():
        path.write_bytes(b"no pickle")
    with pytest.raises(pickle.UnpicklingError, match="consider --clobber-config"):
        task.writeConfig(butler)
    with pytest.raises(pickle.UnpicklingError, match="--clobber-versions or --no-versions"):
        task.writePackageVersions(butler)


class Catalog:
    """An empty catalog; tables of two kinds are no equals."""

    def __init__(self, schema):
        self.schema = schema

    def getSchema(self):
        return self.schema


def test_schemas(butler, monkeypatch):
    made = {"src": Catalog(["x", "y"]), "icSrc": ["z"]}
    monkeypatch.setattr(Toy, "getSchemaCatalogs", lambda self: made)
    task = Toy(config=ToyConfig())
    task.writeSchemas(butler)
    assert names(butler) == ["icSrc_schema.pickle", "src_schema.pickle"]
    task.writeSchemas(butler)
    made["src"] = Catalog(["x"])
    with pytest.raises(TaskError, match="differs from src_schema"):
        task.writeSchemas(butler)
    task.writeSchemas(butler, clobber=True)
    assert butler.get("src_schema").getSchema() == ["x"]


def test_versions(butler, packages):
    task = Toy(config=ToyConfig())
    task.writePackageVersions(butler)
    assert butler.get("packages") == packages
    del packages["numpy"]
    packages["astropy"] = "7.0"
    task.writePackageVersions(butler)
    assert butler.get("packages") == {"python": "3.11", "numpy": "2.0", "astropy": "7.0"}
    packages["numpy"] = "2.1"
    with pytest.raises(TaskError, match=r"\(numpy: 2.1 vs 2.0\)"):
        task.writePackageVersions(butler)
    task.writePackageVersions(butler, clobber=True, dataset="packages")
    assert butler.get("packages") == packages


def test_real_versions_are_quiet(monkeypatch, caplog):
    monkeypatch.undo()
    found = versions.current()
    assert found["python"].startswith(sys.version.split()[0])
    assert "numpy" in found
    assert caplog.text == ""


def test_notes_never_fail_a_run(butler, caplog):
    task = Toy(config=ToyConfig())
    (ref, *_) = butler.subset("raw")
    task.writeMetadata(ref)
    assert "toy_metadata-visit1-ccd0-filteri2.pickle" in names(butler)
    task.writeMetadata(object())
    assert "Could not write the metadata of <object" in caplog.text


def test_products_that_are_off(butler):
    class Silent(Toy):
        def _getConfigName(self):
            return None

        def _getMetadataName(self):
            return None

    task = Silent(config=ToyConfig())
    task.writeConfig(butler)
    task.writeMetadata(object())
    assert not butler.output.exists()


def test_of_two_runs_at_once_one_wins(tmp_path):
    repo = toy_repo(tmp_path / "repo")
    lost, barrier = [], threading.Barrier(4)

    def begin(gain):
        task = Toy(config=ToyConfig(gain=gain))
        butler = StagingButler(repo, tmp_path / "out")
        barrier.wait()
        try:
            task.writeConfig(butler)
        except (TaskError, EOFError, pickle.UnpicklingError):
            lost.append(gain)  # a toy's file may be seen half-written

    threads = [threading.Thread(target=begin, args=(float(gain),)) for gain in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winner = StagingButler(repo, tmp_path / "out").get("toy_config").gain
    assert sorted([*lost, winner]) == [0.0, 1.0, 2.0, 3.0]


def run(repo, *words):
    """Run and return the exit status."""
    try:
        done = Toy.parseAndRun([repo, "--rerun", "me", "--id", *words])
    except SystemExit as error:
        return error.code
    assert (done.resultList == []) == done.taskRunner.precallFailed
    return 0


def test_what_the_output_was_made_with_decides(tmp_path, packages, caplog, capsys):
    repo = toy_repo(tmp_path / "repo")
    assert run(repo) == 0
    assert run(repo, "-c", "gain=2") == 1
    assert "Nothing is run: TaskError: the configuration differs" in caplog.text
    assert capsys.readouterr().err == ""
    assert run(repo, "-c", "gain=2", "--noExit") == 0
    assert "nothing was run; not exiting" in caplog.text
    with pytest.raises(TaskError):
        run(repo, "-c", "gain=2", "--doraise")
    assert run(repo, "-c", "gain=2", "--clobber-config") == 0
    assert run(repo, "--clobber-config", "--no-backup-config") == 0
    out = Path(repo, "rerun", "me")
    assert pickle.loads((out / "toy_config.pickle~1").read_bytes()).gain == 1.0
    packages["numpy"] = "3"
    assert run(repo) == 1
    assert run(repo, "--no-versions") == 0
    assert run(repo, "--clobber-versions") == 0
    assert (out / "packages.pickle~1").exists()
    (out / "toy_config.pickle").write_bytes(b"broken")
    assert run(repo) == 1
    assert "Traceback" in capsys.readouterr().err


def test_the_status_of_the_program(tmp_path):
    repo = toy_repo(tmp_path / "repo")
    command = [sys.executable, str(TESTS / "toys.py"), repo, "--rerun", "me", "--no-versions"]

    def status(*words):
        return subprocess.run([*command, *words], capture_output=True, text=True, check=False)

    assert status("--id").returncode == 0
    done = status("--id", "-c", "failing=1", "--clobber-config")
    assert (done.returncode, done.stderr) == (2, "")
    assert "toy FATAL: Failed on dataId=" in done.stdout
    assert "toy ERROR: 2 of 6 data references failed" in done.stdout
    assert status("--id").returncode == 1  # the configuration is another now
    assert status("--nonsense").returncode == 2
    done = status("--id", "--clobber-config", "-c", "raising=1", "--doraise")
    assert done.returncode == 1
    assert done.stderr.rstrip().endswith("OddError: 1 and odd")

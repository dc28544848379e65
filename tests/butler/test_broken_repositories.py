"""A repository that cannot be used ends in one error that says which and why."""

import os
import sqlite3
import subprocess
import sys

import pytest

from cfhtisr import butler as ours
from cfhtisr.butler import RepositoryError
from cfhtisr.cli.main import main
from cfhtisr.tasks.run_isr import RunIsrConfig

daf = pytest.importorskip("lsst.daf.butler", reason="needs the extra [butler]")
event = pytest.importorskip("sqlalchemy.event")

as_a_user = pytest.mark.skipif(os.geteuid() == 0, reason="the super-user may write everything")


def registry(root):
    return root / "gen3.sqlite3"


def garbage(root):
    registry(root).write_bytes(b"garbage " * 1000)


def cut(root):
    registry(root).write_bytes(registry(root).read_bytes()[:300_000])


def scrambled(root):
    data = bytearray(registry(root).read_bytes())
    data[4096:400_000] = os.urandom(400_000 - 4096)
    registry(root).write_bytes(data)


def emptied(root):
    registry(root).write_bytes(b"")


def gone(root):
    registry(root).unlink()


def of_another_version(root):
    connection = sqlite3.connect(registry(root))
    connection.execute(
        "update butler_attributes set value='99.0.0' where name like 'version:%datasets%'"
    )
    connection.commit()
    connection.close()


def bad_yaml(root):
    (root / "butler.yaml").write_text("registry: [sqlite")


def no_yaml(root):
    (root / "butler.yaml").unlink()


def second_generation(root):
    no_yaml(root)
    (root / "registry.sqlite3").write_text("")


def a_file(root):
    root.rename(f"{root}.moved")
    root.write_text("")


def nothing(root):
    root.rename(f"{root}.moved")


BROKEN = {
    garbage: "the registry is damaged, it is no file of SQLite",
    cut: "the registry is damaged",
    scrambled: "the registry is damaged",
    emptied: "the registry is empty or was never filled",
    gone: "the registry is (not there|empty)",
    of_another_version: "the registry has the schema of another version",
    bad_yaml: "its butler.yaml cannot be read",
    no_yaml: "is no repository, there is no butler.yaml in it; cfhtisr repo create makes one",
    second_generation: "second generation .*; cfhtisr repo import-gen2",
    a_file: "is a file, wanted the folder of a repository",
    nothing: "there is no such folder",
}


@pytest.mark.parametrize("breaks", BROKEN, ids=lambda breaks: breaks.__name__)
def test_what_is_wrong_is_said_once(repository, breaks, capsys, caplog):
    breaks(repository)
    for rerun in (None, "me"):
        with pytest.raises(RepositoryError, match=BROKEN[breaks]) as told:
            ours.open_butler(repository, rerun=rerun)
        assert str(repository) in str(told.value)
        assert "\n" not in str(told.value)
    assert main(["repo", "ingest", str(repository), "raw.fits"]) == 1
    told = capsys.readouterr().err
    assert str(repository) in told
    assert "Traceback" not in told
    assert told.count("\n") == 1
    assert caplog.messages == []


def test_a_repository_of_other_software(tmp_path):
    daf.Butler.makeRepo(str(tmp_path / "repo"))
    with pytest.raises(RepositoryError, match="is a repository without MegaPrime"):
        ours.open_butler(tmp_path / "repo")


def test_raws_of_other_software(tmp_path):
    root = str(tmp_path / "repo")
    daf.Butler.makeRepo(root)
    with daf.Butler.from_config(root, writeable=True) as butler:
        ours.MegaPrime().register(butler.registry)
        kind = daf.DatasetType(
            "raw", ("instrument", "exposure", "detector"), "Exposure", universe=butler.dimensions
        )
        butler.registry.registerDatasetType(kind)
    with pytest.raises(RepositoryError, match="raw are of Exposure, wanted CfhtExposure"):
        ours.open_butler(root)


def test_damage_that_comes_while_it_is_open(repository):
    butler = ours.open_butler(repository)
    assert list(butler.subset("raw", visit=1)) == []
    butler.close()
    scrambled(repository)
    with pytest.raises(RepositoryError, match="the registry is damaged"):
        butler.subset("raw", visit=1)


@as_a_user
def test_a_folder_that_may_not_be_written(filled):
    filled.chmod(0o555)
    try:
        assert len(list(ours.open_butler(filled).subset("raw"))) == 7
        with pytest.raises(RepositoryError, match="may not be written"):
            ours.open_butler(filled, rerun="me")
    finally:
        filled.chmod(0o755)


def test_a_registry_that_may_not_be_written(filled, monkeypatch, capsys):
    # What the system answers for a file system that is mounted for reading.
    monkeypatch.setattr(
        "cfhtisr.butler.connect.os.access", lambda path, mode: str(path) != str(filled)
    )
    assert len(list(ours.open_butler(filled).subset("raw"))) == 7
    with pytest.raises(RepositoryError, match="its folder may not be written"):
        ours.open_butler(filled, rerun="me")
    assert main(["repo", "ingest", str(filled), "raw.fits"]) == 1
    assert "its folder may not be written" in capsys.readouterr().err


def test_a_registry_that_became_read_only(filled):
    butler = ours.open_butler(filled, rerun="me")
    connection = butler._finder.store().butler._registry._db._engine

    @event.listens_for(connection, "begin")
    def refuse(_):
        raise sqlite3.OperationalError("attempt to write a readonly database")

    with pytest.raises(RepositoryError, match="cannot be written: is the folder or the registry"):
        butler.put(RunIsrConfig(), "runIsr_config")


def test_the_missing_extra_is_named():
    code = "import sys; sys.modules['lsst.daf.butler'] = None; import cfhtisr.butler as b; b.create"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, text=True)
    assert "needs lsst-daf-butler: pip install 'cfhtisr[butler]'" in done.stderr


def test_the_package_and_the_command_do_without_the_middleware():
    code = """
import sys
import cfhtisr, cfhtisr.butler
from cfhtisr.butler import NoResults, RepositoryError, WorkRef
from cfhtisr.cli.main import parser
parser()
names = ("lsst.daf", "sqlalchemy", "astro_metadata_translator")
print([name for name in names if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "[]"

import re
import subprocess
import sys

import pytest

from cfhtisr import butler as ours
from cfhtisr.butler import RepositoryError
from cfhtisr.butler.names import CALIB, DEFAULTS, RAW_RUN, TYPES
from cfhtisr.cli.main import main

daf = pytest.importorskip("lsst.daf.butler", reason="needs the extra [butler]")


def records(butler, name):
    return list(butler.registry.queryDimensionRecords(name))


def test_a_new_repository_knows_instrument_types_and_collections(empty_repository):
    with daf.Butler.from_config(str(empty_repository)) as butler:
        assert {row.id for row in records(butler, "detector")} == set(range(40))
        bands = {row.name: row.band for row in records(butler, "physical_filter")}
        assert bands["i.MP9702"] == bands["i.MP9703"] == "i"
        assert bands["CaHK.MP9303"] == "CaHK"
        assert {kind.name for kind in butler.registry.queryDatasetTypes()} == set(TYPES)
        assert butler.registry.getDatasetType("flat").isCalibration()
        assert not butler.registry.getDatasetType("postISRCCD").isCalibration()
        assert butler.collections.get_info(DEFAULTS).children == (RAW_RUN, CALIB)


def test_registering_again_changes_nothing(repository):
    with daf.Butler.from_config(str(repository), writeable=True) as butler:
        before = records(butler, "detector")
        ours.MegaPrime().register(butler.registry)
        assert records(butler, "detector") == before


def test_the_middleware_takes_the_instrument_for_its_own(empty_repository):
    base = pytest.importorskip("lsst.pipe.base", reason="needs the extra [pipeline]")
    with daf.Butler.from_config(str(empty_repository)) as butler:
        found = base.Instrument.fromName("MegaPrime", butler.registry)
    assert isinstance(found, ours.MegaPrime)
    assert found.makeDefaultRawIngestRunName() == RAW_RUN
    assert found.makeCalibrationCollectionName() == CALIB
    assert found.makeUmbrellaCollectionName() == DEFAULTS


def test_the_command_makes_one_and_says_where(tmp_path, capsys):
    assert main(["repo", "create", str(tmp_path / "new")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "new")
    assert (tmp_path / "new" / "butler.yaml").is_file()


def test_a_repository_is_not_made_twice(empty_repository, tmp_path):
    with pytest.raises(RepositoryError, match="is a repository already"):
        ours.create(empty_repository)
    (tmp_path / "file").write_text("")
    with pytest.raises(RepositoryError, match="is a file"):
        ours.create(tmp_path / "file")
    with pytest.raises(RepositoryError, match="is not empty"):
        ours.create(tmp_path)


def test_of_those_who_make_it_at_once_one_does(tmp_path):
    code = "import sys; from cfhtisr.butler import create; create(sys.argv[1])"
    both = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path / "new"], stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    told = [process.communicate(timeout=100)[1].decode() for process in both]
    assert sorted(process.returncode for process in both) == [0, 1]
    assert f"{tmp_path}/new is a repository already" in "".join(told)
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"butler.yaml", "gen3.sqlite3"}
    assert list(ours.open_butler(tmp_path / "new").subset("raw")) == []


@pytest.mark.parametrize("last", ["gen3.sqlite3", "butler.yaml"])
def test_what_was_half_made_when_it_was_killed_is_made_anew(tmp_path, last):
    code = f"""
import os, sys
from cfhtisr.butler import create
replace = os.replace
def killed(source, target):
    if os.path.basename(target) == {last!r}:
        os._exit(9)
    replace(source, target)
os.replace = killed
create(sys.argv[1])
"""
    root = tmp_path / "new"
    assert subprocess.run([sys.executable, "-c", code, root], check=False).returncode == 9
    with pytest.raises(RepositoryError, match=r"there is no butler\.yaml"):
        ours.open_butler(root)
    ours.create(root)
    assert {path.name for path in root.iterdir()} == {"butler.yaml", "gen3.sqlite3"}
    assert list(ours.open_butler(root).subset("raw")) == []


@pytest.mark.parametrize("url", ["nonsense", "oracle://there/is/none", "sqlite:////no/such/a.db"])
def test_a_registry_that_cannot_be_made_leaves_nothing(tmp_path, url):
    with pytest.raises(RepositoryError, match="cannot make a repository with the registry"):
        ours.create(tmp_path / "new/new", url)
    assert not (tmp_path / "new").exists()


def test_a_registry_elsewhere(tmp_path):
    root = ours.create(tmp_path / "new", f"sqlite:///{tmp_path}/registry.db")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "registry.db"]
    assert list(ours.open_butler(root).subset("raw")) == []


def test_a_password_is_not_told(tmp_path):
    with pytest.raises(RepositoryError) as told:
        ours.create(tmp_path / "new", "postgresql://me:secret@localhost:1/none")
    assert "postgresql://me:***@localhost:1/none" in str(told.value)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("name", ["a%20b", "a?b", "a#b"])
def test_names_that_an_address_cannot_have(tmp_path, name):
    with pytest.raises(RepositoryError, match=f"cannot have {re.escape(name[1])} in it"):
        ours.create(tmp_path / name)
    (tmp_path / name).mkdir()
    with pytest.raises(RepositoryError, match="cannot have"):
        ours.open_butler(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]

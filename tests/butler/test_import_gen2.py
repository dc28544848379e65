import os
import shutil
from datetime import datetime

import pytest
from numpy.testing import assert_array_equal

from cfhtisr.butler.calibs.validity import Range
from cfhtisr.butler.errors import RepositoryError
from cfhtisr.cli.main import main
from cfhtisr.simulate.files import exposure
from gen2_samples import add_calibration, add_raw

daf = pytest.importorskip("lsst.daf.butler", reason="needs the extra [butler]")
from cfhtisr.butler.calibs.certify import certify  # noqa: E402  # needs the extra
from cfhtisr.butler.gen2.importing import import_gen2  # noqa: E402  # needs the extra

CCDS = (0, 7)
SMALL = {"rows": 96, "columns": 128, "n_ccd": 36, "ccds": CCDS}
START, END = "2008-10-27T19:00:00", "2008-11-30T18:00:00"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return raw exposures and masters of two seeds, which nobody changes."""
    folder = tmp_path_factory.mktemp("files")
    kinds = ["raw", "bias", "flat", "defects"]
    return [
        exposure(folder / str(seed), seed=seed, date="2008-11-01", only=kinds, **SMALL)
        for seed in (1, 2)
    ]


@pytest.fixture
def old(tmp_path, files):
    """Return an old repository: two exposures, a bias, and two flats of which one is better."""
    root = tmp_path / "old"
    for each in files:
        add_raw(root, each.raw, each.settings.obsid)
    for name, source in (
        ("bias/a.fits", files[0].bias),
        ("flat/a.fits", files[0].flat),
        ("flat/b.fits", files[1].flat),
    ):
        place = root / "CALIB" / f"{name}.fz"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(source)
    calib = root / "CALIB"
    add_calibration(calib, "bias", "bias/a.fits", "2008-10-31T19:00:00", END)
    add_calibration(calib, "flat", "flat/a.fits", START, END, filter="i2")
    add_calibration(
        calib, "flat", "flat/b.fits", "2008-11-09T18:00:00", END, filter="i2", version=1
    )
    return root


def certified(root, kind):
    """Return by CCD from when to when which file holds."""
    found = {}
    with daf.Butler.from_config(str(root)) as butler:
        for each in butler.registry.queryDatasetAssociations(kind, ["MegaPrime/calib"]):
            ends = (each.timespan.begin, each.timespan.end)
            held = Range(*(None if e is None else e.utc.to_datetime() for e in ends))
            name = os.path.basename(butler.getURI(each.ref).ospath)
            found.setdefault(each.ref.dataId["detector"], []).append((name, held))
    return {ccd: sorted(pairs, key=lambda pair: pair[1].begin) for ccd, pairs in found.items()}


def run(*words):
    return main(["repo", "import-gen2", *map(str, words)])


def state(folder):
    return sorted((str(path), path.lstat().st_mtime_ns) for path in folder.rglob("*"))


def test_exposures_and_calibrations_are_taken_over_where_they_are(tmp_path, old, files, capsys):
    before = state(old)
    assert run(old, tmp_path / "new") == 0
    told = capsys.readouterr().out
    assert "2 exposures and 3 calibrations taken in, 0 were there, 0 missing" in told
    assert "flat       i.MP9702     a.fits.fz: [2008-10-28 to 2008-11-10), 2 CCDs" in told
    assert state(old) == before
    flats = [
        ("a.fits.fz", Range(datetime(2008, 10, 28), datetime(2008, 11, 10))),
        ("b.fits.fz", Range(datetime(2008, 11, 10), datetime(2008, 12, 1))),
    ]
    assert certified(tmp_path / "new", "flat") == dict.fromkeys(CCDS, flats)
    bias = [("a.fits.fz", Range(datetime(2008, 11, 1), datetime(2008, 12, 1)))]
    assert certified(tmp_path / "new", "bias") == dict.fromkeys(CCDS, bias)
    from cfhtisr.butler import open_butler
    from cfhtisr.io import read_master, read_raw

    butler = open_butler(tmp_path / "new")
    for each in files:
        (ref,) = butler.subset("raw", dataId={"visit": each.settings.obsid, "ccd": 7})
        assert_array_equal(ref.get("raw").image.array, read_raw(each.raw, 7).image.array)
        flat = read_master(files[0].flat, 7)  # of the two the one of that time
        assert_array_equal(ref.get("flat").image.array, flat.image.array)


def test_a_repeat_takes_in_what_is_new_and_what_has_changed(tmp_path, old, files):
    new = tmp_path / "new"
    import_gen2(new, old)
    again = import_gen2(new, old)
    assert (again.raws.files, again.calibrations.files) == ([], [])
    assert (len(again.raws.there), len(again.calibrations.there)) == (2, 3)
    # a later registration of the first flat, as good as the second by its version
    add_calibration(
        old / "CALIB",
        "flat",
        "flat/a.fits",
        *(START, END),
        version=1,
        filter="i2",
        registered="2010-01-01",
    )
    import_gen2(new, old)
    whole = [("a.fits.fz", Range(datetime(2008, 10, 28), datetime(2008, 12, 1)))]
    assert certified(new, "flat") == dict.fromkeys(CCDS, whole)


def test_a_dry_run_says_the_same_and_changes_nothing(tmp_path, old, capsys):
    new = tmp_path / "new"
    assert run(old, new, "-n") == 0
    dry = capsys.readouterr().out
    assert "2 exposures and 3 calibrations would be taken in, 0 were there" in dry
    assert "raw        " in dry
    assert not new.exists()
    assert run(old, new) == 0
    rows = [line for line in dry.splitlines() if line.startswith(("bias", "flat"))]
    assert rows == [
        line for line in capsys.readouterr().out.splitlines() if line.startswith(("bias", "flat"))
    ]
    before = certified(new, "flat")
    assert run(old, new, "-n") == 0
    assert "0 exposures and 0 calibrations would be taken in, 5 were there" in (
        capsys.readouterr().out
    )
    assert certified(new, "flat") == before


def test_files_that_are_gone_are_listed_and_do_no_harm(tmp_path, old, files, capsys):
    add_raw(old, None, 1234567)
    (old / "CALIB" / "flat" / "b.fits.fz").unlink()
    assert run(old, tmp_path / "new") == 0
    told = capsys.readouterr().out
    assert "missing: raw raw/08BL05/w2.+2+2/2008-11-01/i2/1234567o.fits.fz" in told
    assert "missing: flat flat/b.fits" in told
    assert "2 exposures and 2 calibrations taken in, 0 were there, 2 missing" in told
    # what is not there does not take the place of what is
    whole = [("a.fits.fz", Range(datetime(2008, 10, 28), datetime(2008, 12, 1)))]
    assert certified(tmp_path / "new", "flat") == dict.fromkeys(CCDS, whole)


def test_files_that_are_not_what_the_registry_says_are_refused(tmp_path, old, files, capsys):
    add_raw(old, files[0].raw, 1234567)  # the file of another exposure
    add_raw(old, files[0].bias, 1234568)
    calib = old / "CALIB"
    broken = calib / "bias" / "b.fits"
    broken.write_bytes(files[0].bias.read_bytes()[:10000])
    add_calibration(calib, "bias", "bias/b.fits", START, END)
    add_calibration(calib, "flat", "flat/a.fits", START, END, filter="g", version=5)
    add_calibration(calib, "dark", "bias/a.fits", START, END)
    assert run(old, tmp_path / "new") == 1
    told = capsys.readouterr()
    assert "2 exposures and 3 calibrations taken in" in told.out
    assert "5 failed" in told.out
    assert f"1234567o.fits.fz: is of exposure {files[0].settings.obsid}, the registry says" in (
        told.err
    )
    assert "b.fits: " in told.err
    assert "FILTER is i.MP9702, the registry says g" in told.err
    assert "wanted dark" in told.err


def test_some_extensions_are_some_ccds(tmp_path, old):
    calib = old / "CALIB"
    os.link(calib / "bias" / "a.fits.fz", calib / "bias" / "part.fits.fz", follow_symlinks=False)
    add_calibration(
        calib, "bias", "bias/part.fits", START, END, version=1, extensions=[2, 3]
    )  # the second of the file
    import_gen2(tmp_path / "new", old)
    found = certified(tmp_path / "new", "bias")
    assert [name for name, _ in found[0]] == ["a.fits.fz"]
    assert [name for name, _ in found[7]] == ["part.fits.fz"]


def test_a_file_can_hold_several_times(tmp_path, old):
    add_calibration(
        old / "CALIB", "bias", "bias/a.fits", "2009-01-31T18:00:00", "2009-02-28T18:00:00"
    )
    import_gen2(tmp_path / "new", old)
    assert certified(tmp_path / "new", "bias")[7] == [
        ("a.fits.fz", Range(datetime(2008, 11, 1), datetime(2008, 12, 1))),
        ("a.fits.fz", Range(datetime(2009, 2, 1), datetime(2009, 3, 1))),
    ]


def test_what_the_user_certified_goes_first_whenever(tmp_path, old, files):
    new = tmp_path / "new"
    import_gen2(new, old)
    mine = shutil.copy(files[0].bias, tmp_path / "mine.fits.fz")
    held = Range(datetime(2008, 11, 5), datetime(2008, 11, 6))
    certify(new, [mine], explicit=held)
    expected = [
        ("a.fits.fz", Range(datetime(2008, 11, 1), held.begin)),
        ("mine.fits.fz", held),
        ("a.fits.fz", Range(held.end, datetime(2008, 12, 1))),
    ]
    assert certified(new, "bias")[0] == expected
    import_gen2(new, old)
    assert certified(new, "bias")[0] == expected


def test_the_table_of_masters_is_certified_and_ends_with_its_era(tmp_path, files, capsys):
    root = tmp_path / "masters"
    for name, source in (("flat/x.fits.fz", files[0].flat), ("mask/m.fits", files[0].defects)):
        place = root / name
        place.parent.mkdir(parents=True)
        shutil.copy(source, place)
    (root / "table.csv").write_text(
        "type,filter,version,valid_start_utc,valid_stop_utc,registered_utc,path\n"
        "flat,i2,0,2008-10-28T00:00:00Z,2020-01-01T00:00:00Z,2009-02-19T20:46:11Z,flat/x.fits\n"
        "flat,i2,1,2009-10-28T00:00:00Z,2020-01-01T00:00:00Z,2009-02-19T20:46:11Z,flat/y.fits\n"
        "mask,NONE,1,2002-12-08T00:00:00Z,2015-12-31T00:00:00Z,2004-01-10T01:45:16Z,mask/m.fits\n"
        "7,g,0,2002-12-08T00:00:00Z,2015-12-31T00:00:00Z,2004-01-10T01:45:16Z,scatter/g.fits\n"
    )
    new = tmp_path / "new"
    assert run(new, "--detrend", root / "table.csv", "--root", root) == 0
    told = capsys.readouterr().out
    assert "missing: flat flat/y.fits" in told
    assert "line 5: scatter/g.fits is of type '7'" in told
    assert "0 exposures and 2 calibrations taken in, 0 were there, 1 missing, 1 passed over" in told
    flat = [("x.fits.fz", Range(datetime(2008, 10, 28), datetime(2015, 1, 1)))]
    assert certified(new, "flat") == dict.fromkeys(CCDS, flat)
    mask = [("m.fits", Range(datetime(2002, 12, 8), datetime(2015, 1, 1)))]
    assert certified(new, "defects") == dict.fromkeys(CCDS, mask)


def test_nothing_is_made_when_nothing_can_be_read(tmp_path, old, capsys):
    new = tmp_path / "new"
    (old / "CALIB" / "calibRegistry.sqlite3").write_text("damage" * 1000)
    assert run(old, new) == 1
    assert "calibRegistry.sqlite3: the registry is damaged" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / "empty", new) == 1
    assert "is no repository of LSST's second generation" in capsys.readouterr().err
    with pytest.raises(RepositoryError, match="no calibRegistry"):
        import_gen2(new, calib=tmp_path / "empty")
    with pytest.raises(ValueError, match="nothing to import from"):
        import_gen2(new)
    with pytest.raises(RepositoryError, match="no such folder"):
        import_gen2(new, detrend=tmp_path / "table.csv", detrend_root=tmp_path / "gone")
    assert not new.exists()


def test_the_new_one_is_another(old):
    before = state(old)
    with pytest.raises(RepositoryError, match="is a repository of LSST's second generation"):
        import_gen2(old, old)
    assert state(old) == before


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["one"], "got 1 repositories, wanted OLD NEW"),
        (["a", "b", "c"], "got 3 repositories"),
        (["a", "b", "--root", "c"], "--root is for --detrend"),
    ],
)
def test_the_command_wants_its_words(words, told, capsys):
    assert run(*words) == 2
    assert told in capsys.readouterr().err


def test_an_offset_is_a_number_of_hours(capsys):
    with pytest.raises(SystemExit):
        run("a", "b", "--offset", "late")
    assert "'late' is no number of hours" in capsys.readouterr().err

"""Calibrations in a repository: taken in, certified, certified anew."""

import shutil
from datetime import date, datetime
from pathlib import Path

import pytest
from astropy.io import fits

from cfhtisr import read_raw
from cfhtisr.butler.calibs.validity import Range
from cfhtisr.cli.main import main
from cfhtisr.simulate.files import exposure
from small_nights import SMALL
from small_sets import edited

pytest.importorskip("lsst.daf.butler", reason="needs the extra [butler]")

from cfhtisr.butler import ingest, open_butler
from cfhtisr.butler.calibs.certify import certify
from cfhtisr.butler.calibs.files import describe
from cfhtisr.butler.calibs.store import CalibrationStore
from cfhtisr.butler.errors import RepositoryError

CCDS = (3, 30)
KINDS = ("bias", "dark", "flat", "fringe", "defects")


@pytest.fixture(scope="module")
def epochs(tmp_path_factory):
    """Simulate calibrations of three nights, the last of another era, and a raw of each."""
    found = {}
    for seed, day, n_ccd in ((1, "2008-03-01", 36), (2, "2008-03-11", 36), (3, "2016-05-12", 40)):
        folder = tmp_path_factory.mktemp(day)
        more = {"seed": seed, "date": day, "n_ccd": n_ccd, "only": ("raw", *KINDS)}
        found[day] = exposure(folder, ccds=CCDS, **SMALL, **more)
    return found


def masters(files, kinds=KINDS):
    return [files.paths[kind] for kind in kinds]


def rows(result):
    return [(row[0], row[2], str(row[3]), row[4]) for row in result.table]


def test_every_night_gets_the_nearest_calibrations_of_its_era(repository, epochs):
    first, second, third = epochs.values()
    ingest(repository, [files.raw for files in epochs.values()])
    # one after the other, so that those before are certified anew
    one = certify(repository, masters(second))
    assert (len(one.files), one.datasets, one.failed) == (5, 10, [])
    certify(repository, masters(third))
    result = certify(repository, masters(first))
    assert [row for row in rows(result) if row[0] in ("bias", "defects")] == [
        ("bias", first.bias.name, "[... to 2008-03-07)", 2),
        ("bias", second.bias.name, "[2008-03-07 to 2015-01-01)", 2),
        ("bias", third.bias.name, "[2015-01-01 to ...)", 2),
        ("defects", first.defects.name, "[2008-03-01 to 2008-03-11)", 2),
        ("defects", second.defects.name, "[2008-03-11 to 2015-01-01)", 2),
        ("defects", third.defects.name, "[2016-05-12 to ...)", 2),
    ]
    butler = open_butler(repository)
    for files in epochs.values():
        for ref in butler.subset("raw", dataId={"visit": files.settings.obsid}):
            for kind in KINDS:
                assert ref.get(kind).identity.startswith(files.paths[kind].name)
    again = certify(repository, masters(first))
    assert (again.files, len(again.there), again.failed) == ([], 5, [])
    assert rows(again) == rows(result)


def test_a_dry_run_tells_the_same_and_changes_nothing(repository, epochs):
    first, second, _ = epochs.values()
    certify(repository, masters(first))
    before = (repository / "gen3.sqlite3").read_bytes()
    told = certify(repository, masters(second), dry_run=True)
    assert (repository / "gen3.sqlite3").read_bytes() == before
    done = certify(repository, masters(second))
    assert (rows(done), done.files, done.datasets) == (rows(told), told.files, told.datasets)


def test_days_ranges_and_fences(repository, epochs):
    first, second, _ = epochs.values()
    result = certify(repository, masters(first, ["bias"]), validity=2)
    assert rows(result) == [("bias", first.bias.name, "[2008-02-28 to 2008-03-04)", 2)]
    span = Range(datetime(2008, 3, 3), datetime(2008, 3, 5))
    result = certify(repository, masters(second, ["bias"]), explicit=span)
    assert rows(result) == [
        ("bias", first.bias.name, "[2008-02-28 to 2008-03-03)", 2),
        ("bias", second.bias.name, "[2008-03-03 to 2008-03-05)", 2),
    ]
    other = shutil.copy(second.bias, repository.parent / "other.fits.fz")
    with pytest.raises(RepositoryError, match="which overlap"):
        certify(repository, [other], explicit=Range(datetime(2008, 3, 4), None))
    # nothing of the refused one is left, and it can come in otherwise
    assert certify(repository, [other], explicit=Range(span.end, None)).datasets == 2
    certify(repository, masters(first, ["flat"]))
    result = certify(repository, masters(second, ["flat"]), fences=[date(2008, 3, 5)])
    assert [row[2] for row in rows(result) if row[0] == "flat"] == [
        "[... to 2008-03-05)",
        "[2008-03-05 to 2015-01-01)",
    ]
    # the fence stays
    result = certify(repository, masters(second, ["dark"]))
    assert rows(result) == [("dark", second.dark.name, "[2008-03-05 to 2015-01-01)", 2)]


def test_files_of_one_ccd_and_replacements_of_a_night(repository, epochs, tmp_path):
    first = epochs["2008-03-01"]
    folder = tmp_path / "masters"
    folder.mkdir()
    for ccd in CCDS:
        edited(first.bias, folder / f"bias-ccd{ccd:02d}.fits.fz", ccds=(f"ccd{ccd:02d}",))
    result = certify(repository, [folder])
    assert (len(result.files), result.datasets) == (2, 2)
    assert [row[:3] for row in rows(result)] == [
        ("bias", f"bias-ccd{CCDS[0]:02d}.fits.fz", "[... to 2015-01-01)")
    ]
    new = shutil.copy(first.bias, tmp_path / "better.fits.fz")
    with pytest.raises(RepositoryError, match=r"are both of 2008-03-01; --replace"):
        certify(repository, [new])
    result = certify(repository, [new], replace=True)
    assert rows(result) == [("bias", "better.fits.fz", "[... to 2015-01-01)", 2)]


def test_what_was_replaced_can_be_put_first_again(repository, epochs, tmp_path):
    first = epochs["2008-03-01"]
    new = shutil.copy(first.bias, tmp_path / "better.fits.fz")
    certify(repository, [first.bias])
    certify(repository, [new], replace=True)
    for path in (first.bias, Path(new), Path(new), first.bias):
        told = certify(repository, [path], replace=True, dry_run=True)
        done = certify(repository, [path], replace=True)
        assert rows(told) == rows(done) == [("bias", path.name, "[... to 2015-01-01)", 2)]
        # without it, and once more, nothing changes
        for other in (first.bias, new):
            assert rows(certify(repository, [other])) == rows(done)


@pytest.mark.parametrize("mode", ["direct", "copy"])
def test_a_file_that_was_moved_is_looked_for_where_it_is_now(repository, epochs, tmp_path, mode):
    path = Path(shutil.copy(epochs["2008-03-01"].bias, tmp_path / "bias.fits.fz"))
    ingest(repository, [epochs["2008-03-01"].raw])
    before = certify(repository, [path], mode=mode)
    ref = next(iter(open_butler(repository).subset("raw", dataId={"ccd": 3})))
    known = Path(ref.get("bias_filename")[0])
    moved = tmp_path / "elsewhere" / path.name
    moved.parent.mkdir()
    known.rename(moved)
    for dry_run in (True, False):
        with pytest.raises(RepositoryError, match=f"as {known}, which is gone; --replace lets"):
            certify(repository, [moved], dry_run=dry_run)
    told = certify(repository, [moved], replace=True, mode=mode, dry_run=True)
    after = certify(repository, [moved], replace=True, mode=mode)
    assert told.files == after.files == [str(moved)]
    assert rows(told) == rows(before) == rows(after)
    ref = next(iter(open_butler(repository).subset("raw", dataId={"ccd": 3})))
    assert ref.get("bias").detector.name == "ccd03"
    assert ref.get("bias_filename") == [str(moved if mode == "direct" else known)]


def test_who_is_followed_keeps_his_place(repository, epochs, tmp_path):
    first = epochs["2008-03-01"]
    old = Path(shutil.copy(first.bias, tmp_path / "old.fits.fz"))
    certify(repository, [old])
    now = rows(certify(repository, [first.bias], replace=True))
    (tmp_path / "sub").mkdir()
    moved = old.rename(tmp_path / "sub/old.fits.fz")
    for dry_run in (True, False):
        done = certify(repository, [moved], replace=True, dry_run=dry_run)
        assert (done.files, rows(done)) == ([str(moved)], now)


def test_a_range_that_was_stated_can_be_taken_back(repository, epochs):
    path = epochs["2008-03-01"].bias
    usual = [("bias", path.name, "[... to 2015-01-01)", 2)]
    certify(repository, [path], validity=3)
    words = ["repo", "ingest-calibs", str(repository), str(path), "--validity", "default"]
    with pytest.raises(RepositoryError, match=r"was to hold 3 days .*, now nearest in time"):
        certify(repository, [path], validity="default")
    assert rows(certify(repository, [path], replace=True)) != usual  # says nothing
    assert main([*words, "--replace"]) == 0
    assert rows(certify(repository, [path])) == usual


def test_files_of_one_name_and_night_that_differ(repository, epochs, tmp_path):
    first = epochs["2008-03-01"]
    paths = []
    for name, ccds in (("a", ("ccd03",)), ("b", ("ccd03", "ccd30"))):
        (tmp_path / name).mkdir()
        paths.append(edited(first.flat, tmp_path / name / "flat.fits", ccds=ccds))
    told = "of the same name and night is in the repository, and differs"
    for dry_run in (True, False):
        with pytest.raises(RepositoryError, match=told):
            certify(repository, paths, dry_run=dry_run)
    certify(repository, paths[:1])
    for dry_run in (True, False):  # in part it is there
        with pytest.raises(RepositoryError, match=told):
            certify(repository, paths[1:], dry_run=dry_run)


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_cannot_be_is_refused_with_dry_run_too(repository, epochs, dry_run):
    path = epochs["2008-03-01"].bias
    for name in ("", "../../esc", "rerun/x", "a/bias", "a b"):
        with pytest.raises(ValueError, match="collection is "):
            certify(repository, [path], collection=name, dry_run=dry_run)
    with pytest.raises(RepositoryError, match="raw/all is a collection of type RUN, wanted CALIB"):
        certify(repository, [path], collection="MegaPrime/raw/all", dry_run=dry_run)


def test_a_fence_shows_all_that_it_changes(repository, epochs):
    first, second, _ = epochs.values()
    certify(repository, masters(first, ["bias", "dark"]))
    days = [date(2008, 3, 5)]
    told = certify(repository, masters(second, ["bias"]), fences=days, dry_run=True)
    done = certify(repository, masters(second, ["bias"]), fences=days)
    assert rows(told) == rows(done)
    assert {row[0] for row in rows(done)} == {"bias", "dark"}


def test_moved_files_are_removed_when_all_are_certified(repository, epochs, tmp_path, monkeypatch):
    path = Path(shutil.copy(epochs["2008-03-01"].bias, tmp_path / "bias.fits.fz"))
    monkeypatch.setattr("cfhtisr.butler.calibs.certifier.finish_move", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):  # as if killed before it
        certify(repository, [path], mode="move")
    assert path.exists()
    monkeypatch.undo()
    assert certify(repository, [path], mode="move").there == [str(path)]


def test_products_serve_as_masters(repository, epochs, tmp_path):
    frame = read_raw(epochs["2008-03-01"].flat, 3, processed=True)
    path = tmp_path / "flat-ccd03.fits"
    frame.write(path)
    found = describe(path)
    assert (found.kind, found.ccds, found.physical_filter) == ("flat", (3,), "i.MP9702")
    assert found.taken == date(2008, 3, 1)
    assert certify(repository, [path]).datasets == 1


@pytest.mark.parametrize("mode", ["copy", "link", "hardlink", "move"])
def test_files_can_come_into_the_repository(repository, epochs, tmp_path, mode):
    path = shutil.copy(epochs["2008-03-01"].bias, tmp_path / "bias.fits.fz")
    ingest(repository, [epochs["2008-03-01"].raw])
    certify(repository, [path], mode=mode)
    assert Path(path).exists() == (mode != "move")
    butler = open_butler(repository)
    ref = next(iter(butler.subset("raw", dataId={"ccd": 3})))
    assert ref.get("bias").detector.name == "ccd03"
    inside = list((repository / "MegaPrime" / "calib").rglob("bias*.fits.fz"))
    assert len(inside) == 1


def test_what_is_no_calibration_is_listed_and_the_rest_is_taken_in(
    repository, epochs, tmp_path, capsys
):
    first = epochs["2008-03-01"]
    cards = {"FILTER": "filter_name", "FILTERID": 9999}
    nameless = edited(first.flat, tmp_path / "nofilter.fits.fz", **cards)
    (tmp_path / "cut.fits.fz").write_bytes(first.bias.read_bytes()[:9000])
    single = exposure(tmp_path / "b", ccds=CCDS, **SMALL, kind="b", n_ccd=36, only=("raw",)).raw
    given = [
        first.raw,
        nameless,
        tmp_path / "cut.fits.fz",
        single,
        tmp_path / "no.fits",
        first.dark,
    ]
    status = main(["repo", "ingest-calibs", str(repository), *map(str, given)])
    told = capsys.readouterr()
    assert status == 1
    assert "1 files taken in (2 CCDs), 0 were there, 5 failed" in told.out
    for text in (
        "OBSTYPE is 'OBJECT', wanted a calibration",
        "wanted a filter of MegaCam for a flat",
        "cut.fits.fz",
        "is a raw exposure of kind bias, wanted a master made of many",
        "No such file",
    ):
        assert text in told.err
    assert main(["repo", "ingest-calibs", str(repository), str(tmp_path / "b" / "none")]) == 1


def test_masters_without_a_night_need_one(repository, epochs, tmp_path):
    with fits.open(epochs["2008-03-01"].bias, disable_image_compression=True) as hdus:
        for hdu in hdus:
            for card in ("MJD-OBS", "MJDATE", "DATE-OBS", "CHECKSUM", "DATASUM"):
                hdu.header.remove(card, ignore_missing=True)
        hdus.writeto(tmp_path / "bias.fits.fz")
    result = certify(repository, [tmp_path / "bias.fits.fz"])
    assert "give the night with --date" in result.failed[0][1]
    result = certify(repository, [tmp_path / "bias.fits.fz"], taken=date(2008, 3, 1))
    assert rows(result) == [("bias", "bias.fits.fz", "[... to 2015-01-01)", 2)]


def test_a_failure_leaves_the_repository_as_it_was(repository, epochs, monkeypatch):
    first, second, _ = epochs.values()
    ingest(repository, [first.raw])
    certify(repository, masters(first))

    def fail(self, held):
        original(self, held)
        raise OSError("the disk is full")

    original = CalibrationStore.certify
    monkeypatch.setattr(CalibrationStore, "certify", fail)
    with pytest.raises(OSError, match="the disk is full"):
        certify(repository, masters(second))
    monkeypatch.undo()
    assert len(certify(repository, masters(first)).there) == 5
    assert certify(repository, masters(second)).datasets == 10
    butler = open_butler(repository)
    ref = next(iter(butler.subset("raw")))
    assert ref.get("bias").identity.startswith(first.bias.name)


def test_arguments_are_checked(repository, epochs):
    path = epochs["2008-03-01"].bias
    for options, text in (
        ({"mode": "steal"}, "mode is 'steal'"),
        ({"kind": "raw"}, "kind is 'raw'"),
        ({"validity": -1}, "validity is -1"),
        ({"validity": 1, "explicit": Range()}, "exclude each other"),
    ):
        with pytest.raises(ValueError, match=text):
            certify(repository, [path], **options)
    for words in (["--validity", "x"], ["--date", "x"]):
        with pytest.raises(SystemExit):
            main(["repo", "ingest-calibs", str(repository), str(path), *words])
    assert main(["repo", "ingest-calibs", str(repository), str(path), "--begin", "soon"]) == 1


def test_a_stated_range_is_changed_on_request_only(repository, epochs):
    first = epochs["2008-03-01"]
    day, other = datetime(2008, 3, 1), datetime(2008, 3, 2)
    certify(repository, masters(first, ["bias"]), explicit=Range(day, None))
    for dry_run in (True, False):
        text = r"was to hold \[2008-03-01 to \.\.\.\), now \[2008-03-02 to \.\.\.\); --replace"
        changed = {"explicit": Range(other, None), "dry_run": dry_run}
        with pytest.raises(RepositoryError, match=text):
            certify(repository, masters(first, ["bias"]), **changed)
    # what says nothing of its own changes nothing
    kept = certify(repository, masters(first, ["bias"]))
    assert rows(kept) == [("bias", first.bias.name, "[2008-03-01 to ...)", 2)]
    changed = {"explicit": Range(other, None), "replace": True}
    told = certify(repository, masters(first, ["bias"]), **changed, dry_run=True)
    done = certify(repository, masters(first, ["bias"]), **changed)
    assert rows(told) == rows(done) == [("bias", first.bias.name, "[2008-03-02 to ...)", 2)]


def test_a_collection_of_ones_own_stays_that(repository, epochs):
    first, second, _ = epochs.values()
    ingest(repository, [second.raw])
    certify(repository, masters(first, ["bias"]))
    own = certify(repository, masters(second, ["bias"]), collection="u/own")
    assert [row[1] for row in rows(own)] == [second.bias.name]
    later = certify(repository, masters(second, ["dark"]) + masters(first, ["bias"]))
    assert [row[1:3] for row in rows(later) if row[0] == "bias"] == [
        (first.bias.name, "[... to 2015-01-01)")
    ]
    for calib, files in ((None, first), ("u/own", second)):
        ref = next(iter(open_butler(repository, calib=calib).subset("raw")))
        assert ref.get("bias").identity.startswith(files.bias.name)


def test_what_others_certified_does_not_give_way(repository, epochs):
    from small_nights import certify as by_hand

    first, second, _ = epochs.values()
    ingest(repository, [first.raw])
    by_hand(repository, first, ["bias"], end="2008-03-05T00:00:00")
    with pytest.raises(RepositoryError, match="was certified by other means, and would give way"):
        certify(repository, masters(second, ["bias"]))
    ref = next(iter(open_butler(repository).subset("raw")))
    assert ref.get("bias").identity.startswith(first.bias.name)
    assert certify(repository, masters(second, ["dark"])).datasets == 2

"""Reading registries of the second generation, without the middleware."""

import os
import sqlite3
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfhtisr.butler.calibs.validity import Range
from cfhtisr.butler.errors import RepositoryError
from cfhtisr.butler.gen2.registry import calibrations, existing, raws
from cfhtisr.butler.gen2.roots import roots
from cfhtisr.butler.gen2.times import shift_of, validity
from gen2_samples import add_calibration, add_raw, database

CALIB = "calibRegistry.sqlite3"


def read(folder, offset=None):
    problems = []
    return calibrations(folder, offset, problems), problems


def tree(folder):
    return {
        path.relative_to(folder): (path.stat().st_mtime_ns, path.is_file() and path.read_bytes())
        for path in folder.rglob("*")
    }


def test_exposures_are_listed_once_with_the_files_that_are_there(tmp_path):
    file = tmp_path / "archive.fits"
    file.write_text("any")
    old = tmp_path / "old"
    first = add_raw(old, file, 1038843, ccds=range(36))
    second = add_raw(old, file, 1038844, suffix=".fits")
    packed = add_raw(old, file, 1038845, suffix=".fits.fz.gz")
    add_raw(old, None, 1038846)
    before = tree(old)
    problems = []
    found = raws(roots(old), problems)
    assert [(each.visit, each.path) for each in found] == [
        (1038843, first),
        (1038844, second),
        (1038845, packed),
        (1038846, None),
    ]
    assert found[3].listed == "raw/08BL05/w2.+2+2/2008-11-01/i2/1038846o.fits.fz"
    assert problems == []
    assert tree(old) == before  # nothing is written, no journal and no lock


def test_what_a_repository_stands_on_is_read_too(tmp_path):
    file = tmp_path / "archive.fits"
    file.write_text("any")
    base, middle, top = (tmp_path / name for name in ("base", "middle", "top"))
    place = add_raw(base, file, 5)
    other = add_raw(middle, file, 6)
    top.mkdir()
    (middle / "_parent").symlink_to("../base")
    (top / "_parent").symlink_to("../middle")
    (base / "_parent").symlink_to("../top")  # a ring
    assert roots(top) == [top, middle, base]
    assert [each.path for each in raws(roots(top), [])] == [place, other]


def test_parents_of_the_later_kind_are_read_and_nothing_is_made_of_them(tmp_path):
    base, side, top = (tmp_path / name for name in ("base", "side", "top"))
    for folder in (base, side, top):
        folder.mkdir()
    (top / "repositoryCfg.yaml").write_text(
        "!RepositoryCfg_v1\n"
        "_mapper: !!python/name:lsst.obs.cfht.MegacamMapper ''\n"
        "_mapperArgs: !!python/object/apply:os.system ['exit 1']\n"
        "_parents:\n"
        "- ../base\n"
        f"- !RepositoryCfg_v1 {{_root: 'file://{side}', _parents: []}}\n"
        "- ../gone\n- 5\n"
        "_root: null\n"
    )
    assert roots(top) == [top, base, side]
    (base / "repositoryCfg.yaml").write_text("_parents: [")
    with pytest.raises(RepositoryError, match=r"base/repositoryCfg\.yaml: cannot be read"):
        roots(top)


def test_rows_without_a_number_are_told_of(tmp_path):
    add_raw(tmp_path, None, 5)
    with database(tmp_path / "registry.sqlite3") as connection:
        connection.execute("INSERT INTO raw (visit, ccd) VALUES ('some', 3), (NULL, 4)")
    problems = []
    assert [each.visit for each in raws([tmp_path], problems)] == [5]
    assert sorted(text for _, text in problems) == [
        "visit is 'some', wanted a whole number",
        "visit is None, wanted a whole number",
    ]


def test_calibrations_are_listed_once_for_each_file_and_range(tmp_path):
    add_calibration(tmp_path, "bias", "bias/a.fits", "2003-01-03T18:00:00", "2003-07-10T19:00:00")
    add_calibration(
        tmp_path,
        "flat",
        "flat/g/b.fits",
        *("2003-01-03T18:00:00", "2003-02-01T18:00:00"),
        version=2,
        filter="g",
        registered="2003-02-19T14:46:11",
        extensions=[3, 5],
    )
    (tmp_path / "bias").mkdir()
    (tmp_path / "bias" / "a.fits.fz").write_text("any")
    (bias, flat), problems = read(tmp_path)
    assert problems == []
    assert (bias.kind, bias.path) == ("bias", tmp_path / "bias" / "a.fits.fz")
    assert bias.extensions == frozenset(range(1, 37))
    assert bias.range == Range(datetime(2003, 1, 4), datetime(2003, 7, 11))
    assert (flat.path, flat.filter, flat.version) == (None, "g", 2)
    assert flat.extensions == {3, 5}
    assert flat.registered == datetime(2003, 2, 19, 14, 46, 11)


def test_rows_that_make_no_sense_are_told_of_and_the_others_read(tmp_path):
    add_calibration(tmp_path, "bias", "good", "2003-01-01", "2003-01-02")
    add_calibration(tmp_path, "bias", "back", "2003-01-04", "2003-01-02")
    add_calibration(tmp_path, "bias", "soon", "soon", "2003-01-02")
    add_calibration(tmp_path, "bias", "old", "2003-01-01", "2003-01-02", version="one")
    found, problems = read(tmp_path)
    assert [each.listed for each in found] == ["good"]
    assert len(problems) == 3  # once for all extensions
    told = {where.rpartition(" ")[2]: text for where, text in problems}
    assert "no moment" in told["back"]
    assert "'soon' is no time" in told["soon"]
    assert "version is 'one'" in told["old"]


def test_tables_of_other_columns_and_damage_end_in_one_error(tmp_path):
    registry = tmp_path / CALIB
    with database(registry) as connection:
        connection.execute("CREATE TABLE other (id int)")
    with pytest.raises(RepositoryError, match="none of the tables bias, dark, flat, fringe"):
        read(tmp_path)
    with database(registry) as connection:
        connection.execute("CREATE TABLE flat (id int, path text)")
    with pytest.raises(RepositoryError, match=r"table flat has no column validStart, validEnd; it"):
        read(tmp_path)
    with database(tmp_path / "registry.sqlite3") as connection:
        # a view can be made to take for ever; a registry has tables
        connection.execute("CREATE VIEW raw AS SELECT 1 AS visit")
    with pytest.raises(RepositoryError, match="has no table raw"):
        raws([tmp_path], [])


@pytest.mark.parametrize("damage", ["text", "empty", "cut", "noise", "journal"])
def test_a_damaged_registry_is_named(tmp_path, damage):
    for number in range(20):
        add_calibration(tmp_path, "bias", f"bias/{number}.fits", "2003-01-01", "2003-01-02")
    registry = tmp_path / CALIB
    data = registry.read_bytes()
    if damage == "journal":
        (tmp_path / f"{CALIB}-journal").write_bytes(b"half")
    else:
        registry.write_bytes(
            {
                "text": b"no database at all" * 100,
                "empty": b"",
                "cut": data[: len(data) // 2],
                "noise": data[:4096] + bytes(range(256)) * 16 + data[8192:],
            }[damage]
        )
    with pytest.raises(RepositoryError, match=CALIB):
        read(tmp_path)


def test_text_that_is_no_unicode_ends_in_one_error(tmp_path):
    add_calibration(tmp_path, "bias", "x", "2003-01-01", "2003-01-02")
    with database(tmp_path / CALIB) as connection:
        connection.execute("UPDATE bias SET path = CAST(X'ff00fe' AS TEXT)")
    with pytest.raises(RepositoryError, match="damaged"):
        read(tmp_path)


def test_names_of_files_are_values_and_no_code(tmp_path):
    names = ["a'; DROP TABLE bias; --", "nul\0nul", "x" * 5000, "../../../etc/passwd", ""]
    for name in names:
        add_calibration(tmp_path, "bias", name, "2003-01-01", "2003-01-02", extensions=[1])
    found, problems = read(tmp_path)
    assert (sorted(each.listed for each in found), problems) == (sorted(names), [])
    assert existing(tmp_path, "nul\0nul") is existing(tmp_path, "x" * 5000) is None


def test_a_registry_that_may_not_be_written_is_read(tmp_path):
    add_calibration(tmp_path, "bias", "x", "2003-01-01", "2003-01-02")
    os.chmod(tmp_path / CALIB, 0o444)
    os.chmod(tmp_path, 0o555)
    try:
        assert len(read(tmp_path)[0]) == 1
    finally:
        os.chmod(tmp_path, 0o755)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(RepositoryError, match="gone: there is no such folder"):
        roots(tmp_path / "gone")


midnights = st.dates(datetime(2003, 1, 1).date(), datetime(2010, 1, 1).date())


@given(st.lists(st.tuples(midnights, st.sampled_from([5, 6])), min_size=1))
def test_times_that_are_all_early_are_midnights(days):
    local = [datetime.combine(day, datetime.min.time()) - timedelta(hours=h) for day, h in days]
    shift = shift_of([each.isoformat() for each in local])
    assert [shift(each).date() for each in local] == [day for day, _ in days]
    assert {shift(each).hour for each in local} == {0}


@given(st.lists(st.datetimes(datetime(2003, 1, 1), datetime(2010, 1, 1)), min_size=1))
def test_times_are_utc_early_or_refused(times):
    texts = [each.isoformat() for each in times]
    early = [each.hour in (18, 19) for each in times]
    if any(early) and not all(early):
        with pytest.raises(ValueError, match="--offset HOURS"):
            shift_of(texts)
    elif not any(early):
        assert [shift_of(texts)(each) for each in times] == times
    assert [shift_of(texts, 5.5)(each) - each for each in times] == [timedelta(hours=5.5)] * len(
        times
    )


def test_days_are_utc_and_whole():
    shift = shift_of(["2003-01-03T18:00:00", "2003-01-01", None, "soon"])
    assert validity("2003-01-03T18:00:00", "2003-01-10", shift) == Range(
        datetime(2003, 1, 4), datetime(2003, 1, 11)
    )
    assert validity("2003-01-03", "2003-01-03") == Range(datetime(2003, 1, 3), datetime(2003, 1, 4))
    assert validity(None, " ") == Range()
    assert validity("0001-01-01", "9999-12-31").end is None


def test_mixed_times_need_an_offset(tmp_path):
    add_calibration(tmp_path, "bias", "a", "2003-01-03T18:00:00", "2003-01-10T12:00:00")
    with pytest.raises(RepositoryError, match=r"hours 12, 18.*--offset HOURS"):
        read(tmp_path)
    ((found,), _) = read(tmp_path, 6)
    assert found.range == Range(datetime(2003, 1, 4), datetime(2003, 1, 10, 18))


def test_the_library_can_be_read_only_and_locked_by_others(tmp_path):
    add_calibration(tmp_path, "bias", "a", "2003-01-03", "2003-01-10")
    other = sqlite3.connect(tmp_path / CALIB)
    try:
        other.execute("BEGIN EXCLUSIVE")
        assert len(read(tmp_path)[0]) == 1
    finally:
        other.close()

"""The observatory's table of masters, without the middleware."""

from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from cfhtisr.butler.calibs.validity import Range
from cfhtisr.butler.errors import RepositoryError
from cfhtisr.butler.gen2.detrend import read_detrend

TABLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "detrend_db.csv"
HEADER = (
    "type,filter,exptime_s,nccd,version,valid_start_utc,valid_stop_utc,registered_utc,label,path"
)


def written(folder, *lines, header=HEADER):
    path = folder / "table.csv"
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_rows_of_all_kinds_are_read(tmp_path):
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "a.fits.fz").write_text("any")
    table = written(
        tmp_path,
        "flat,i2,0,36,3,2003-01-04T00:00:00Z,2003-01-11T00:00:00Z,2003-02-19T20:46:11Z,x,flat/a.fits",
        "4,6,0,36,,2003-01-04,2003-01-11,,x,flat/b.fits",
        "mask,NONE,0,36,1,2003-01-04T00:00:00Z,,2003-02-19T20:46:11Z,x,mask/c.fits",
        "7,g,0,36,0,2003-01-04T00:00:00Z,2003-01-11T00:00:00Z,2003-02-19T20:46:11Z,x,scatter.fits",
        "flat,19,0,36,0,2003-01-04T00:00:00Z,2003-01-11T00:00:00Z,2003-02-19T20:46:11Z,x,Ha.fits",
    )
    problems = []
    first, second, mask, ha = read_detrend(table, [tmp_path], problems)
    assert (first.kind, first.filter, first.version) == ("flat", "i2", 3)
    assert first.path == tmp_path / "flat" / "a.fits.fz"
    assert first.range == Range(datetime(2003, 1, 4), datetime(2003, 1, 11))
    assert first.registered == datetime(2003, 2, 19, 20, 46, 11)
    assert (second.kind, second.filter, second.path) == ("flat", "i2", None)
    assert second.range.end == datetime(2003, 1, 12)  # a bare day as the end is a whole one
    assert (mask.kind, mask.range.end) == ("defects", None)
    assert ha.filter == "19"
    assert problems == [
        (
            f"{table}: line 5",
            "scatter.fits is of type '7', which a repository does not have",
        )
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("flat,g,0,36,0,soon,2003-01-11,,x,a", "'soon' is no time"),
        ("flat,g,0,36,0,2003-01-11,2003-01-04,,x,a", "no moment"),
        ("flat,g,0,36,-1,2003-01-04,2003-01-11,,x,a", "version is '-1'"),
        ("flat,g,0,36,0,,,,x,a", "nothing is said"),
        ("flat,g,0,36,0,2003-01-04,2003-01-11,,x,", "no path"),
        ("flat,g", "no path"),
        ("a,b,c,d,e,f,g,h,i,j,k,l", "is of type 'a'"),
    ],
)
def test_lines_that_make_no_sense_are_told_of(tmp_path, line, told):
    problems = []
    good = "flat,g,0,36,0,2003-01-04,2003-01-11,,x,a"
    assert len(read_detrend(written(tmp_path, line, good), [], problems)) == 1
    ((where, text),) = problems
    assert where.endswith("table.csv: line 2")
    assert told in text


def test_files_that_are_no_table_are_named(tmp_path):
    with pytest.raises(RepositoryError, match=r"table\.csv: has no column filter, version"):
        read_detrend(written(tmp_path, header="type,path,valid_start_utc,valid_stop_utc"), [], [])
    with pytest.raises(RepositoryError, match=r"gone\.csv: No such file"):
        read_detrend(tmp_path / "gone.csv", [], [])
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)))
    with pytest.raises(RepositoryError, match="is no table of masters"):
        read_detrend(tmp_path / "binary.csv", [], [])


@pytest.mark.skipif(not TABLE.is_file(), reason="needs the observatory's table")
def test_the_real_table_is_read_whole():
    problems = []
    found = read_detrend(TABLE, [TABLE.parent], problems)
    kinds = Counter(each.kind for each in found)
    assert kinds == {"flat": 1501, "fringe": 217, "bias": 115, "dark": 27, "defects": 7}
    assert len(problems) == 97
    assert all("of type" in text for _, text in problems)
    assert {each.range.begin.hour for each in found} == {0}
    assert all(each.path is None for each in found)

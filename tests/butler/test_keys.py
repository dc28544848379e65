from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfhtisr.butler import NoResults
from cfhtisr.butler.keys import KEYS, normalized, of_record
from cfhtisr.camera.filters import FILTERS

visits = st.integers(1, 2**31 // 36 - 1)
ccds = st.integers(0, 39)


def record(visit, name):
    return SimpleNamespace(
        id=visit,
        physical_filter=name,
        science_program="08BL05",
        target_name=None,
        day_obs=20081101,
        exposure_time=615.037,
        timespan=None,
    )


@given(visits, ccds, st.sampled_from(FILTERS))
def test_both_vocabularies_say_the_same(visit, ccd, row):
    ours = {"visit": visit, "ccd": ccd, "filter": row.short_name}
    theirs = {"exposure": visit, "detector": ccd, "physical_filter": row.name}
    theirs |= {"instrument": "MegaPrime", "band": "i", "group": "1"}
    assert normalized(ours) == normalized(theirs) == ours


@given(visits, ccds)
def test_what_is_typed_as_text_is_cast(visit, ccd):
    assert normalized({"visit": str(visit)}, ccd=f"{ccd:02d}") == {"visit": visit, "ccd": ccd}
    assert normalized({"extension": str(ccd + 1)}) == {"ccd": ccd}


@given(visits, ccds, st.sampled_from([*(row.name for row in FILTERS), "UNKNOWN"]))
def test_a_whole_data_id_is_normal_already(visit, ccd, name):
    whole = of_record(record(visit, name), ccd)
    assert normalized(whole) == whole
    assert whole["date"] == "2008-11-01"
    assert whole.keys() <= KEYS.keys()


@given(st.text(min_size=1).filter(lambda text: not text.strip().isdigit()))
def test_nonsense_is_refused_with_its_key(text):
    for key in ("visit", "extension"):
        with pytest.raises(NoResults, match=key):
            normalized({key: f"x{text}"})


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"ccd": 40}, "ccd=40"),
        ({"amp": 1}, "a key 'amp'"),
        ({"instrument": "HSC"}, "instrument 'HSC'"),
        ({"state": "p"}, "state other than"),
        ({"extension": 3, "ccd": 3}, "extension 3 is not that of ccd 3"),
        ({"expTime": "long"}, "expTime='long'"),
    ],
)
def test_refusals(asked, told):
    with pytest.raises(NoResults, match=told):
        normalized(asked)


def test_later_entries_win_and_none_is_nothing():
    assert normalized({"visit": 3, "ccd": None}, visit=4) == {"visit": 4}
    assert normalized(None) == {}

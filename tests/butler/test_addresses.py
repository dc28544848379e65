import importlib.util

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("lsst.daf.butler", reason="needs the extra [butler]")

from cfhtisr.butler import create
from cfhtisr.butler.addresses import driver_error, masked, with_driver
from cfhtisr.errors import MissingExtraError

PASSWORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


@pytest.fixture
def without_driver(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)


@pytest.mark.skipif(importlib.util.find_spec("psycopg2") is None, reason="needs psycopg2")
@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
@pytest.mark.parametrize("rest", ["me@host:5432/isr", "/isr", "host/isr?connect_timeout=5"])
def test_the_driver_is_named(scheme, rest):
    assert with_driver(f"{scheme}://{rest}") == f"postgresql+psycopg2://{rest}"


@pytest.mark.parametrize(
    "url", ["sqlite:////a/b.db", "postgresql+psycopg://host/isr", "oracle://host", "nonsense"]
)
def test_other_addresses_stay_as_they_are(url, without_driver):
    assert with_driver(url) == url


def test_the_extra_of_the_driver_is_named(tmp_path, without_driver):
    with pytest.raises(MissingExtraError, match=r"needs psycopg2: .*'cfhtisr\[postgres\]'"):
        create(tmp_path / "new", "postgresql://host/isr")
    assert not (tmp_path / "new").exists()
    told = driver_error(ModuleNotFoundError("No module named 'psycopg2'", name="psycopg2"))
    assert "cfhtisr[postgres]" in str(told)
    assert driver_error(ModuleNotFoundError("No module named 'json'", name="json")) is None


@given(PASSWORDS)
def test_no_password_is_told(password):
    text = f"cannot reach postgresql://me:{password}@host:5432/isr (me@host does not answer)"
    wanted = "cannot reach postgresql://me:***@host:5432/isr (me@host does not answer)"
    assert masked(text) == wanted
    assert masked(wanted) == wanted

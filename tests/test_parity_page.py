"""docs/parity.md is what docs/parity.py computes, and leaves out no oddity."""

import re
import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[1] / "docs"


@pytest.fixture(scope="module")
def page():
    return runpy.run_path(str(DOCS / "parity.py"))["text"]()


def test_the_page_is_what_the_script_prints(page):
    assert (DOCS / "parity.md").read_text("utf-8") == page, "make docs-parity"


def test_every_oddity_has_its_example(page):
    names = " ".join(re.findall(r"^\| ([^|]*) \|", page, re.MULTILINE)).replace(",", " ").split()
    wanted = {f"N{n}" for n in range(1, 19)} | {f"T{n}" for n in range(1, 27)}
    assert wanted - set(names) == set()

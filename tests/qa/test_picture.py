"""The picture is a PNG of the same bytes for the same mosaic."""

import numpy as np
import pytest

from cfhtisr.qa.picture import before_and_after

pytest.importorskip("matplotlib")


def test_the_same_mosaic_gives_the_same_bytes(tmp_path):
    image = np.arange(600, dtype=np.float32).reshape(20, 30)
    image[3:5] = np.nan
    paths = [tmp_path / "a.png", tmp_path / "b.png"]
    for path in paths:
        before_and_after(path, image + 1000, image, "title", {"07": (10, 10)})
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].read_bytes().startswith(b"\x89PNG")


def test_nothing_but_gaps(tmp_path):
    image = np.full((4, 4), np.nan, np.float32)
    before_and_after(tmp_path / "a.png", image, image, "empty")
    assert (tmp_path / "a.png").exists()

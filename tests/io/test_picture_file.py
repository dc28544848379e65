import numpy as np
import pytest
from numpy.testing import assert_array_equal

from cfhtisr.io.picture_file import write_picture


def picture():
    return np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize("view", [slice(None), slice(None, None, -1)])
def test_a_png_holds_the_pixels_top_row_first(tmp_path, view):
    image = pytest.importorskip("matplotlib.image")
    path = tmp_path / "thumb.png"
    write_picture(path, picture()[view])
    read = np.round(image.imread(path) * 255).astype(np.uint8)
    assert_array_equal(read[..., :3], picture()[view])
    write_picture(path, picture())  # in its place
    assert [each.name for each in tmp_path.iterdir()] == ["thumb.png"]


def test_other_formats_go_by_the_suffix(tmp_path):
    pytest.importorskip("matplotlib")
    write_picture(tmp_path / "thumb.jpg", picture())
    assert (tmp_path / "thumb.jpg").read_bytes()[:2] == b"\xff\xd8"
    with pytest.raises(ValueError, match="'docx' is no format"):
        write_picture(tmp_path / "thumb.docx", picture())
    assert not (tmp_path / "thumb.docx").exists()


def test_what_is_no_picture_is_refused(tmp_path):
    with pytest.raises(TypeError, match="float64"):
        write_picture(tmp_path / "a.png", picture() / 2)
    with pytest.raises(ValueError, match=r"shape \(5, 7\)"):
        write_picture(tmp_path / "a.png", picture()[..., 0])
    with pytest.raises(OSError, match=r"a\.png"):
        write_picture(tmp_path / "none" / "a.png", picture())

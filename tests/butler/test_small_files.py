"""Configurations, pictures and notes in repositories: read as data, and damage is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cfhtisr import Box2I
from cfhtisr.butler import readers
from cfhtisr.butler.errors import NoResults
from cfhtisr.butler.pictures import read_picture
from cfhtisr.butler.saved_config import read_config
from cfhtisr.butler.special import not_a_file, type_and_part
from cfhtisr.config_files import ConfigFileError, save
from cfhtisr.errors import FileFormatError, UnknownChoiceError
from cfhtisr.io.picture_file import write_picture
from cfhtisr.pipe import PropertySet
from cfhtisr.tasks.cfht import CfhtIsrTask
from cfhtisr.tasks.run_isr import RunIsrConfig

pictures = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)))


@given(pictures)
def test_pictures_come_back(tmp_path_factory, picture):
    path = tmp_path_factory.mktemp("pictures") / "a.png"
    write_picture(path, picture, sync=False)
    np.testing.assert_array_equal(read_picture(path), picture)


@pytest.mark.parametrize("end", [0, 7, 20, 40, -12, -1])
def test_a_cut_picture(tmp_path, end):
    path = tmp_path / "a.png"
    write_picture(path, np.arange(60, dtype=np.uint8).reshape(4, 5, 3))
    path.write_bytes(path.read_bytes()[:end])
    with pytest.raises(FileFormatError, match=r"a\.png"):
        read_picture(path)


@given(st.data())
def test_a_picture_with_a_wrong_byte(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("pictures") / "a.png"
    write_picture(path, np.arange(60, dtype=np.uint8).reshape(4, 5, 3), sync=False)
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with pytest.raises(FileFormatError):
        read_picture(path)


def test_a_configuration_knows_its_class_and_its_subtask(tmp_path):
    config = RunIsrConfig()
    config.isr.retarget(CfhtIsrTask)
    config.isr.doDark = True
    path = tmp_path / "a.py"
    save(config, path)
    found = read_config(path)
    assert found.compare(config)
    assert found.isr.target is CfhtIsrTask


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import os\nos.system('touch PLACE')\n", "does not say of which class"),
        ("import evil.config\nassert type(config) is evil.config.C, ''\n", "neither of cfhtisr"),
        ("assert type(config) is cfhtisr.no.such.C, ''\n", "there is no cfhtisr.no.such.C"),
        ("assert type(config) is cfhtisr.pipe.task.Task, ''\n", "no class of configurations"),
        ("assert type(config) is cfhtisr.tasks.run_isr.RunIsrConfig\nopen('PLACE', 'w')\n", "exec"),
        ("config.isr = (", "no Python"),
        ("assert config == __import__('os').system('touch PLACE')\n", "neither of cfhtisr"),
    ],
)
def test_a_configuration_is_never_executed(tmp_path, text, told):
    place = tmp_path / "executed"
    path = tmp_path / "a.py"
    path.write_text(text.replace("PLACE", str(place)))
    with pytest.raises(ConfigFileError, match=told):
        read_config(path)
    assert not place.exists()


def test_every_kind_that_is_written_is_read(tmp_path):
    notes = PropertySet()
    notes.add("a.b", 1.5)
    boxes = [Box2I(0, 0, 2048, 1), Box2I(3, 4, 5, 6)]
    for kind, value in (("defects", boxes), ("isr_metadata", notes)):
        path = tmp_path / f"{kind}{readers.extension_of(kind)}"
        readers.write(kind, value, path)
        assert readers.read(kind, path, 7) == value
        readers.write(kind, value, path)  # again: it is replaced
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(FileFormatError, match=r"bad\.yaml"):
        readers.read("isr_metadata", tmp_path / "bad.yaml")
    with pytest.raises(UnknownChoiceError, match="cannot read datasets of type 'x'"):
        readers.read("x", tmp_path / "bad.yaml")
    with pytest.raises(UnknownChoiceError, match="cannot write datasets of type 'crosstalk'"):
        readers.write("crosstalk", None, tmp_path / "a")


def test_types_and_their_parts():
    assert type_and_part("raw_md") == ("raw", "md")
    assert type_and_part("postISRCCD_filename") == ("postISRCCD", "filename")
    assert type_and_part("isr_metadata") == ("isr_metadata", None)
    assert type_and_part("ossThumb_filename") == ("ossThumb_filename", None)
    assert type_and_part("flat") == ("flat", None)


@given(st.integers(1, 2**31 // 36 - 1), st.integers(1, 2**31 // 36 - 1), st.data())
def test_numbers_of_ccds_never_meet(one, other, data):
    ccds = st.integers(0, 39)
    first, second = (one, data.draw(ccds)), (other, data.draw(ccds))
    numbers = [
        not_a_file("ccdExposureId", {"visit": visit, "ccd": ccd}) for visit, ccd in (first, second)
    ]
    assert (numbers[0] == numbers[1]) == (first == second)
    assert max(numbers) < 2 ** not_a_file("ccdExposureId_bits", {})
    with pytest.raises(NoResults):
        not_a_file("ccdExposureId", {"visit": 2**31, "ccd": 3})

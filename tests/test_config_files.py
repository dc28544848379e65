import math
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsst.pex.config import Config

from cfhtisr import CfhtIsrTaskConfig, config_files
from cfhtisr import config as plain
from cfhtisr.config_files import ConfigFileError, UnknownFieldError
from cfhtisr.tasks.crosstalk import CrosstalkTask, NullCrosstalkTask
from cfhtisr.tasks.stray_light import StrayLightTask


class NightConfig(
    plain.GeneralConfig,
    plain.OverscanConfig,
    plain.FlatConfig,
    plain.PhotometryConfig,
    plain.VarianceConfig,
):
    crosstalk = CrosstalkTask.makeField("Crosstalk.")
    strayLight = StrayLightTask.makeField("Stray light.")


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


SAME = {
    "night.toml": """
# a night
doFlat = false
gain = 1.5
overscanBiasJumpDevices = ["a", "b"]
qa.saveStats = false

[qa.flatness]
meshX = 128

[fluxMag0T1]
r = 1e3

[crosstalk]
retarget = "cfhtisr.tasks.crosstalk.NullCrosstalkTask"
minPixelToMask = 100
""",
    "night.yaml": """
doFlat: false
gain: 15e-1
overscanBiasJumpDevices: [a, b]
qa.saveStats: false
qa:
  flatness: {meshX: 128}
fluxMag0T1: {r: 1000.0}
crosstalk:
  retarget: cfhtisr.tasks.crosstalk:NullCrosstalkTask
  minPixelToMask: 100
""",
    "night.py": '''"""A night."""
import cfhtisr.tasks.crosstalk
from cfhtisr.tasks.crosstalk import NullCrosstalkTask as Nothing
assert type(config) is nowhere.NightConfig, "not this one"
config.doFlat = False
config.gain = 1.5
config.overscanBiasJumpDevices = ["a", "b"]
config.qa.saveStats = False
config.qa.flatness.meshX = +128
config.fluxMag0T1 = {"r": 1e3}
config.crosstalk.retarget(Nothing)
config.crosstalk.minPixelToMask = 100.0
''',
}


@pytest.mark.parametrize("name", SAME)
def test_three_forms_say_the_same(tmp_path, name):
    config = NightConfig()
    config_files.apply(config, write(tmp_path, name, SAME[name]))
    assert config.doFlat is False
    assert config.gain == 1.5
    assert list(config.overscanBiasJumpDevices) == ["a", "b"]
    assert config.qa.saveStats is False
    assert config.qa.flatness.meshX == 128
    assert dict(config.fluxMag0T1) == {"r": 1000.0}
    assert config.crosstalk.target is NullCrosstalkTask
    assert config.crosstalk.minPixelToMask == 100.0
    frame = config.history["doFlat"][-1][1][0]
    assert (frame.filename, frame.function) == (str(tmp_path / name), "<configuration>")
    assert frame.lineno == 1 + SAME[name][: SAME[name].index("doFlat")].count("\n")


@pytest.mark.parametrize(
    ("item", "name", "value"),
    [
        ("doFlat=False", "doFlat", False),
        ("doFlat=off", "doFlat", False),
        ("gain=nan", "gain", math.nan),
        ("gain= 2", "gain", 2.0),
        ("config.gain=-1e-3", "gain", -1e-3),
        ("overscanFitType=MEDIAN_PER_ROW", "overscanFitType", "MEDIAN_PER_ROW"),
        ("overscanFitType='POLY'", "overscanFitType", "POLY"),
        ("datasetType=7", "datasetType", "7"),
        ("fallbackFilterName=None", "fallbackFilterName", None),
        ("overscanBiasJumpDevices=i,i2, z", "overscanBiasJumpDevices", ["i", "i2", "z"]),
        ("overscanBiasJumpDevices=['i']", "overscanBiasJumpDevices", ["i"]),
        ("overscanBiasJumpDevices=", "overscanBiasJumpDevices", []),
        ("fluxMag0T1={'r': 1.0}", "fluxMag0T1", {"r": 1.0}),
        ("qa.flatness.meshX=3", "qa.flatness.meshX", 3),
        ("crosstalk.minPixelToMask=1", "crosstalk.minPixelToMask", 1.0),
    ],
)
def test_items(item, name, value):
    config = NightConfig()
    config_files.apply_item(config, item)
    found = config
    for part in name.split("."):
        found = getattr(found, part)
    if isinstance(value, list | dict):
        assert type(value)(found) == value
    else:
        assert found == value or (math.isnan(found) and math.isnan(value))


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("doFlat", "wanted name=value"),
        ("=1", "wanted name=value"),
        ("doFlat=maybe", "doFlat=maybe: .*incorrect type str. Expected type bool"),
        ("overscanOrder=1.5", "incorrect type float. Expected type int"),
        ("overscanFitType=SPLINE", "SPLINE is not allowed"),
        ("overscanMaxDev=-1", "not a valid value"),
        ("qa=1", "'qa' is a group of fields"),
        ("crosstalk.retarget=os.system", "neither a task of cfhtisr nor registered"),
        ("crosstalk.retarget=cfhtisr.threads.set_num_threads", "neither a task of cfhtisr"),
        ("doFlat.retarget=cfhtisr.tasks.crosstalk.CrosstalkTask", "no subtask"),
    ],
)
def test_items_that_are_refused(item, reason):
    with pytest.raises(ConfigFileError, match=reason):
        config_files.apply_item(NightConfig(), item)


@pytest.mark.parametrize(
    ("name", "text", "line", "hint"),
    [
        ("a.toml", "doFlat = true\n\n[qa]\nsaveStat = true\n", 4, "qa.saveStats"),
        ("a.yaml", "doFlat: true\nqa:\n  saveStat: true\n", 3, "qa.saveStats"),
        ("a.py", "config.doFlat=True\nconfig.qa.saveStat=True\n", 2, "qa.saveStats"),
        ("a.py", "config.meshX=1\n", 1, "qa.flatness.meshX"),
        ("a.py", "config.doflat=True\n", 1, "doFlat"),
    ],
)
def test_unknown_fields_are_named_with_place_and_neighbours(tmp_path, name, text, line, hint):
    path = write(tmp_path, name, text)
    with pytest.raises(UnknownFieldError) as caught:
        config_files.apply(NightConfig(), path)
    message = str(caught.value)
    assert message.startswith(f"{path}:{line}: NightConfig has no field '")
    assert f"; did you mean {hint}" in message


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import os\nos.system('touch HERE')\n", ":2: a call of os.system would"),
        ("config.gain = __import__('os').system('touch HERE')\n", ":1: config.gain is not"),
        ("config.gain = float(open('HERE', 'w').write('1'))\n", ":1: config.gain is not"),
        ("if open('HERE', 'w'):\n    pass\n", ":1: a statement of kind If would"),
        ("gain = 1\n", ":1: only fields of config"),
        ("config.gain += 1\n", ":1: a statement of kind AugAssign"),
        ("config.load('HERE')\n", ":1: a call of config.load would"),
        ("config.crosstalk.retarget(os.system)\n", "neither a task"),
        ("config.crosstalk.retarget(open('HERE', 'w'))\n", ":1: the target"),
        ("config.crosstalk.retarget()\n", ":1: retarget takes"),
        ('config.datasetType = f\'{open("HERE", "w")}\'\n', ":1: config.datasetType is not"),
        ("config.gain = 1j\n", "not given as a literal"),
        ("def f(:\n", ":1: no Python"),
        ("config.gain = 1\0\n", "no Python"),
        ("import cfhtisr.tasks\nassert type(config) is cfhtisr.tasks.isr.X\n", ":2: this is a"),
    ],
)
def test_code_is_refused_and_not_run(tmp_path, monkeypatch, text, reason):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigFileError, match=reason):
        config_files.apply(NightConfig(), write(tmp_path, "a.py", text))
    assert os.listdir(tmp_path) == ["a.py"]


def test_code_runs_only_when_asked_for(tmp_path):
    path = write(tmp_path, "a.py", "for number in (1, 2):\n    config.gain = float(number)\n")
    config = NightConfig()
    config_files.apply(config, path, allow_code=True)
    assert config.gain == 2.0


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.toml", "doFlat = \n"),
        ("a.yaml", "doFlat: [\n"),
        ("a.yaml", "- doFlat\n"),
        ("a.yaml", "!!python/object/apply:os.system ['touch HERE']\n"),
        ("a.yaml", "gain: &x {a: *x}\n"),
        ("a.ini", "doFlat = 1\n"),
        ("a.py", "config.gain = " + "[" * 5000 + "]" * 5000),
        ("a.toml", "gain = " + "[" * 5000 + "]" * 5000),
        ("a.yaml", "gain: " + "[" * 5000 + "]" * 5000),
        ("a.toml", "doFlat = 1\n" * (1 << 17)),
    ],
)
def test_files_that_make_no_sense(tmp_path, monkeypatch, name, text):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigFileError, match=name):
        config_files.apply(NightConfig(), write(tmp_path, name, text))
    assert os.listdir(tmp_path) == [name]


def test_bytes_are_no_text(tmp_path):
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigFileError, match="UTF-8"):
        config_files.apply(NightConfig(), tmp_path / "a.toml")


FIELDS = {
    "doFlat": st.booleans(),
    "gain": st.floats(),
    "overscanOrder": st.integers(-(2**40), 2**40),
    "datasetType": st.text(st.characters(exclude_categories=["Cs"])),
    "fallbackFilterName": st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]))),
    "overscanFitType": st.sampled_from(["MEDIAN", "POLY"]),
    "overscanBiasJumpDevices": st.lists(st.text("ab'\"\\\n")),
    "fluxMag0T1": st.dictionaries(st.text("ri'\n"), st.floats()),
    "qa.flatness.clipSigma": st.floats(),
    "crosstalk.crosstalkValues": st.lists(st.floats(), min_size=1),
    "parity": st.sampled_from(["none", "lsst-v17"]),
}


@given(st.fixed_dictionaries({}, optional=FIELDS), st.booleans())
def test_what_is_saved_comes_back(tmp_path_factory, values, retarget):
    config = NightConfig()
    if retarget:
        config.crosstalk.retarget(NullCrosstalkTask)
    for name, value in values.items():
        group, _, last = name.rpartition(".")
        owner = config
        for part in group.split(".") if group else []:
            owner = getattr(owner, part)
        setattr(owner, last, value)
    path = tmp_path_factory.mktemp("saved") / "night.py"
    config_files.save(config, path)
    assert os.listdir(path.parent) == ["night.py"]
    again = NightConfig()
    config_files.apply(again, path)
    assert again.saveToString() == config.saveToString()  # `compare` finds [nan] != [nan]
    assert again.crosstalk.target is config.crosstalk.target
    executed = NightConfig()
    if not any(text in path.read_text() for text in ("inf", "nan")):  # pex_config forgets quotes
        executed.load(str(path))
        assert executed.compare(config, rtol=0, atol=0)


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = write(tmp_path, "a.py", "old")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        config_files.save(NightConfig(), path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.py"]


def test_field_names_are_those_that_have_a_value():
    names = list(config_files.field_names(NightConfig()))
    assert "qa.flatness.meshX" in names
    assert "crosstalk.minPixelToMask" in names
    assert "qa" not in names


def test_a_config_of_another_kind_is_no_group():
    class Small(Config):
        pass

    assert list(config_files.field_names(Small())) == []


def test_a_list_in_brackets_is_not_taken_letter_by_letter():
    config = CfhtIsrTaskConfig()
    with pytest.raises(ConfigFileError, match=r"\[i,z\] cannot be read, wanted .* i,z"):
        config_files.apply_item(config, "fringe.filters=[i,z]")
    config_files.apply_item(config, "fringe.filters=['i', 'z']")
    assert list(config.fringe.filters) == ["i", "z"]

"""``cfhtisr config``: every field, its value, and where that came from."""

import pytest

from cfhtisr import config_files
from cfhtisr.cli.main import main
from cfhtisr.tasks.cfht import CfhtIsrTaskConfig


def show(capsys, *words):
    """Return the origin of each field that is shown by name and value, and the status."""
    status = main(["config", *map(str, words)])
    out, err = capsys.readouterr()
    fields, last = {}, ""
    for line in out.splitlines():
        if not line.startswith(" "):
            last = line
        elif line.startswith("    ["):
            fields[last] = line.strip()[1:-1]
    return status, fields, err


def test_all_fields_are_shown(capsys):
    status, fields, err = show(capsys)
    assert (status, err) == (0, "")
    names = {line.partition(" = ")[0] for line in fields}
    assert names == set(config_files.values_of(CfhtIsrTaskConfig()))
    assert set(fields.values()) == {"default"}


@pytest.mark.parametrize("pattern", ["fringe.small", "FRINGE.SM*", "small", "*.small", "smal?"])
def test_a_pattern_reaches_into_groups(pattern, capsys):
    _, fields, _ = show(capsys, pattern)
    assert "fringe.small = 1" in fields


def test_the_origin_of_values(tmp_path, capsys):
    toml = tmp_path / "a.toml"
    toml.write_text("# comment\ndoWrite = false\n[fringe]\nsmall = 3\n")
    yaml = tmp_path / "b.yaml"
    yaml.write_text("fringe:\n  large: 40\n")
    python = tmp_path / "c.py"
    python.write_text("\nconfig.fringe.stats.clip = 4.0\n")
    words = ["--preset", "lsst-v17", "-C", toml, "-C", yaml, "-C", python]
    _, fields, err = show(capsys, *words, "-c", "doBias=True", "-c", "config.fringe.pedestal=no")
    assert err == ""
    assert fields["parity = 'lsst-v17'"] == "the preset"
    assert fields["doWrite = False"] == f"{toml}:2"
    assert fields["fringe.small = 3"] == f"{toml}:4"
    assert fields["fringe.large = 40"] == f"{yaml}:2"
    assert fields["fringe.stats.clip = 4.0"] == f"{python}:2"
    assert fields["doBias = True"] == "-c doBias=True"
    assert fields["fringe.pedestal = False"] == "-c config.fringe.pedestal=no"
    assert fields["doFlat = False"] == "the preset"
    assert fields["doSaturation = True"] == "default"


def test_the_last_one_wins(tmp_path, capsys):
    path = tmp_path / "a.toml"
    path.write_text("fringe.small = 3\n")
    _, fields, _ = show(capsys, "-C", path, "-c", "fringe.small=4", "small")
    assert fields["fringe.small = 4"] == "-c fringe.small=4"
    _, fields, _ = show(capsys, "-c", "fringe.small=4", "-C", path, "small")
    assert fields["fringe.small = 3"] == f"{path}:1"


def test_the_default_that_follows_the_parity(capsys):
    _, fields, _ = show(capsys, "-c", "parity=lsst-v17", "overscanFitType")
    assert fields == {"overscanFitType = 'MEDIAN'": "default for this parity"}


def test_what_is_dumped_can_be_read(tmp_path, capsys):
    words = ["--preset", "lsst-v17", "-c", "fringe.small=3", "-c", "fringe.filters=i,z"]
    path = tmp_path / "saved.py"
    assert main(["config", *words, "--dump", str(path)]) == 0
    _, wanted, _ = show(capsys, *words)
    _, found, err = show(capsys, "-C", path)
    assert err == ""
    assert set(found) == set(wanted)
    assert found["fringe.small = 3"].startswith(f"{path}:")
    _, changed, _ = show(capsys, "-C", path, "--changed")
    _, same, _ = show(capsys, *words, "--changed")
    assert set(changed) == set(same)
    assert "doSaturation = True" not in changed


def test_nothing_is_changed(capsys):
    assert show(capsys, "--changed") == (0, {}, "")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["overscanFitTyp"], "no field is like 'overscanFitTyp'; did you mean overscanFitType"),
        (["-c", "fringe=3"], "is a group of fields"),
        (["-c", "nonsense=3"], "nonsense=3: CfhtIsrTaskConfig has no field 'nonsense'"),
        (["--dump", "no-such-folder/x.py"], "No such file or directory: 'no-such-folder/x.py'"),
    ],
)
def test_what_is_wrong_is_said_in_a_line(words, text, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, fields, err = show(capsys, *words)
    assert (status, fields) == (1, {})
    assert text in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_changed_values():
    config = CfhtIsrTaskConfig()
    assert config_files.changed(config) == {}
    config.fringe.filters = ["z"]
    config.doBias = False
    assert config_files.changed(config) == {"doBias": False, "fringe.filters": ["z"]}

"""Every option of the command line, one test or more for each row of the documented table."""

import logging
import os
import re
import sys
from pathlib import Path

import pytest

from cfhtisr.pipe import (
    ArgumentParser,
    ConfigDatasetType,
    DatasetArgument,
    InputOnlyArgumentParser,
    logs,
)
from toys import OPENED, Toy, ToyConfig, open_toy, toy_repo

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch):
    """Forget what was opened, and what a call has done to the log and the environment."""
    for name in ("PIPE_INPUT_ROOT", "PIPE_CALIB_ROOT", "PIPE_OUTPUT_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "argv", ["toy"])
    OPENED.clear()
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture
def repo(tmp_path):
    return toy_repo(tmp_path / "repo")


def parse(*words, config=None, override=None, parser=None):
    parser = parser or Toy._makeArgumentParser()
    return parser.parse_args(config or ToyConfig(), [str(word) for word in words], None, override)


def fails(capsys, *words, status=2, **others):
    """Parse what cannot be parsed; return what is said about it."""
    with pytest.raises(SystemExit) as caught:
        parse(*words, **others)
    assert (caught.value.code or 0) == status
    out, err = capsys.readouterr()
    return err if status else out


def test_the_documented_table_lists_all_options_and_no_other():
    table = PAGE.read_text().partition("| option |")[2].partition("\n\n")[0]
    cells = [row.split(" | ")[0] for row in table.splitlines()[2:]]
    listed = {word.split()[0] for cell in cells for word in re.findall(r"`([^`]+)`", cell)}
    parser = Toy._makeArgumentParser()
    actions = parser._actions
    there = {name for action in actions for name in action.option_strings or [action.dest]}
    assert listed - {"@FILE"} == there
    assert all(action.help for action in actions)
    tested = Path(__file__).read_text()
    missing = [name for name in there if name.startswith("--") and f'"{name}"' not in tested]
    assert missing == []


def test_input(repo, capsys, monkeypatch):
    found = parse(repo, "--rerun", "me")
    assert found.input == repo
    assert found.log is logging.getLogger()
    assert (found.camera, found.obsPkg) == ("megacam", "cfhtisr")
    monkeypatch.setenv("PIPE_INPUT_ROOT", str(Path(repo).parent))
    assert parse("repo", "--rerun", "me").input == repo
    assert "nowhere is not a directory" in fails(capsys, "nowhere", "--rerun", "me")


@pytest.mark.parametrize("words", [[], ["--id"], ["@words"]])
def test_the_input_is_the_first_word(words, capsys):
    with pytest.raises(SystemExit) as caught:
        parse(*words)
    assert caught.value.code == 1
    out, err = capsys.readouterr()
    assert "usage: " in out
    assert err == "toy: error: the input must be the first argument\n"


def test_help(repo, capsys):
    for words in (["-h"], ["--help"], [repo, "--help"]):
        assert "--rerun [IN:]OUT" in fails(capsys, *words, status=0)


def test_id(repo, capsys, caplog):
    found = parse(repo, "--rerun", "me", "--id", "visit=2^1", "ccd=1..2")
    assert found.id.idList[0] == {"visit": 2, "ccd": 1}
    ids = [(ref.dataId["visit"], ref.dataId["ccd"]) for ref in found.id.refList]
    assert ids == [(2, 1), (2, 2), (1, 1), (1, 2)]
    assert found.id.datasetType == "raw"
    assert found.id.level is None
    assert len(parse(repo, "--rerun", "me", "--id").id.refList) == 6
    assert parse(repo, "--rerun", "me").id.refList == []
    more = parse(repo, "--rerun", "me", "--id", "ccd=0", "--id", "filter=r", "ccd=2")
    assert len(more.id.refList) == 3
    assert parse(repo, "--rerun", "me", "--id", "ccd=9").id.refList == []
    assert "No data found for dataId={'ccd': 9}" in caplog.text
    assert "'ccd' is given twice" in fails(capsys, repo, "--rerun", "me", "--id", "ccd=1", "ccd=2")
    assert "wanted KEY=VALUE" in fails(capsys, repo, "--rerun", "me", "--id", "ccd")
    assert "ccd=x: wanted a value of type int" in fails(
        capsys, repo, "--rerun", "a", "--id", "ccd=x"
    )


def test_references_without_data_are_left_out(tmp_path):
    repo = toy_repo(tmp_path / "repo", gone=[1])
    ids = [ref.dataId["ccd"] for ref in parse(repo, "--rerun", "me", "--id", "visit=1").id.refList]
    assert ids == [0, 2]


def test_calib(repo, tmp_path, monkeypatch):
    assert parse(repo, "--rerun", "me").calib is None
    assert parse(repo, "--rerun", "me", "--calib", "MegaPrime/calib").calib == "MegaPrime/calib"
    (tmp_path / "CALIB").mkdir()
    monkeypatch.setenv("PIPE_CALIB_ROOT", str(tmp_path))
    assert parse(repo, "--rerun", "me").calib == str(tmp_path)
    assert parse(repo, "--rerun", "me", "--calib", "CALIB").calib == str(tmp_path / "CALIB")
    assert OPENED[-1]["calib"] == str(tmp_path / "CALIB")


def test_output(repo, tmp_path, capsys, monkeypatch):
    found = parse(repo, "--output", tmp_path / "out")
    assert (found.output, found.rerun) == (str(tmp_path / "out"), None)
    wanted = {"rerun": None, "calib": None, "clobber_output": False}
    assert OPENED == [{"input": repo, "output": str(tmp_path / "out"), **wanted}]
    assert "there is no output: give --output or --rerun" in fails(capsys, repo, "--id")
    monkeypatch.setenv("PIPE_OUTPUT_ROOT", str(tmp_path))
    assert parse(repo, "--output", "there").output == str(tmp_path / "there")
    assert "there is no output" in fails(capsys, repo)  # the variable alone is none


def test_rerun(repo, tmp_path, capsys):
    found = parse(repo, "--rerun", "old:new")
    assert found.rerun == ["old", "new"]
    assert found.output == os.path.join(repo, "rerun", "new")
    wanted = {"output": None, "rerun": "old:new", "calib": None, "clobber_output": False}
    assert OPENED == [{"input": repo, **wanted}]
    assert parse(repo, "--rerun", "new").rerun == ["new"]
    for bad in ("a:b:c", ":b", ""):
        assert "wanted OUT or IN:OUT" in fails(capsys, repo, "--rerun", bad)
    assert "exclude each other" in fails(capsys, repo, "--rerun", "a", "--output", "b")


def test_clobber_output(repo, capsys):
    parse(repo, "--rerun", "me", "--clobber-output")
    assert OPENED.pop()["clobber_output"] is True
    assert "needs --output or --rerun" in fails(capsys, repo, "--clobber-output")
    assert "would delete the input" in fails(capsys, repo, "--clobber-output", "--output", repo)
    fails(capsys, repo, "--rerun", "me", "--clobber-output", "--show", "data", status=0)
    assert OPENED.pop()["clobber_output"] is False
    assert "gain is negative" in fails(
        capsys, repo, "--rerun", "a", "--clobber-output", "-c", "gain=-1"
    )
    assert OPENED == []


def test_config(repo, capsys):
    words = [
        "doWrite=False",
        "gain=1.5",
        "numbers=2,4,-87",
        "Names=a,b",
        "title=7",
        "part.factor=3",
    ]
    config = parse(repo, "--rerun", "me", "--config", *words).config
    assert (config.doWrite, config.gain, config.title) == (False, 1.5, "7")
    assert (list(config.numbers), list(config.Names)) == ([2, 4, -87], ["a", "b"])
    assert config.part.factor == 3.0
    with pytest.raises(ValueError, match="frozen"):
        config.gain = 2.0
    for word, reason in [
        ("gain", "wanted NAME=VALUE"),
        ("doBais=1", "no field 'doBais'"),
        ("gain=x", "gain"),
        ("gain=1+1", "gain"),
        ("part=3", "group of fields"),
        ("part.retarget=toys.OtherPart", "neither a task of cfhtisr nor registered"),
    ]:
        assert reason in fails(capsys, repo, "--rerun", "me", "-c", word)


def test_configfile(repo, tmp_path, capsys):
    file, other = tmp_path / "a.py", tmp_path / "b.toml"
    file.write_text("config.gain = 2.0\nconfig.title = 'file'\n")
    other.write_text("title = 'toml'\n[part]\nfactor = 5.0\n")
    words = ["-c", "gain=1", "title=first", "--configfile", file, other, "-c", "part.factor=7"]
    config = parse(repo, "--rerun", "me", *words).config
    assert (config.gain, config.title, config.part.factor) == (2.0, "toml", 7.0)
    assert "No such file" in fails(capsys, repo, "--rerun", "me", "-C", tmp_path / "none.py")
    file.write_text("config.gain = undefined\n")
    assert "a.py:1" in fails(capsys, repo, "--rerun", "me", "-C", file)


def test_allow_code(repo, tmp_path, capsys):
    file = tmp_path / "code.py"
    file.write_text("config.gain = float(sum([1, 2]))\n")
    assert "read, not executed" in fails(capsys, repo, "--rerun", "me", "-C", file)
    assert parse(repo, "--rerun", "me", "-C", file, "--allow-code").config.gain == 3.0
    file.write_text("1 / 0\n")
    text = fails(capsys, repo, "--rerun", "me", "--allow-code", "-C", file)
    assert "ZeroDivisionError" in text


def test_overrides_come_in_the_documented_order(repo):
    seen = []

    def override(config):
        seen.append(config.gain)
        config.gain, config.title = 5.0, "override"

    config = ToyConfig(gain=4.0)
    found = parse(repo, "--rerun", "me", "-c", "title=line", config=config, override=override)
    assert seen == [4.0]
    assert (found.config.gain, found.config.title) == (5.0, "line")


@pytest.mark.parametrize(
    ("option", "dest"),
    [
        ("--clobber-config", "clobberConfig"),
        ("--no-backup-config", "noBackupConfig"),
        ("--clobber-versions", "clobberVersions"),
        ("--no-versions", "noVersions"),
        ("--doraise", "doraise"),
        ("--noExit", "noExit"),
    ],
)
def test_flags(option, dest, repo):
    assert getattr(parse(repo, "--rerun", "me"), dest) is False
    assert getattr(parse(repo, "--rerun", "me", option), dest) is True


def test_loglevel(repo, capsys):
    parse(repo, "--rerun", "me", "-L", "Debug", "toy.part=FATAL", "--loglevel", "toy.part=trace")
    assert logging.getLogger().level == logging.DEBUG
    assert logging.getLogger("toy.part").level == logs.TRACE
    log = logging.getLogger("night")
    Toy._makeArgumentParser().parse_args(ToyConfig(), [repo, "--rerun", "a", "-L", "warn"], log)
    assert log.level == logging.WARNING
    for bad in ("10", "loud", "=debug"):
        text = fails(capsys, repo, "--rerun", "me", "--loglevel", bad)
        assert "wanted LEVEL or COMPONENT=LEVEL" in text


def test_layouts(repo, capsys, monkeypatch):
    root = logging.getLogger()
    for words, layout in [
        ([], r"toy\.x WARN: careful\n"),
        (
            ["--longlog"],
            r"WARN  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z toy\.x \(\{'ccd': 3\}\) "
            r"test_arguments\.py:\d+ - careful\n",
        ),
    ]:
        monkeypatch.setattr(root, "handlers", [])
        parse(repo, "--rerun", "me", *words)
        with logs.label("{'ccd': 3}"):
            logging.getLogger("toy.x").warning("%s", "careful")
        logging.getLogger("toy.x").debug("unheard")
        assert re.fullmatch(layout, capsys.readouterr().out)


def test_a_program_keeps_its_own_log(repo, monkeypatch):
    root = logging.getLogger()
    own = logging.NullHandler()
    monkeypatch.setattr(root, "handlers", [own])
    parse(repo, "--rerun", "me")
    assert root.handlers == [own]


def test_debug(repo, tmp_path, capsys, monkeypatch):
    for name in ("debug", "lsstDebug"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert parse(repo, "--rerun", "me", "--debug").debug is False
    assert "--debug is off: there is no module 'debug'" in capsys.readouterr().err
    text = """
import lsstDebug

def info(name):
    found = lsstDebug.getInfo(name)
    if name == "toys":
        found.display = {"postISRCCD": 2}
    return found

lsstDebug.Info = info
"""
    (tmp_path / "debug.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    assert parse(repo, "--rerun", "me", "--debug").debug is True
    assert Toy()._display == {"postISRCCD": 2}
    assert Toy().part._display == {"postISRCCD": 2}
    monkeypatch.delitem(sys.modules, "debug")
    (tmp_path / "debug.py").write_text("1 / 0")
    assert parse(repo, "--rerun", "me", "--debug").debug is False
    assert "module 'debug' fails: ZeroDivisionError" in capsys.readouterr().err
    monkeypatch.delitem(sys.modules, "lsstDebug")


def test_processes_timeout_and_profile(repo, capsys):
    found = parse(repo, "--rerun", "me", "-j", "3", "-t", "1.5", "--profile", "file")
    assert (found.processes, found.timeout, found.profile) == (3, 1.5, "file")
    found = parse(repo, "--rerun", "me", "--processes", "2", "--timeout", "60")
    assert (found.processes, found.timeout) == (2, 60.0)
    found = parse(repo, "--rerun", "me")
    assert (found.processes, found.timeout, found.profile) == (1, None, None)
    assert "'0' is not a number of processes" in fails(capsys, repo, "-j", "0")
    assert "'nan' is not a number of seconds" in fails(capsys, repo, "-t", "nan")


def test_show_config(repo, capsys):
    out = fails(capsys, repo, "--show", "config", "-c", "gain=3", status=0)
    assert "config.gain=3.0\n" in out
    assert OPENED == []  # a look at the configuration needs no repository
    out = fails(capsys, repo, "--show", "config=*FACTOR", status=0)
    note, doc, field = out.splitlines()
    assert note.startswith('Matching "*FACTOR" without regard to case')
    assert doc == "# What the number is multiplied by."
    assert field == "config.part.factor=2.0"
    assert fails(capsys, repo, "--show", "config=config.Names:NOIGNORECASE", status=0) == (
        "# Some names.\nconfig.Names=['a']\n"
    )
    assert fails(capsys, repo, "--show", "config=names:NOIGNORECASE", status=0) == ""
    with pytest.raises(SystemExit):
        parse(repo, "--show", "config=factr", "history=factr")
    out, err = capsys.readouterr()
    assert err.count("factr: no field has such a name; * stands for any text") == 2
    # what is shown need not be valid
    assert "gain=-1.0" in fails(capsys, repo, "--show", "config=gain", "-c", "gain=-1", status=0)


def test_show_history_and_tasks(repo, capsys):
    out = fails(capsys, repo, "--show", "history=part.fac*", "-c", "part.factor=9", status=0)
    assert "2.0" in out
    assert "9.0" in out
    out = fails(capsys, repo, "--show", "tasks", status=0)
    assert out == "Subtasks:\npart: toys.Part\n"
    assert "wanted history=PATTERN" in fails(capsys, repo, "--show", "history", status=1)
    assert "wanted a pattern" in fails(capsys, repo, "--show", "config=", status=1)
    assert "no such item" in fails(capsys, repo, "--show", "confg", status=1)


def test_show_data_and_run(repo, capsys):
    out = fails(capsys, repo, "--id", "visit=1", "ccd=0", "--show", "data", status=0)
    assert out.startswith("id dataRef.dataId = {'visit': 1, 'ccd': 0")
    found = parse(repo, "--rerun", "me", "--id", "--show", "data", "tasks", "run")
    assert found.show == ("data", "tasks", "run")
    assert capsys.readouterr().out.count("dataRef.dataId") == 6
    assert parse(repo, "--rerun", "me").show == ()


def test_words_from_a_file(repo, tmp_path, capsys):
    file = tmp_path / "words"
    file.write_text(
        "# who\n--rerun me  # where to\n\n--id visit=1 'ccd=0..1'\n-c title='two words'\n"
    )
    found = parse(repo, f"@{file}", "-j", "2")
    assert (found.rerun, found.processes, found.config.title) == (["me"], 2, "two words")
    assert len(found.id.refList) == 2
    file.write_text("-c title='open\n")
    assert "No closing quotation" in fails(capsys, repo, f"@{file}")
    assert "No such file" in fails(capsys, repo, f"@{file}x")


def test_abbreviations(repo, capsys):
    found = parse(repo, "--rer", "me", "--proc", "2", "--clobber-v", "--noE")
    assert (found.rerun, found.processes) == (["me"], 2)
    assert found.clobberVersions
    assert found.noExit
    assert "ambiguous option" in fails(capsys, repo, "--clob")


def test_what_is_parsed_has_no_leftovers(repo):
    found = vars(parse(repo, "--rerun", "me", "--longlog", "-L", "info", "-c", "gain=1"))
    assert not {"configfile", "loglevel", "longlog", "overrides", "rerunText"} & set(found)


def test_names_of_data_ids(repo):
    parser = Toy._makeArgumentParser()
    for name, text in [("--id", "already"), ("--butler", "reserved"), ("config", "reserved")]:
        with pytest.raises(RuntimeError, match=text):
            parser.add_id_argument(name, "raw", "help")


def test_types_of_datasets_that_others_decide(repo, capsys):
    def make(type_):
        parser = ArgumentParser("toy", opener=open_toy)
        parser.add_id_argument("--id", type_, "help")
        return parser

    words = [repo, "--rerun", "me", "--id", "ccd=1"]
    assert (
        parse(*words, "--id_dstype", "raw", parser=make(DatasetArgument())).id.datasetType == "raw"
    )
    assert "--id_dstype" in fails(capsys, *words, parser=make(DatasetArgument()))
    assert (
        parse(*words, parser=make(DatasetArgument("--kind", default="raw"))).id.datasetType == "raw"
    )
    found = parse(repo, "raw", *words[1:], parser=make(DatasetArgument("kind")))
    assert len(found.id.refList) == 2
    config = ToyConfig(title="raw")
    assert (
        len(parse(*words, config=config, parser=make(ConfigDatasetType("title"))).id.refList) == 2
    )
    text = fails(capsys, *words, parser=make(ConfigDatasetType("part.nothing")))
    assert "no field 'part.nothing'" in text
    assert "no type of dataset 'plain'" in fails(
        capsys, *words, parser=make(ConfigDatasetType("title"))
    )


def test_data_that_are_not_looked_up(repo):
    parser = ArgumentParser("toy", opener=open_toy)
    parser.add_id_argument("--id", "raw", "help", doMakeDataRefList=False)
    found = parse(repo, "--rerun", "me", "--id", "ccd=1", parser=parser)
    assert (found.id.idList, found.id.refList) == ([{"ccd": 1}], [])


def test_reuse_outputs_from(repo, capsys):
    parser = Toy._makeArgumentParser()
    parser.add_reuse_option(["bias", "flat", "sky"])
    assert parse(repo, "--rerun", "me", parser=parser).reuse == []
    words = [repo, "--rerun", "me", "--reuse-outputs-from"]
    assert parse(*words, "flat", parser=parser).reuse == ["bias", "flat"]
    assert parse(*words, "all", parser=parser).reuse == ["bias", "flat", "sky"]
    assert "invalid choice" in fails(capsys, *words, "x", parser=parser)


def test_a_parser_that_needs_no_output(repo):
    parser = InputOnlyArgumentParser("toy", opener=open_toy)
    assert parse(repo, parser=parser).output is None


@pytest.mark.parametrize(
    "error",
    [ImportError("needs lsst-daf-butler: pip install"), OSError("broken"), KeyError("broken")],
)
def test_a_repository_that_cannot_be_opened(error, repo, capsys):
    def opener(*args, **words):
        raise error

    text = fails(capsys, repo, "--rerun", "me", parser=ArgumentParser("toy", opener=opener))
    assert text.endswith(f"error: {error.args[0]}\n")

"""``cfhtisr config``: every setting, what it means, what it is and where that came from."""

__all__ = ["add_parser"]

import argparse
import difflib
import fnmatch
from collections.abc import Iterator
from typing import Any

from cfhtisr.cli.arguments import add_configuration

_DESCRIPTION = """\
Show the configuration that 'cfhtisr run' would use with the same options: the meaning of each
field, its value, and where the value came from. With --dump, write it in a form that -C reads.
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand."""
    parser = commands.add_parser(
        "config",
        help="show the settings and their meaning",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "pattern",
        nargs="?",
        default="*",
        help="only fields like this, such as 'overscan*' or fringe.small",
    )
    add_configuration(parser)
    parser.add_argument("--dump", metavar="FILE", help="write all settings to a .py file")
    parser.add_argument("--changed", action="store_true", help="only what is not the default")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the fields that match, or write them all."""
    from cfhtisr import config_files
    from cfhtisr.cli.settings import configuration

    config = configuration(options)
    if options.dump:
        config_files.save(config, options.dump)
        return 0
    changed = config_files.changed(config)
    pattern = options.pattern.lower()
    found = False
    names = []
    for name, value, doc, origin in _fields(config):
        names.append(name)
        last = name.rpartition(".")[2]
        if not any(fnmatch.fnmatch(each.lower(), pattern) for each in (name, last)):
            continue
        found = True
        if options.changed and name not in changed:
            continue
        print(f"{name} = {value!r}")
        for line in doc.splitlines():
            print(f"    {line.strip()}")
        print(f"    [{origin}]")
    if not found:
        lower = {name.lower(): name for name in names}
        near = [lower[name] for name in difflib.get_close_matches(pattern, lower, 3, 0.6)]
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise LookupError(
            f"no field is like {options.pattern!r}{hint} ('cfhtisr config' shows all)"
        )
    return 0


def _fields(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, str, str]]:
    from lsst.pex.config import Config, ConfigurableField

    from cfhtisr.config_files import values_of

    values = values_of(config, prefix)
    for name, field in config._fields.items():
        value = getattr(config, name)
        doc = (field.doc or "").split("\n\n")[0]
        if isinstance(field, ConfigurableField):
            yield prefix + name, values[prefix + name], doc, _origin(config, name)
            yield from _fields(value.value, f"{prefix}{name}.")
        elif isinstance(value, Config):
            yield from _fields(value, f"{prefix}{name}.")
        else:
            plain = values[prefix + name]
            choices = getattr(field, "allowed", None)
            if choices:
                doc += "\n" + "\n".join(f"{key}: {text}" for key, text in choices.items())
            yield prefix + name, plain, doc, _origin(config, name)


def _origin(config: Any, name: str) -> str:
    """Say where the current value was set: the default, or the last place that assigned it."""
    history = config._history.get(name, [])
    if not history or history[-1][2] == "default":
        return "default"
    _, stack, label = history[-1]
    if label == "parity":
        return "default for this parity"
    for frame in reversed(stack):
        if frame.function == "<configuration>":
            item = frame.filename.partition("=")[0].strip()
            if not frame.lineno and item.rpartition(".")[2] in (name, "retarget"):
                return f"-c {frame.filename}"
            return f"{frame.filename}:{frame.lineno}" if frame.lineno else str(frame.filename)
        if frame.filename.endswith("presets.py"):
            return "the preset"
        if frame.function == "setDefaults":
            return "default"
    return "the program"

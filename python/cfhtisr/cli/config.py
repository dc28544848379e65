"""``cfhtisr config``: every setting, what it means, what it is and where that came from."""

__all__ = ["add_parser"]

import argparse
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
        "pattern", nargs="?", default="*", help="only fields like this, such as 'overscan*'"
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
    found = False
    for name, value, doc, origin in _fields(config):
        if not fnmatch.fnmatch(name.lower(), options.pattern.lower()):
            continue
        if options.changed and origin == "default":
            continue
        found = True
        print(f"{name} = {value!r}")
        for line in doc.splitlines():
            print(f"    {line.strip()}")
        print(f"    [{origin}]")
    if not found:
        raise LookupError(f"no field is like {options.pattern!r}; 'cfhtisr config' shows all")
    return 0


def _fields(config: Any, prefix: str = "") -> Iterator[tuple[str, Any, str, str]]:
    from lsst.pex.config import Config, ConfigurableField

    for name, field in config._fields.items():
        value = getattr(config, name)
        doc = (field.doc or "").split("\n\n")[0]
        if isinstance(field, ConfigurableField):
            target = value.target
            path = f"{target.__module__}.{target.__qualname__}"
            yield prefix + name, path, doc, _origin(config, name)
            yield from _fields(value.value, f"{prefix}{name}.")
        elif isinstance(value, Config):
            yield from _fields(value, f"{prefix}{name}.")
        else:
            plain = value if isinstance(value, str) else _plain(value)
            choices = getattr(field, "allowed", None)
            if choices:
                doc += "\n" + "\n".join(f"{key}: {text}" for key, text in choices.items())
            yield prefix + name, plain, doc, _origin(config, name)


def _plain(value: Any) -> Any:
    """Return lists and mappings of the configuration library as Python's own."""
    if hasattr(value, "items"):
        return dict(value.items())
    if hasattr(value, "__iter__"):
        return list(value)
    return value


def _origin(config: Any, name: str) -> str:
    """Say where the current value was set: the default, or the last place that assigned it."""
    history = config._history.get(name, [])
    if not history or history[-1][2] == "default":
        return "default"
    _, stack, label = history[-1]
    if label != "assignment":
        return str(label)
    for frame in reversed(stack):
        if frame.function == "<configuration>":
            return frame.filename if not frame.lineno else f"{frame.filename}:{frame.lineno}"
        if frame.filename.endswith("presets.py"):
            return "the preset"
        if frame.function == "setDefaults":
            return "default"
    return "the program"

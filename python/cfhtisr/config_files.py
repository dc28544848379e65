"""Configuration files are data: they are read, never executed.

Three forms are understood: TOML, YAML, and the Python form that ``pex_config`` itself saves.
Of the last, import and assert lines are skipped, ``config.a.b = literal`` is an assignment,
``config.a.retarget(...)`` swaps a subtask for one of ours or a registered plug-in, and
everything else is refused, unless the caller says that code is wanted.
"""

__all__ = [
    "ConfigFileError",
    "UnknownFieldError",
    "apply",
    "apply_item",
    "changed",
    "field_names",
    "save",
    "values_of",
]

import ast
import contextlib
import difflib
import importlib
import importlib.metadata
import math
import os
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PLUGIN_GROUP = "cfhtisr.tasks"
"""The group of entry points under which other packages register their tasks."""

_LARGEST = 1 << 20  # no configuration has a million characters


class ConfigFileError(ValueError):
    """A configuration that cannot be applied; the text says where and why."""


class UnknownFieldError(ConfigFileError, AttributeError):
    """A field that the configuration does not have."""


@dataclass(frozen=True)
class _Item:
    """One assignment, or one swap of a subtask."""

    name: str  # dotted
    value: Any
    file: str
    line: int
    retarget: bool = False

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


def apply(config: Any, path: str | os.PathLike[str], *, allow_code: bool = False) -> None:
    """Change a configuration as a file says.

    Parameters
    ----------
    config : Config
        What is changed, in the order of the file.
    path : path-like
        A file of TOML (``.toml``), YAML (``.yaml``, ``.yml``) or the form that
        ``pex_config`` saves (``.py``).
    allow_code : bool, optional
        Execute a ``.py`` file as ``pex_config`` would. It can then do whatever a program can.

    Raises
    ------
    ConfigFileError
        If the file cannot be read as data, or a value is refused: file, line and reason.
    UnknownFieldError
        If the configuration has no such field: file, line, name, and names like it.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in (".py", ".toml", ".yaml", ".yml"):
        raise ConfigFileError(f"{path}: wanted a file named *.toml, *.yaml, *.yml or *.py")
    if suffix == ".py" and allow_code:
        config.load(str(path))
        return
    with open(path, "rb") as file:
        data = file.read(_LARGEST + 1)
    if len(data) > _LARGEST:
        raise ConfigFileError(f"{path}: larger than {_LARGEST} bytes, this is no configuration")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise ConfigFileError(f"{path}: not UTF-8 text ({error.reason})") from None
    read = {".py": _read_python, ".toml": _read_toml}.get(suffix, _read_yaml)
    try:
        items = list(read(text, str(path), config))
    except RecursionError:
        raise ConfigFileError(f"{path}: nested too deeply") from None
    for item in items:
        _apply(config, item)


def apply_item(config: Any, item: str) -> None:
    """Change a configuration as ``name=value`` says.

    Parameters
    ----------
    config : Config
        What is changed.
    item : str
        Such as ``doBias=False``, ``fringe.filters=i,i2,z`` or ``gain=1.6``.

    Raises
    ------
    ConfigFileError
        If it is no assignment, or the value is refused.
    UnknownFieldError
        If the configuration has no such field.
    """
    name, equals, text = item.partition("=")
    name = name.strip().removeprefix("config.")
    if not equals or not name:
        raise ConfigFileError(f"{item!r}: wanted name=value")
    where = _Item(name, text.strip(), item, 0, name.endswith(".retarget"))
    if where.retarget:
        _apply(config, _Item(name.removesuffix(".retarget"), where.value, item, 0, True))
        return
    owner, last = _owner(config, where)
    _apply(config, _Item(name, _from_text(owner._fields[last], where.value), item, 0))


def save(config: Any, path: str | os.PathLike[str]) -> None:
    """Write a configuration so that `apply` and ``pex_config`` can read it.

    The file appears whole or not at all.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "x", encoding="utf-8") as file:
            file.write(config.saveToString())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.errno is not None:
            # Of the temporary name nobody has heard.
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise


def field_names(config: Any, prefix: str = "") -> Iterator[str]:
    """Yield the dotted name of every field that has a value of its own."""
    for name in config._fields:
        inner = _inner(getattr(config, name))
        if inner is None:
            yield prefix + name
        else:
            yield from field_names(inner, f"{prefix}{name}.")


def values_of(config: Any, prefix: str = "") -> dict[str, Any]:
    """Return the value of every field by its dotted name, of a subtask the path of its class."""
    found: dict[str, Any] = {}
    for name in config._fields:
        value = getattr(config, name)
        inner = _inner(value)
        target = getattr(value, "target", None)
        if target is not None:
            found[prefix + name] = f"{target.__module__}.{target.__qualname__}"
        if inner is not None:
            found |= values_of(inner, f"{prefix}{name}.")
        elif target is None:
            found[prefix + name] = _python_own(value)
    return found


def changed(config: Any) -> dict[str, Any]:
    """Return the values that differ from the defaults of the configuration's class."""
    usual = values_of(type(config)())
    missing = object()
    now = values_of(config)
    # By what is written: NaN is no other value than NaN, and True is another than 1.
    return {n: v for n, v in now.items() if repr(v) != repr(usual.get(n, missing))}


def _python_own(value: Any) -> Any:
    """Return lists and mappings of the configuration library as Python's own."""
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return value
    return dict(value.items()) if hasattr(value, "items") else list(value)


def _inner(value: Any) -> Any:
    """Return the configuration inside a value, or None if there is none."""
    from lsst.pex.config import Config, ConfigurableInstance

    if isinstance(value, ConfigurableInstance):
        return value.value
    return value if isinstance(value, Config) else None


# Applying


def _owner(config: Any, item: _Item) -> tuple[Any, str]:
    """Return the configuration that has the field, and the last part of the name."""
    here = config
    *path, last = item.name.split(".")
    for part in path:
        here = _inner(getattr(here, part)) if part in here._fields else None
        if here is None:
            raise _unknown(config, item)
    if last not in here._fields:
        raise _unknown(config, item)
    return here, last


def _unknown(config: Any, item: _Item) -> UnknownFieldError:
    names = list(field_names(config))
    last = item.name.rpartition(".")[2]
    near = [name for name in names if name.rpartition(".")[2].lower() == last.lower()]
    lower = {name.lower(): name for name in names}
    near += [lower[name] for name in difflib.get_close_matches(item.name.lower(), lower, 3, 0.7)]
    near = list(dict.fromkeys(near))[:3]
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    kind = type(config).__name__
    return UnknownFieldError(f"{item.where}: {kind} has no field {item.name!r}{hint}")


def _apply(config: Any, item: _Item) -> None:
    from lsst.pex.config.callStack import StackFrame

    owner, last = _owner(config, item)
    frame = StackFrame(item.file, item.line, "<configuration>", f"{item.name}={item.value!r}")
    current = getattr(owner, last)
    if item.retarget:
        if not hasattr(current, "retarget"):
            raise ConfigFileError(f"{item.where}: {item.name!r} is no subtask to be swapped")
        current.retarget(_task(item), at=[frame])
        return
    if _inner(current) is not None:
        raise ConfigFileError(
            f"{item.where}: {item.name!r} is a group of fields, wanted a value for one of them"
        )
    try:
        owner.__setattr__(last, _fit(owner._fields[last], item.value), at=[frame])
    except (TypeError, ValueError) as error:
        reason = str(error).partition("\nFor more")[0]
        raise ConfigFileError(f"{item.where}: {' '.join(reason.split())}") from None


def _fit(field: Any, value: Any) -> Any:
    """Return what YAML and TOML cannot say otherwise: 1e5 is text to YAML, a number to us."""
    if getattr(field, "dtype", None) is float and isinstance(value, str):
        with contextlib.suppress(ValueError):
            return float(value)
    return value


def _from_text(field: Any, text: str) -> Any:
    """Return the value of a field from what was typed for it."""
    from lsst.pex.config import DictField, ListField

    if text.lower() in ("none", "null") and getattr(field, "optional", False):
        return None
    if isinstance(field, ListField) and not text.startswith(("[", "(")):
        parts = [part.strip() for part in text.split(",")] if text else []
        return [_one(field.itemtype, part) for part in parts]
    if isinstance(field, ListField | DictField):
        value = _one(None, text)
        if isinstance(value, str):  # which a list would take letter by letter
            wanted = "i,z or ['i', 'z']" if isinstance(field, ListField) else "{'key': 'value'}"
            raise ConfigFileError(f"{text} cannot be read, wanted something like {wanted}")
        return value
    return _one(field.dtype, text)


def _one(type_: Any, text: str) -> Any:
    words = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
    if type_ is bool and text.lower() in words:
        return words[text.lower()]
    if type_ is float:
        with contextlib.suppress(ValueError):
            return float(text)
    try:
        value = _literal(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text
    return text if type_ is str and not isinstance(value, str) else value


def _task(item: _Item) -> Any:
    """Return the class of a subtask, if it is ours or registered."""
    from cfhtisr.pipe import Task

    dotted = str(item.value).replace(":", ".")
    module, _, name = dotted.rpartition(".")
    plugins = {
        entry.value.replace(":", "."): entry
        for entry in importlib.metadata.entry_points(group=PLUGIN_GROUP)
    }
    found: Any = None
    if dotted in plugins:
        found = plugins[dotted].load()
    elif re.fullmatch(r"cfhtisr(\.[a-z][a-z_0-9]*)+", module) and ".cli" not in module:
        with contextlib.suppress(ImportError):
            found = getattr(importlib.import_module(module), name, None)
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise ConfigFileError(
            f"{item.where}: cannot swap {item.name} for {dotted!r}: it is neither a task of "
            f"cfhtisr nor registered in the group {PLUGIN_GROUP!r} of entry points"
        )
    return found


# Reading


def _read_toml(text: str, file: str, config: Any) -> Iterator[_Item]:
    try:
        tree = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigFileError(f"{file}: {error}") from None
    lines: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if head := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
            table = _dotted(head[1]) + "."
        elif pair := re.match(r"\s*([\w\"'.\- ]+?)\s*=", line):
            lines.setdefault(table + _dotted(pair[1]), number)
    yield from _leaves(tree, config, file, lines)


def _dotted(key: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in key.split("."))


def _leaves(tree: Any, config: Any, file: str, lines: dict[str, int]) -> Iterator[_Item]:
    """Yield the values of a tree of tables; a table is a value where the field is a mapping."""

    def walk(part: Any, prefix: str, group: Any) -> Iterator[_Item]:
        for key, value in part.items():
            name = f"{prefix}{key}"
            fields = getattr(group, "_fields", {})
            inner = _inner(getattr(group, key)) if key in fields else None
            if key == "retarget" and prefix:
                yield _Item(prefix[:-1], value, file, lines.get(name, 0), True)
            elif isinstance(value, dict) and (inner is not None or key not in fields) and value:
                yield from walk(value, f"{name}.", inner)
            else:
                yield _Item(name, value, file, lines.get(name, 0))

    yield from walk(tree, "", config)


def _read_yaml(text: str, file: str, config: Any) -> Iterator[_Item]:
    import yaml

    try:
        tree = yaml.safe_load(text)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigFileError(f"{file}: {' '.join(str(error).split())}") from None
    if tree is None:
        return
    if not isinstance(tree, dict):
        raise ConfigFileError(f"{file}: wanted fields and values, such as doBias: false")
    lines: dict[str, int] = {}
    seen: set[int] = set()

    def mark(node: Any, prefix: str) -> None:
        if id(node) in seen or not isinstance(node, yaml.MappingNode):
            return
        seen.add(id(node))
        for key, value in node.value:
            name = f"{prefix}{key.value}"
            lines[name] = key.start_mark.line + 1
            mark(value, f"{name}.")

    mark(root, "")
    tree = {str(key): value for key, value in tree.items()}
    # `isr.doBias: true` is as good as a nested mapping.
    yield from _leaves(tree, config, file, lines)


def _read_python(text: str, file: str, config: Any) -> Iterator[_Item]:
    try:
        module = ast.parse(text, file)
    except (SyntaxError, ValueError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        raise ConfigFileError(f"{file}:{line}: no Python: {error}") from None
    imported: dict[str, str] = {}
    for node in module.body:
        where = f"{file}:{node.lineno}"
        if isinstance(node, ast.Import):
            for alias in node.names:
                imported[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                imported[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Assert):
            _check_kind(node.test, config, where)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            name = _name(node.targets[0])
            if name is None:
                raise _refusal(where, "only fields of config can be assigned to")
            try:
                value = _literal(node.value)
            except ValueError as error:
                raise _refusal(where, f"config.{name} is not given as a literal: {error}") from None
            yield _Item(name, value, file, node.lineno)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield _retarget(node.value, imported, file, node.lineno)
        else:
            kind = type(node).__name__
            raise _refusal(where, f"a statement of kind {kind} would have to be executed")


def _refusal(where: str, reason: str) -> ConfigFileError:
    return ConfigFileError(f"{where}: {reason}; a configuration file is read, not executed")


def _name(node: ast.expr) -> str | None:
    """Return ``a.b`` of ``config.a.b``, or None."""
    parts = _attributes(node)
    return ".".join(parts[1:]) if parts and parts[0] == "config" and len(parts) > 1 else None


def _attributes(node: ast.expr) -> list[str] | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *parts[::-1]] if isinstance(node, ast.Name) else None


def _check_kind(test: ast.expr, config: Any, where: str) -> None:
    """Refuse what was saved from another configuration class of ours."""
    if not (isinstance(test, ast.Compare) and isinstance(test.left, ast.Call)):
        return
    parts = _attributes(test.comparators[0])
    saved = ".".join(parts) if parts else ""
    kind = f"{type(config).__module__}.{type(config).__name__}"
    if saved.startswith("cfhtisr.") and saved != kind:
        raise ConfigFileError(f"{where}: this is a file for {saved}, wanted one for {kind}")


def _retarget(call: ast.Call, imported: dict[str, str], file: str, line: int) -> _Item:
    where = f"{file}:{line}"
    name = _name(call.func)
    if name is None or not name.endswith(".retarget"):
        raise _refusal(where, f"a call of {ast.unparse(call.func)} would have to be executed")
    targets = call.args[:1] + [word.value for word in call.keywords if word.arg == "target"]
    others = [word.arg for word in call.keywords if word.arg not in ("target", "ConfigClass")]
    if len(targets) != 1 or len(call.args) > 2 or others:
        raise _refusal(where, "retarget takes a target and a ConfigClass")
    parts = _attributes(targets[0])
    if parts is None:
        raise _refusal(where, "the target of retarget is not given by its name")
    parts[0] = imported.get(parts[0], parts[0])
    return _Item(name.removesuffix(".retarget"), ".".join(parts), file, line, True)


def _literal(node: ast.expr) -> Any:
    """Return the value of a literal, with float('nan') and its like.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    match node:
        case ast.Constant(value=value) if isinstance(value, bool | int | float | str | None):
            return value
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            value = _literal(operand)
            if isinstance(value, int | float) and not isinstance(value, bool):
                return -value if isinstance(sign, ast.USub) else value
        case ast.List(elts=elements):
            return [_literal(element) for element in elements]
        case ast.Tuple(elts=elements):
            return tuple(_literal(element) for element in elements)
        case ast.Dict(keys=keys, values=values) if None not in keys:
            return {_literal(k): _literal(v) for k, v in zip(keys, values, strict=True) if k}
        case ast.Name(id="nan"):
            return math.nan
        case ast.Name(id="inf"):
            return math.inf
        case ast.Call(func=ast.Name(id="float"), args=[ast.Constant(value=str() as text)]) if (
            not node.keywords
        ):
            return float(text)
    raise ValueError(f"{ast.unparse(node)[:60]!r}")

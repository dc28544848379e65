"""What a repository of LSST's second generation stands on."""

__all__ = ["roots"]

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from cfhtisr.butler.errors import RepositoryError

_LINK = "_parent"
_CONFIG = "repositoryCfg.yaml"
_MAX_CONFIG = 1_000_000


def roots(old: str | os.PathLike[str]) -> list[Path]:
    """Return the folder of a repository, and those that it stands on, in the order of search.

    These are the target of the link ``_parent``, as old repositories have it, and the parents in
    ``repositoryCfg.yaml``, as later ones do.

    Raises
    ------
    RepositoryError
        If there is no such folder, or its ``repositoryCfg.yaml`` cannot be read.
    """
    folder = Path(old).absolute()
    if not folder.is_dir():
        raise RepositoryError(f"{folder}: there is no such folder, wanted a repository")
    found: dict[str, Path] = {}
    waiting = [folder]
    while waiting:
        folder = waiting.pop(0)
        real = os.path.realpath(folder)
        if real in found or not folder.is_dir():
            continue
        found[real] = folder
        waiting = [*_parents(folder), *waiting]  # depth first
    return list(found.values())


def _parents(folder: Path) -> Iterator[Path]:
    if (folder / _LINK).is_dir():
        # Resolved, lest the paths of files lead through all that stands on them.
        yield Path(os.path.realpath(folder / _LINK))
    config = folder / _CONFIG
    if not config.is_file():
        return
    try:
        if config.stat().st_size > _MAX_CONFIG:
            raise RepositoryError(f"{config}: has more than {_MAX_CONFIG} bytes")
        facts = yaml.load(config.read_bytes(), _Loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise RepositoryError(f"{config}: cannot be read: {reason}") from error
    parents = facts.get("_parents") if isinstance(facts, dict) else None
    for parent in parents if isinstance(parents, list) else ():
        place = parent.get("_root") if isinstance(parent, dict) else parent
        if isinstance(place, str) and place and "\0" not in place:
            yield Path(os.path.realpath(folder / place.removeprefix("file://")))


class _Loader(yaml.SafeLoader):
    """Reads the objects of other software as plain mappings; makes none of them."""


def _plain(loader: _Loader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return None


for _tag in ("!", "tag:yaml.org,2002:python/"):
    _Loader.add_multi_constructor(_tag, _plain)

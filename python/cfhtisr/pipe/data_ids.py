"""Data ids of a command line: typed as text, expanded, cast, and looked up."""

__all__ = ["DataIdContainer", "DataIdError", "expand", "expand_value"]

import argparse
import itertools
import logging
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

_MOST = 1_000_000  # no night has so many CCDs; a range with a zero too many does
_RANGE = re.compile(r"(\d+)\.\.(\d+)(?::(\d+))?", re.ASCII)

_log = logging.getLogger(__name__)


class DataIdError(RuntimeError):
    """A data id that cannot be what was meant."""


def expand_value(text: str) -> list[str]:
    """Return the alternatives that a value stands for.

    Parameters
    ----------
    text : str
        Alternatives with ``^`` between them; of whole numbers also ranges, both ends included,
        ``a..b`` or, in steps of s, ``a..b:s``.

    Raises
    ------
    DataIdError
        If a range is empty, has no step, or is far too long.

    Examples
    --------
    >>> expand_value("0^2..4^7..9")
    ['0', '2', '3', '4', '7', '8', '9']
    >>> expand_value("1..5:2")
    ['1', '3', '5']
    >>> expand_value("1,1")
    ['1,1']
    """
    values: list[str] = []
    for part in text.split("^"):
        match = _RANGE.fullmatch(part)
        if match is None:
            values.append(part)
            continue
        if max(map(len, match.groups(""))) > 18:
            raise DataIdError(f"{part!r}: wanted numbers of at most 18 digits")
        first, last, step = int(match[1]), int(match[2]), int(match[3] or 1)
        if step == 0:
            raise DataIdError(f"{part!r}: wanted a step of at least 1")
        if last < first:
            raise DataIdError(f"{part!r}: the range is empty, {last} is below {first}")
        if len(values) + (last - first) // step >= _MOST:
            raise DataIdError(f"{part!r}: stands for more than {_MOST} values")
        values += map(str, range(first, last + 1, step))
    return values


def expand(words: Iterable[str]) -> list[dict[str, str]]:
    """Return the data ids that ``KEY=VALUE`` words stand for.

    Parameters
    ----------
    words : iterable of str
        A word for each key; its value may stand for several, see `expand_value`.

    Returns
    -------
    ids : list of dict
        All combinations, those of the first key varying slowest. Without words, one empty
        data id.

    Raises
    ------
    DataIdError
        If a word has no ``=``, a key comes twice, or the combinations are far too many.

    Examples
    --------
    >>> expand(["visit=1^2", "ccd=0..1"])[1]
    {'visit': '1', 'ccd': '1'}
    """
    alternatives: dict[str, list[str]] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise DataIdError(f"{word!r}: wanted KEY=VALUE, such as ccd=0..35")
        if key in alternatives:
            raise DataIdError(f"key {key!r} is given twice; write {key}=A^B for several values")
        alternatives[key] = expand_value(text)
    if math.prod(map(len, alternatives.values())) > _MOST:
        raise DataIdError(f"these are more than {_MOST} data ids: {' '.join(alternatives)}")
    keys = list(alternatives)
    combinations = itertools.product(*alternatives.values())
    return [dict(zip(keys, values, strict=True)) for values in combinations]


class DataIdContainer:
    """What was given for one option of data ids.

    Parameters
    ----------
    level : str, optional
        Level of the data references, such as ``ccd``; None is the butler's own.

    Attributes
    ----------
    idList : list of dict
        The data ids, as they were typed; cast to the types of their keys by `castDataIds`.
    refList : list
        The data references that are there.
    datasetType : str or None
        The type of dataset.
    level : str or None
        The level.
    """

    def __init__(self, level: str | None = None) -> None:
        self.level = level
        self.datasetType: str | None = None
        self.idList: list[dict[str, Any]] = []
        self.refList: list[Any] = []

    def setDatasetType(self, datasetType: str) -> None:
        """Set the type of dataset, once it is known."""
        self.datasetType = datasetType

    def castDataIds(self, butler: Any) -> None:
        """Give each value the type that its key has in the butler.

        Parameters
        ----------
        butler : object with ``getKeys``
            The repository. It may have ``otherKeys``, keys and types that it takes as well.

        Raises
        ------
        RuntimeError
            If there is no such type of dataset, or a value does not fit.
        """
        if self.datasetType is None:
            raise RuntimeError("the type of dataset is not known: setDatasetType comes first")
        try:
            types = butler.getKeys(datasetType=self.datasetType, level=self.level)
        except (KeyError, LookupError, ValueError) as error:
            raise DataIdError(
                f"there is no type of dataset {self.datasetType!r} at level {self.level!r} "
                f"({_text(error)})"
            ) from error
        others = getattr(butler, "otherKeys", {})
        unknown: set[str] = set()
        for dataId in self.idList:
            for key, value in dataId.items():
                type_ = types.get(key, others.get(key))
                if type_ is None:
                    unknown.add(key)
                    type_ = str
                dataId[key] = _cast(key, value, type_)
        for key in sorted(unknown):
            _log.warning(
                "%s of --id is no key of %s, taken as text; there are %s",
                *(key, self.datasetType, ", ".join(sorted(types))),
            )

    def makeDataRefList(self, namespace: argparse.Namespace) -> None:
        """Look up the data references of all data ids; those without data are left out.

        Parameters
        ----------
        namespace : Namespace
            What was parsed; its ``butler`` is asked.
        """
        if self.datasetType is None:
            raise RuntimeError("the type of dataset is not known: setDatasetType comes first")
        for dataId in self.idList:
            found = namespace.butler.subset(
                datasetType=self.datasetType, level=self.level, dataId=dict(dataId)
            )
            there = [ref for ref in found if data_exists(ref, self.datasetType)]
            if not there:
                log = getattr(namespace, "log", None)
                if log is None or log is logging.getLogger():
                    log = _log  # lines of the root would not say whose they are
                log.warning("No data found for dataId=%s", dataId)
            self.refList += there


def data_exists(ref: Any, datasetType: str) -> bool:
    """Whether a data reference, or anything below it, has data."""
    subs = list(ref.subItems()) if hasattr(ref, "subItems") else []
    if subs:
        return any(data_exists(sub, datasetType) for sub in subs)
    if ref.datasetExists(datasetType=datasetType):
        return True
    lost = getattr(ref, "lostFile", lambda datasetType: None)(datasetType)
    if lost is None:
        return False
    _log.error("The file of %s is gone: %s", ref.dataId, lost)
    return True  # it is to fail, and not to be forgotten


def _cast(key: str, value: Any, type_: Any) -> Any:
    if isinstance(value, type_):
        return value
    try:
        return type_(value)
    except (TypeError, ValueError):
        name = getattr(type_, "__name__", str(type_))
        raise DataIdError(f"{key}={value}: wanted a value of type {name}") from None


def _text(error: BaseException) -> str:
    return str(error.args[0] if error.args else type(error).__name__)


class IdAction(argparse.Action):
    """Add data ids to the container of the option."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Sequence[str] | Any,
        option_string: str | None = None,
    ) -> None:
        """Expand the words of one option."""
        container: DataIdContainer = getattr(namespace, self.dest)
        try:
            container.idList += expand(values)
        except DataIdError as error:
            parser.error(f"{option_string}: {error}")

"""The log of a command: levels, layouts, and the data id that a message is about."""

__all__ = ["LogSetup", "label", "parse_level"]

import contextlib
import contextvars
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

TRACE, FATAL = 5, logging.CRITICAL
LEVELS = {
    "TRACE": TRACE,
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
    "FATAL": FATAL,
}
_NAMES = {number: name for name, number in LEVELS.items()}

_label: contextvars.ContextVar[str] = contextvars.ContextVar("label", default="")


@contextlib.contextmanager
def label(text: str) -> Iterator[None]:
    """Let messages within the block be about something, such as a data id."""
    token = _label.set(text)
    try:
        yield
    finally:
        _label.reset(token)


def parse_level(text: str) -> tuple[str, int]:
    """Return the component, empty for all, and the level that a word stands for.

    Parameters
    ----------
    text : str
        ``LEVEL`` or ``COMPONENT=LEVEL``, in letters of any case.

    Raises
    ------
    ValueError
        If there is no such level; numbers are none.
    """
    component, equals, level = text.rpartition("=")
    number = LEVELS.get(level.upper())
    if number is None or (equals and not component):
        raise ValueError(
            f"{text!r}: wanted LEVEL or COMPONENT=LEVEL, with one of {', '.join(LEVELS)}"
        )
    return component, number


class _Layout(logging.Formatter):
    """The short layout, or the long one."""

    def __init__(self, long: bool) -> None:
        super().__init__()
        self._long = long

    def format(self, record: logging.LogRecord) -> str:
        level = _NAMES.get(record.levelno, record.levelname)
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        if not self._long:
            return f"{record.name} {level}: {text}"
        when = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        about = f"({_label.get()})" if _label.get() else "()"
        place = f"{record.filename}:{record.lineno}"
        return f"{level:<5} {when}Z {record.name} {about} {place} - {text}"


class _ToStandardOutput(logging.Handler):
    """Writes lines to whatever standard output is at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stdout.write(f"{self.format(record)}\n")
            sys.stdout.flush()
        except BrokenPipeError:
            # Whoever read the log has gone; the work goes on without.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except RecursionError:
            raise
        except Exception:
            self.handleError(record)


_handler = _ToStandardOutput()


@dataclass
class LogSetup:
    """How the log looks; it can be sent to another process, and set up there.

    Parameters
    ----------
    long : bool
        With level, time, data id and place in the source.
    levels : dict of str to int
        The level of each component; that of the empty name is for all.
    """

    long: bool = False
    levels: dict[str, int] = field(default_factory=dict)

    def apply(self, log: logging.Logger | None = None) -> None:
        """Set the levels, and write to standard output.

        A program that has set up its own log keeps it, unless it asks for the long layout.

        Parameters
        ----------
        log : Logger, optional
            The log of the run, which has the level of the empty name; the root by default.
        """
        root = logging.getLogger()
        others = [handler for handler in root.handlers if handler is not _handler]
        if not others or self.long:
            _handler.setFormatter(_Layout(self.long))
            if _handler not in root.handlers:
                root.addHandler(_handler)
            (log or root).setLevel(logging.INFO)
        elif _handler in root.handlers:
            _handler.setFormatter(_Layout(self.long))
        for component, level in self.levels.items():
            (logging.getLogger(component) if component else log or root).setLevel(level)

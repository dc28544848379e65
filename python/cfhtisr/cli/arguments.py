"""Arguments that several subcommands share."""

__all__ = ["add_configuration", "positive", "positive_number", "size"]

import argparse
import math


def positive(text: str) -> int:
    """Read a whole number of at least 1."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number


def size(text: str) -> int:
    """Read a number of bytes, such as ``2G``, ``800M`` or ``1500000000``."""
    units = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
    number = text.strip().upper().removesuffix("B")
    factor = units.get(number[-1:], 1)
    try:
        found = int(float(number.rstrip("KMGT")) * factor)
    except (ValueError, OverflowError):
        found = 0
    if found < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no size, such as 2G or 800M")
    return found


def positive_number(text: str) -> float:
    """Read a finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not (number > 0 and math.isfinite(number)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return number


def add_configuration(parser: argparse.ArgumentParser) -> None:
    """Add the options that set configuration fields."""
    group = parser.add_argument_group("configuration", "applied from left to right")
    group.add_argument(
        "--preset",
        choices=["lsst-v17"],
        help="start from a named set: LSST's CFHT set-up",
    )
    group.add_argument(
        "-C",
        "--config-file",
        metavar="FILE",
        action=_InOrder,
        dest="overrides",
        default=[],
        help="settings from a .toml, .yaml or saved .py file (read, never executed)",
    )
    group.add_argument(
        "-c",
        "--config",
        metavar="KEY=VALUE",
        action=_InOrder,
        dest="overrides",
        help="one setting, such as overscanFitType=MEDIAN; see 'cfhtisr config'",
    )
    group.add_argument(
        "--allow-code",
        action="store_true",
        help="execute a .py configuration file that is more than settings",
    )


class _InOrder(argparse.Action):
    """Keep -c and -C in one list, in the order of the call."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        kind = "item" if option_string in ("-c", "--config") else "file"
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), (kind, values)])

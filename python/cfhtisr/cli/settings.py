"""The configuration that a command line asks for."""

__all__ = ["configuration", "match_calibrations", "validate"]

import argparse

from cfhtisr import config_files
from cfhtisr.batch.calibrations import KINDS, CalibrationPaths
from cfhtisr.tasks import presets
from cfhtisr.tasks.cfht import CfhtIsrTaskConfig

_FLAGS = {"bias": "doBias", "dark": "doDark", "flat": "doFlat", "fringe": "doFringe"} | {
    "defects": "doDefect"
}
# Without the file the configuration says whether.
_BY_FILE = {"crosstalk": "doCrosstalk", "linearizer": "doLinearize"}


def configuration(options: argparse.Namespace) -> CfhtIsrTaskConfig:
    """Return the defaults, the preset, then the overrides from left to right."""
    config = CfhtIsrTaskConfig()
    if options.preset:
        presets.apply(config, options.preset)
    for kind, value in options.overrides:
        if kind == "file":
            config_files.apply(config, value, allow_code=options.allow_code)
        else:
            config_files.apply_item(config, value)
    return config


def match_calibrations(
    config: CfhtIsrTaskConfig, paths: CalibrationPaths, overrides: list[tuple[str, str]]
) -> list[str]:
    """Switch each correction on or off as its calibration is given; return those that are off.

    Raises
    ------
    ValueError
        If the call asks for a correction by name and gives no calibration, or the reverse.
    """
    items = [value for kind, value in overrides if kind == "item" and "=" in value]
    asked = {}
    for item in items:
        name, _, text = item.partition("=")
        asked[name.strip().removeprefix("config.")] = text.strip()
    off = []
    for kind in (*KINDS, "defects"):
        flag, given = _FLAGS[kind], getattr(paths, kind) is not None
        if flag in asked and getattr(config, flag) != given:
            problem = f", but no --{kind}" if not given else f" and --{kind}, which contradict"
            raise ValueError(f"the call has -c {flag}={asked[flag]}{problem}")
        setattr(config, flag, given)
        if not given:
            off.append(kind)
    for kind, flag in _BY_FILE.items():
        if getattr(paths, kind) is None:
            continue
        if flag in asked and not getattr(config, flag):
            raise ValueError(f"the call has -c {flag}={asked[flag]} and --{kind}, which contradict")
        setattr(config, flag, True)
    if paths.crosstalk is not None and config.crosstalk.useConfigCoefficients:
        raise ValueError(
            "crosstalk.useConfigCoefficients is set and --crosstalk is given, which contradict"
        )
    return off


def validate(config: CfhtIsrTaskConfig) -> None:
    """Check all fields, and that they agree.

    Raises
    ------
    ValueError
        If they do not; the text is one line.
    """
    try:
        config.validate()
    except ValueError as error:
        raise ValueError(" ".join(str(error).partition("\nFor more")[0].split())) from None

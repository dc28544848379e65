"""What a product was made of, written into it: settings, inputs, and a fingerprint of both."""

__all__ = ["FINGERPRINT", "fingerprint", "of_config", "of_inputs"]

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cfhtisr import __version__
from cfhtisr.config_files import changed, values_of

FINGERPRINT = "JOB"
INPUTS = ("raw", "bias", "dark", "flat", "fringes", "defects", "crosstalk", "linearizer")
"""What has an identity, in the order in which it is told."""


def of_config(config: Any) -> dict[str, str]:
    """Return a digest of all settings, and those that are not the default.

    Parameters
    ----------
    config : IsrTaskConfig
        The configuration of the ISR task.
    """
    settings = json.dumps(values_of(config), sort_keys=True, default=repr)
    facts = {"CONFIG": hashlib.sha256(settings.encode()).hexdigest()}
    for name, value in changed(config).items():
        facts[f"CONFIG {name}"] = value if type(value) is str else repr(value)
    return facts


def of_inputs(settings: Mapping[str, str], identities: Mapping[str, str]) -> dict[str, str]:
    """Return the facts of a product, with their fingerprint.

    Parameters
    ----------
    settings : mapping of str to str
        As of `of_config`.
    identities : mapping of str to str
        What was used, by the names of `INPUTS`: file and sum of its data, or why it was not.
    """
    told = {name.upper(): identities[name] for name in INPUTS if name in identities}
    facts = {**settings, **told}
    return {**facts, FINGERPRINT: fingerprint(facts)}


def fingerprint(facts: Mapping[str, str]) -> str:
    """Return what tells a product from one of other inputs, settings or another version."""
    text = json.dumps({"version": __version__, **facts}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()

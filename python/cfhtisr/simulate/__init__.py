"""A MegaCam exposure with known truth: raw frames, masters, defects and what was put in."""

__all__ = ["Settings", "SimulatedSet", "exposure"]

from cfhtisr.simulate.files import SimulatedSet, exposure
from cfhtisr.simulate.settings import Settings

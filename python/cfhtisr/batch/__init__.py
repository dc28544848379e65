"""Whole exposures: many raws, many CCDs, their calibrations, one report.

The task corrects one CCD that somebody hands to it; this package does the handing.
"""

__all__ = ["CalibrationPaths", "Outcome", "Plan", "Report", "run"]

from cfhtisr.batch.calibrations import CalibrationPaths
from cfhtisr.batch.correct import Plan
from cfhtisr.batch.report import Outcome, Report
from cfhtisr.batch.runner import run

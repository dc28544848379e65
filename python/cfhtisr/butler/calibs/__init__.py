"""Calibrations: what is in their files, and from when to when each of them holds."""

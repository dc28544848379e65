"""The correction as LSST's tasks."""

"""FITS files in and out."""

__all__ = ["read_exposure", "write_exposure"]

from cfhtisr.io.exposure_file import read_exposure, write_exposure

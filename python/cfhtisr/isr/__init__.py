"""Corrections as plain functions: arrays and values in, changed in place, nothing else seen."""

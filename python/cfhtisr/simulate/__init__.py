"""MegaCam exposures with known truth."""

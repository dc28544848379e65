"""A MegaCam exposure with known truth: raw frames, masters, defects and what was put in."""

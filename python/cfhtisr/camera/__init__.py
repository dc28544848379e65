"""The CCDs of MegaCam and their amplifiers."""

"""Every kernel again, so plain that reading it is enough to trust it."""

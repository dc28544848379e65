"""The frame that tasks live in."""

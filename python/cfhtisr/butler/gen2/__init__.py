"""From repositories of LSST's second generation, and the observatory's own table."""

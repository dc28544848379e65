"""How fast cfhtisr is beside its peers and beside the hardware; ``python -m benches.speed``."""

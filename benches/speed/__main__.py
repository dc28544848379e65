"""``python -m benches.speed``: see `benches.speed.runner`."""

import sys

from benches.speed.runner import main

if __name__ == "__main__":
    sys.exit(main())

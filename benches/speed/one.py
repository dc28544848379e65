"""Measure one contender in this process and print JSON: ``python -m benches.speed.one``."""

import argparse
import json
import logging
import sys
import warnings
from pathlib import Path

from benches.speed.contenders import CONTENDERS
from benches.speed.exposure import Files


def main() -> int:
    """Measure, print, and return 0."""
    parser = argparse.ArgumentParser(description="Measure one contender, as JSON.")
    parser.add_argument("name", choices=CONTENDERS, metavar="NAME")
    parser.add_argument("--work", type=Path, required=True, help="folder with the files")
    parser.add_argument("--ccds", type=int, required=True, help="CCDs in the files")
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    files = Files(options.work, options.ccds)
    print(json.dumps(CONTENDERS[options.name].measure(files, options.repeats)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

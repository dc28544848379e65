"""Calls of the toys' command line, and what they leave in the output."""

from pathlib import Path

from toys import Toy, calls

TESTS = Path(__file__).parent

IDS = [(visit, ccd) for visit in (1, 2) for ccd in range(3)]


def run(repo, *words, task=Toy, results=False, **others):
    words = [repo, "--rerun", "me", "--id", "--no-versions", *map(str, words)]
    return task.parseAndRun(words, doReturnResults=results, **others)


def out(repo):
    return Path(repo, "rerun", "me")


def collected(repo):
    """Return visit and CCD of all that was collected."""
    return [tuple(one) for call in calls(out(repo), "collect") for one in call[0]]

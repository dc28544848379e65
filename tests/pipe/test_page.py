"""The task on the page about the command line works as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from toys import toy_repo

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"

HARNESS = """
import sys
import numpy as np
import toys
from cfhtisr.pipe import ArgumentParser

def opener(*args, **words):
    return Pixels(toys.open_toy(*args, **words))

class Pixels:
    def __init__(self, butler):
        self.butler = butler
    def getKeys(self, **words):
        return toys.KEYS
    def subset(self, *args, **words):
        return [Ref(ref.dataId) for ref in self.butler.subset(*args, **words)]

class Image:
    def __init__(self, number):
        self.image = self
        self.array = np.full((10, 4), number)
        self.array[0] = 10000

class Ref:
    def __init__(self, dataId):
        self.dataId = dataId
    def datasetExists(self, datasetType=None):
        return True
    def get(self, datasetType):
        return Image(self.dataId["ccd"])

def make(cls):
    parser = ArgumentParser(cls._DefaultName, opener=opener)
    parser.add_id_argument("--id", "raw", "data ids")
    return parser

if __name__ == "__main__":
    import page
    page.MeanTask._makeArgumentParser = classmethod(make)
    done = page.MeanTask.parseAndRun(doReturnResults=True)
    print([each.result.mean for each in done.resultList])
"""


def test_the_task_on_the_page(tmp_path):
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)[-1]
    (tmp_path / "page.py").write_text(code)
    (tmp_path / "harness.py").write_text(HARNESS)
    repo = toy_repo(tmp_path / "repo", visits=[1], ccds=range(6))
    words = [repo, "--id", "ccd=3..5", "--rerun", "means", "--no-versions", "-j", "2"]
    path = os.pathsep.join([*sys.path, str(Path(__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, str(tmp_path / "harness.py"), *words, "-c", "border=4"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.stdout.splitlines()[-1] == "[3.0, 4.0, 5.0]"
    assert "mean INFO: mean 4.0 ADU" in done.stdout

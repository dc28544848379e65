"""Subtasks that do to their process what the system may do to it."""

import os
import signal
import time

from cfhtisr.tasks.masking import MaskingTask


class DeadlyTask(MaskingTask):
    """Ends its process in the midst of ccd07."""

    def run(self, exposure):
        if exposure.detector.id == 7:
            os.kill(os.getpid(), signal.SIGKILL)


class SlowTask(MaskingTask):
    """Takes its time, as a large CCD would."""

    def run(self, exposure):
        time.sleep(3 if exposure.detector.id == 12 else 0.3)


class BrokenTask(MaskingTask):
    """Fails as nobody has foreseen."""

    def run(self, exposure):
        if exposure.detector.id == 7:
            raise ZeroDivisionError("seven")

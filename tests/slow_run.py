"""A program that corrects slowly: raw, output folder, layout, jobs. It is interrupted by a test."""

import signal
import sys
from pathlib import Path

from cfhtisr.batch import run
from cfhtisr.batch.correct import Plan
from cfhtisr.tasks.cfht import CfhtIsrTaskConfig
from deadly_task import SlowTask

if __name__ == "__main__":
    # Tests that run in the background inherit that this signal is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    raw, out, layout, jobs = sys.argv[1:]
    config = CfhtIsrTaskConfig()
    for name in ("doBias", "doDark", "doFlat", "doFringe", "doDefect"):
        setattr(config, name, False)
    config.doCameraSpecificMasking = True
    config.masking.retarget(SlowTask)
    plan = Plan(Path(out), config, layout=layout, sync=False)

    def tell(outcome):
        print(outcome.name, outcome.status, flush=True)

    try:
        run([raw], plan, jobs=int(jobs), progress=tell, started=lambda n: print("go", flush=True))
    except KeyboardInterrupt:
        sys.exit(130)

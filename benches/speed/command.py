"""Run ``cfhtisr`` in this process and note its greatest size: ``command.py NOTE WORD...``.

Instead of words, ``--bare`` loads what ``cfhtisr run`` loads, and ends.
"""

import sys
from pathlib import Path


def main(note: str, words: list[str]) -> int:
    """Run, note, and return the exit status of the command."""
    from cfhtisr.cli.main import main as cfhtisr

    if words == ["--bare"]:
        import cfhtisr.batch.correct
        import cfhtisr.cli.settings

        cfhtisr.tasks.cfht.CfhtIsrTask(config=cfhtisr.tasks.cfht.CfhtIsrTaskConfig())
        status = 0
    else:
        status = cfhtisr(words)
    lines = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
    Path(note).write_text(f'{{"peak_mib": {peak}}}')
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

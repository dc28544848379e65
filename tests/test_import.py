import subprocess
import sys

import cfhtisr


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_importing_loads_neither_astropy_nor_the_configuration_library():
    code = (
        "import sys, cfhtisr; print(*(n for n in ('astropy', 'lsst', 'rich') if n in sys.modules))"
    )
    assert run(code) == []


def test_importing_starts_no_thread():
    count = "print(len(os.listdir('/proc/self/task')));"
    before, after = run(f"import os, numpy; {count} import cfhtisr, cfhtisr.threads; {count}")
    assert before == after


def test_every_public_name_is_there():
    missing = [name for name in cfhtisr.__all__ if not hasattr(cfhtisr, name)]
    assert missing == []
    assert set(cfhtisr.__all__) <= set(dir(cfhtisr))

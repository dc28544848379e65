"""Settings of the whole suite."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import postgres_server

settings.register_profile(
    "quick", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "thorough", max_examples=5000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.fixture(scope="session")
def shared():
    """Return the folder of real headers, masks, pixels and sample vectors, or skip."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the folder of real data, ../shared/data, which is not here")
    return folder


def pytest_terminal_summary(terminalreporter):
    """Say in one line whether the tests that need a database server had one."""
    reports = [
        report
        for category in terminalreporter.stats.values()
        for report in category
        if getattr(report, "nodeid", "").startswith("tests/butler/test_postgres.py::")
        and hasattr(report, "when")
    ]
    if (line := postgres_server.summary(reports)) is not None:
        terminalreporter.write_line(line)

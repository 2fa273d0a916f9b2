"""What several tests of queue and housekeeping start from: workers, and data."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet import FAST, Fleet, all_is_well, fleet
from household import bring_in
from planned import forget_settings

from lab.db.tables import Dataset


@pytest.fixture
def ships(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    """Workers of the test's own lab."""
    for name, value in FAST.items():
        monkeypatch.setenv(name, value)
    forget_settings()
    with fleet() as workers:
        yield workers
    all_is_well()


@pytest.fixture
def data(tmp_path: Path, database: str) -> Dataset:
    """Two personas."""
    return bring_in(tmp_path / "people")

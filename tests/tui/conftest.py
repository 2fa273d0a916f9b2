from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import tui_lab

from lab.db.engine import engine
from lab.db.migrate import migrate
from lab.settings import load_settings
from lab.tasks import embedded, queue


@pytest.fixture
def artifacts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty lab of its own, with a clock in UTC."""
    monkeypatch.setenv("LAB_ARTIFACTS", str(tmp_path / "artifacts"))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    load_settings.cache_clear()
    engine.cache_clear()
    migrate()
    yield tmp_path / "artifacts"
    engine().dispose()
    load_settings.cache_clear()
    engine.cache_clear()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tui_lab.write_data(tmp_path / "home")


@pytest.fixture
def server(artifacts: Path) -> Iterator[None]:
    """The lab's own queue server."""
    queue._sender.cache_clear()
    embedded.start()
    yield
    embedded.stop()
    queue._sender.cache_clear()


@pytest.fixture
def elsewhere(server: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A queue that answers, in a lab whose workers are started by somebody else."""
    monkeypatch.setenv("LAB_REDIS_URL", embedded.url())
    load_settings.cache_clear()
    queue._sender.cache_clear()
    yield
    monkeypatch.delenv("LAB_REDIS_URL")
    load_settings.cache_clear()

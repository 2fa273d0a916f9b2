"""A store that is a shared folder or an SFTP server, and machines with artifacts folders of their own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from planned import own_lab
from sftp_server import SftpServer, serving_sftp
from stores import Store

from lab.store.artifacts import Artifacts
from lab.store.remote import Remote

_numbers = itertools.count()


@pytest.fixture(scope="session")
def sftp_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def _served(tmp_path_factory: pytest.TempPathFactory, sftp_home: Path) -> Iterator[SftpServer]:
    with serving_sftp(tmp_path_factory.mktemp("served"), sftp_home) as server:
        yield server


@pytest.fixture
def sftp(_served: SftpServer, sftp_home: Path, monkeypatch: pytest.MonkeyPatch) -> SftpServer:
    """The server, whose host key this user knows."""
    monkeypatch.setenv("HOME", str(sftp_home))
    return _served


@pytest.fixture(params=["folder", "sftp"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store of either kind."""
    if request.param == "folder":
        (tmp_path / "shared").mkdir()
        return Store(str(tmp_path / "shared"), tmp_path / "shared")
    server: SftpServer = request.getfixturevalue("sftp")
    name = f"store-{next(_numbers)}"
    return Store(f"{server.url}/{name}", server.folder / "lab" / name)


@pytest.fixture
def machine(store: Store, tmp_path: Path) -> Iterator[Callable[[str], Artifacts]]:
    """A machine of this name: its artifacts folder and its connection to the store."""

    def make(name: str) -> Artifacts:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        return Artifacts(folder, Remote(store.url))

    with own_lab(tmp_path / "lab"):
        yield make

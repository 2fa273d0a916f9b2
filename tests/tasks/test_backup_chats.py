"""What people did with a study is no job's, and comes back all the same: saved conversations and picks."""

from __future__ import annotations

from pathlib import Path

import pytest
from household import furnish, root
from planned import own_lab

from lab.db.picks import Shown, add_pick, picks
from lab.db.queries import get_study
from lab.errors import LabError
from lab.tasks.backup import backup
from lab.tasks.restore import restore

NAME = "2026-11-20-101500-persona_000"


def _save(text: str = "{}") -> None:
    folder = root() / "chats" / "study"
    folder.mkdir(parents=True)
    (folder / f"{NAME}.json").write_text(text)
    (folder / f"{NAME}.md").write_text("# A conversation")
    (folder / f".{NAME}~2.json.partial").write_text("half-written")


def test_saved_conversations_come_back(lab_home: Path, tmp_path: Path) -> None:
    furnish(tmp_path / "people")
    _save('{"kept": "word for word"}')
    backup(tmp_path / "lab.tar")
    with own_lab(tmp_path / "new"):
        restore(tmp_path / "lab.tar")
        found = {path.name: path.read_text() for path in (root() / "chats" / "study").iterdir()}
    assert found == {f"{NAME}.json": '{"kept": "word for word"}', f"{NAME}.md": "# A conversation"}


def test_conversations_that_are_there_are_not_written_over(lab_home: Path, tmp_path: Path) -> None:
    furnish(tmp_path / "people")
    _save()
    backup(tmp_path / "lab.tar")
    with own_lab(tmp_path / "new"):
        _save("mine")
        with pytest.raises(LabError, match="chats/study is there already"):
            restore(tmp_path / "lab.tar")
        assert (root() / "chats" / "study" / f"{NAME}.json").read_text() == "mine"


def test_picks_come_back(lab_home: Path, tmp_path: Path) -> None:
    furnish(tmp_path / "people")
    add_pick(get_study(), "persona_000", "round", [Shown("unified", ("a",)), Shown("persona", ("a", "b"))], "persona")
    before = picks(get_study().name)
    backup(tmp_path / "lab.tar")
    with own_lab(tmp_path / "new"):
        restore(tmp_path / "lab.tar")
        assert [one.picked for one in before] == ["persona"]
        assert picks(get_study().name) == before

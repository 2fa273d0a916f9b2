"""A study file and the digest of its data decide every number, to the last digit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from planned import own_lab
from real_study import CONTENT, carried_out, write_inputs

from lab.db.migrate import migrate
from lab.db.scores import ScoreRow, scores
from lab.methods.extend import stored
from lab.report.assemble import study_digest

ONE_SEED = {"seeds": [3], "methods": ["unified", "persona", "recent", "chosen"]}


def run(home: Path, content: dict[str, Any]) -> tuple[str, str, list[ScoreRow]]:
    """In a lab of its own: digests of study and data, and every score."""
    home.mkdir()
    with own_lab(home):
        migrate()
        study = carried_out(content)
        return study_digest(stored(study.spec)), study.dataset, scores(study.id, "test")


def test_the_same_study_in_another_lab_gives_the_same_scores(tmp_path: Path) -> None:
    content = CONTENT | ONE_SEED | write_inputs(tmp_path)
    first, second = run(tmp_path / "here", content), run(tmp_path / "there", content | {"name": "called-otherwise"})
    assert first == second
    assert len(first[2]) > 100
    other = run(tmp_path / "elsewhere", content | {"seeds": [4]})
    assert other[:2] != first[:2]
    assert other[2] != first[2], "it is the seed that decides, not chance that agrees"

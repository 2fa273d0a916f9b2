"""Picks of blind rounds: each counts once, names the weights, and outlives a move to another database."""

from __future__ import annotations

from pathlib import Path

import pytest
from planned import planned, submit
from sqlalchemy import insert
from sqlmodel import Session, select

from lab.db import portable
from lab.db.engine import connected
from lab.db.picks import PickRow, Shown, add_pick, picks
from lab.db.queries import get_study
from lab.db.tables import Pick, now
from lab.errors import LabError

SHOWN = (Shown("hybrid", ("b" * 64, "h" * 64)), Shown("unified", ("b" * 64, "u" * 64)))


@pytest.fixture(autouse=True)
def lab(database):
    """Every pick is kept in both databases."""
    submit(planned("a"))


def pick(round_id: str = "r1", picked: str = "hybrid") -> bool:
    return add_pick(get_study(), "maya", round_id, SHOWN, picked)


def test_a_pick_is_kept_with_what_stood_side_by_side_and_the_weights_that_answered():
    assert pick()
    (row,) = picks("study")
    assert (row.persona_id, row.shown, row.picked) == ("maya", SHOWN, "hybrid")
    assert row.at.tzinfo is not None


def test_a_round_counts_once_whatever_is_said_of_it_later():
    assert pick()
    assert not pick(picked="unified")
    assert pick("r2", "")
    assert [row.picked for row in picks("study")] == ["hybrid", ""]
    assert picks("another") == []


def test_what_was_not_shown_cannot_be_picked_and_one_answer_is_no_choice():
    with pytest.raises(LabError, match=r"'base' did not answer in this round; pick one of hybrid, unified\."):
        pick(picked="base")
    for shown in (SHOWN[:1], (SHOWN[0], SHOWN[0])):
        with pytest.raises(LabError, match="two methods or more"):
            add_pick(get_study(), "maya", "r1", shown, "hybrid")
    assert picks("study") == []


def test_rows_that_hold_no_round_are_left_out():
    with connected(writing=True) as connection:
        for number, shown in enumerate(({}, {"answers": 3}, {"answers": [1, {"method": "a", "digests": None}]})):
            row = {"study": "study", "dataset": "d", "persona_id": "p", "round": str(number), "picked": "a"}
            connection.execute(insert(Pick), row | {"shown": shown, "at": now()})
    assert picks("study") == []


def test_picks_go_with_a_backup(tmp_path: Path):
    pick()
    pick("r2", "")
    kept = picks("study")
    with connected(writing=False) as connection:
        portable.dump(connection, tmp_path, ())
        revision = portable.head(connection)
    with Session(portable.load(tmp_path, revision, tmp_path / "rows.db")) as rows:
        found = [PickRow(row.id or 0, row.persona_id, SHOWN, row.picked, row.at) for row in rows.exec(select(Pick))]
        assert [row.shown["answers"][0]["digests"] for row in rows.exec(select(Pick))] == [list(SHOWN[0].digests)] * 2
    assert found == kept

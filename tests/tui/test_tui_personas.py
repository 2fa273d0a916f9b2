"""Personas: the list, the map, which method serves each best, and the dialogues."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import persona_lab
import pytest
import tui_lab
from textual.pilot import Pilot
from tui_pilot import NARROW, opened, pressed, shown, shows, typed, until

from lab.db.looks import looks
from lab.db.scores import evaluations
from lab.errors import LabError
from lab.settings import load_settings
from lab.tui.feeds import personas
from lab.tui.feeds.personas import PersonasFeed, PersonasView, Wanted

pytestmark = pytest.mark.usefixtures("artifacts")


def _view(study: object, persona: str = "", **wanted: object) -> PersonasView:
    return _all_read(PersonasFeed(), Wanted(study, persona, **wanted))  # type: ignore[arg-type]


def _all_read(feed: PersonasFeed, wanted: Wanted) -> PersonasView:
    while (view := feed.read(wanted)).laying or view.reading:
        pass
    return view


async def _read(pilot: Pilot[None]) -> str:
    return await until(pilot, lambda: "principal components" in shown(pilot) and "scores highest" in shown(pilot))


async def test_an_empty_lab_says_what_to_do_next() -> None:
    async with opened(tab="personas") as pilot:
        assert "lab run --data" in shown(pilot)


async def test_each_persona_stands_with_its_cluster_and_the_method_that_serves_it_best(data: Path) -> None:
    persona_lab.clustered(data)
    async with opened(tab="personas") as pilot:
        screen = await _read(pilot)
        maya = next(line for line in screen.splitlines() if line.startswith(" maya"))
        assert maya.split()[1] in "AB"
        assert "cluster-behaviour" in maya
        assert "Yoga instructor" in screen
        assert "2 clusters by behaviour (kmeans, silhouette" in screen


async def test_the_persona_under_the_cursor_is_in_brackets_on_the_map(data: Path) -> None:
    persona_lab.clustered(data)
    async with opened(tab="personas") as pilot:
        assert "]maya" in await _read(pilot)
        await pilot.press("down")
        screen = await shows(pilot, "]otto")
        assert "]maya" not in screen
        assert "Retired machinist" in await shows(pilot, "Retired machinist. Terse")


async def test_why_a_method_serves_a_persona_best_is_said_with_its_doubts(data: Path) -> None:
    persona_lab.clustered(data)
    async with opened(tab="personas") as pilot:
        screen = await _read(pilot)
        assert "may be chance; unified is the safe choice" in screen
        assert "p (Holm)   n" in screen
        assert "router chosen chose " in screen
        assert "dialogues 6 train, 2 val, 2 test" in screen
        assert "most like it " in screen
        assert "best there: " in screen
        screen = await pressed(pilot, "right_square_bracket")
        assert "evening → lights brightness 40" in screen
        assert "color warm" in screen


async def test_search_leaves_the_personas_that_have_every_word(data: Path) -> None:
    tui_lab.done(data)
    async with opened(tab="personas") as pilot:
        await shows(pilot, "lena")
        await pilot.press("slash")
        await typed(pilot, "audio volume")
        screen = await shows(pilot, "1 of 6 personas")
        assert not any(line.startswith(" lena") for line in screen.splitlines())
        await pilot.press("enter")
        await shows(pilot, "Audio engineer, technical")
        assert "6 personas" in await pressed(pilot, "escape")


async def test_enter_reads_the_dialogues_of_a_persona_and_esc_comes_back(data: Path) -> None:
    tui_lab.done(data)
    async with opened(tab="personas") as pilot:
        await shows(pilot, "lena")
        await pilot.press("down", "enter")
        screen = await shows(pilot, "dialogues of otto")
        assert "otto-00  2026-01-23 09:30 · train · simple · evening" in screen
        assert "You're welcome." in screen
        assert await pressed(pilot, "n") != screen
        assert await pressed(pilot, "b") == screen
        await pilot.press("escape")
        await shows(pilot, "6 personas")
        await pilot.press("down")  # the keys go to the list again
        await shows(pilot, "Night-shift nurse who")


async def test_a_narrow_terminal_shows_words_or_map(data: Path) -> None:
    tui_lab.done(data)
    async with opened(NARROW, "personas") as pilot:
        screen = await shows(pilot, "scores highest")
        assert "principal components" not in screen
        await pilot.press("m")
        screen = await shows(pilot, "]maya")
        assert "scores highest" not in screen
        await pilot.press("m")
        await shows(pilot, "scores highest")


async def test_other_clusters_are_a_key_away_where_there_are(data: Path) -> None:
    persona_lab.clustered(data)
    async with opened(tab="personas") as pilot:
        await shows(pilot, "2 clusters by behaviour")
        await pilot.press("c")
        await shows(pilot, "2 clusters by description")
        await pilot.press("c")
        await shows(pilot, "2 clusters by behaviour")


def test_the_list_does_not_wait_for_the_dialogues(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study, gate = persona_lab.clustered(data), threading.Event()
    read = personas.data_of
    monkeypatch.setattr(personas, "data_of", lambda one: (gate.wait(30), read(one))[1])
    feed = PersonasFeed()
    early = feed.read(Wanted(study, "maya"))
    assert early.reading
    assert {row.persona_id for row in early.rows} == set(tui_lab.PERSONAS)
    assert early.rows[0].best != ""
    assert early.detail is not None
    assert early.detail.persona.description.startswith("Yoga instructor")
    assert (early.detail.parts, early.dialogues) == ({}, ())
    gate.set()
    view = _all_read(feed, Wanted(study, "maya", reading=True))
    assert view.rows == early.rows
    assert view.detail is not None
    assert view.detail.parts == {"train": 6, "val": 2, "test": 2}
    assert len(view.dialogues) == 10


def test_data_that_are_damaged_are_said_and_read_again(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = tui_lab.done(data)

    def refuse(_: object) -> None:
        raise LabError("dialogues.jsonl:7: this is not JSON")

    feed = PersonasFeed()
    with monkeypatch.context() as broken:
        broken.setattr(personas, "data_of", refuse)
        with pytest.raises(LabError, match=r"dialogues\.jsonl:7"):
            _all_read(feed, Wanted(study))
    assert _all_read(feed, Wanted(study, "maya")).detail is not None


def test_without_val_no_method_is_called_best(data: Path) -> None:
    study = tui_lab.run_study(data, ("base", "unified"), evaluate=("test",))
    view = _view(study, "maya")
    assert not view.judged
    assert {row.best for row in view.rows} == {""}
    assert view.detail is not None
    assert view.detail.served == ()


def test_test_scores_are_not_read(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = tui_lab.done(data)
    for folder in evaluations(study.id, "test").values():
        (load_settings().artifacts / folder / "predictions.jsonl").unlink()
    view = _view(study, "maya")
    assert view.detail is not None
    assert [one.method for one in view.detail.served] == ["hybrid", "unified", "persona", "base"]
    assert view.detail.error == ""
    assert looks(study.dataset) == []


def test_between_equals_the_order_of_the_study_decides(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tui_lab, "evaluate", _test_prefers_persona(tui_lab.evaluate))
    study = tui_lab.run_study(data, ("unified", "persona"))
    assert {row.best for row in _view(study).rows} == {"unified"}


def _test_prefers_persona(evaluate):  # type: ignore[no-untyped-def]
    def evaluated(folder: Path, job: int, method: str, split: str):  # type: ignore[no-untyped-def]
        better = method == "persona" and split == "test"
        return evaluate(folder, job, "hybrid" if better else "unified", split)

    return evaluated


def test_a_router_and_a_control_are_no_candidates(data: Path) -> None:
    view = _view(persona_lab.clustered(data), "maya")
    assert view.detail is not None
    assert {one.method for one in view.detail.served} == {"unified", "persona", "cluster-behaviour", "cluster-kmeans"}
    (route,) = view.detail.routed
    assert route.router == "chosen"
    assert route.chosen in ("unified", "persona")


def test_without_clusters_personas_are_laid_out_by_how_they_behave(data: Path) -> None:
    view = _view(tui_lab.done(data), "maya")
    assert view.map is not None
    assert view.map.labels == {}
    assert set(view.map.places) == set(tui_lab.PERSONAS)
    assert view.detail is not None
    near = [one.distance for one in view.detail.near]
    assert len(near) == 4
    assert near == sorted(near)


def test_predictions_that_are_gone_are_said_where_they_would_stand(data: Path) -> None:
    study = tui_lab.done(data)
    for folder in evaluations(study.id, "val").values():
        (load_settings().artifacts / folder / "predictions.jsonl").unlink()
    view = _view(study, "maya")
    assert view.detail is not None
    assert "the predictions are not there" in view.detail.error
    assert view.rows[0].best == "hybrid"


@pytest.fixture(autouse=True)
def lift() -> Iterator[None]:
    """What other tests build on stays as it is."""
    before = dict(tui_lab.LIFT)
    yield
    assert before == tui_lab.LIFT

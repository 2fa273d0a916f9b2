"""Killed and resumed equals never killed, bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_data import examples, make_groups
from transformers import PreTrainedModel

from lab.errors import LabError
from lab.models.atomic import number_of
from lab.models.checkpoint import StaleCheckpointError, states
from lab.models.lora import LoraConfig
from lab.models.train import train_groups
from lab.models.training import GroupData, GroupResult, Stopped, TrainConfig, TrainEvent, TrainSummary

MakeModel = Callable[..., PreTrainedModel]
LORA = LoraConfig(dropout=0.1)
# Three slots for seven groups, some of which stop early: slots are refilled all the time.
CONFIG = TrainConfig(
    epochs=8, learning_rate=1e-2, eval_every=2, patience=3, in_flight=3, checkpoint_steps=3, checkpoint_seconds=1e9
)
GROUPS = make_groups(7, val=3)


class Killed(BaseException):
    """The process is gone."""


class Recorder:
    """Collects what a run tells, and may kill it after so many events of a kind."""

    def __init__(self, kill: str = "", after: int = 0) -> None:
        self.results: dict[str, GroupResult] = {}
        self.steps: dict[tuple[str | None, int], float | None] = {}
        self.summary: TrainSummary | None = None
        self.saved = 0
        self._kill, self._left = kill, after

    def result(self, result: GroupResult) -> None:
        assert result.name not in self.results
        self.results[result.name] = result

    def event(self, event: TrainEvent) -> None:
        if event.kind == "step":
            self.steps[event.group, event.step] = event.train_loss
        self.saved += event.kind == "checkpoint"
        if event.kind == self._kill:
            self._left -= 1
            if self._left == 0:
                raise Killed

    def outcome(self) -> dict[str, tuple[object, ...]]:
        """All of the results but the clock."""
        return {
            r.name: (r.learned.digest(), r.steps, r.best_step, r.val_loss, r.train_loss, r.stopped_early, r.tokens)
            for r in self.results.values()
        }


def go(model: PreTrainedModel, recorder: Recorder, config: TrainConfig = CONFIG, **options: object) -> Recorder:
    recorder.summary = train_groups(
        model, GROUPS, LORA, config, on_result=recorder.result, on_event=recorder.event, **options
    )
    return recorder


@pytest.fixture(scope="module")
def model(make_model: MakeModel) -> PreTrainedModel:
    return make_model()


@pytest.fixture(scope="module")
def uninterrupted(model: PreTrainedModel) -> Recorder:
    recorder = go(model, Recorder())
    assert any(result.stopped_early for result in recorder.results.values())
    assert len({result.steps for result in recorder.results.values()}) > 2
    return recorder


@pytest.mark.parametrize("after", [1, 2, 5, 9, 30])
def test_stopped_anywhere_and_resumed(
    tmp_path: Path, model: PreTrainedModel, uninterrupted: Recorder, after: int
) -> None:
    calls = iter(range(after))
    with pytest.raises(Stopped):
        go(model, Recorder(), checkpoint=tmp_path, should_stop=lambda: next(calls, None) is None)
    resumed = go(model, Recorder(), checkpoint=tmp_path, resume=states(tmp_path)[0])
    assert resumed.outcome() == uninterrupted.outcome()
    assert resumed.summary.tokens == uninterrupted.summary.tokens


@settings(max_examples=12, deadline=None)
@given(kind=st.sampled_from(["step", "val", "finished", "checkpoint"]), after=st.integers(1, 40))
def test_killed_anywhere_after_a_checkpoint_and_resumed(
    tmp_path_factory: pytest.TempPathFactory,
    model: PreTrainedModel,
    uninterrupted: Recorder,
    kind: str,
    after: int,
) -> None:
    folder = tmp_path_factory.mktemp("run")
    recorder = Recorder(kind, after)
    try:
        go(model, recorder, checkpoint=folder)
    except Killed:
        if not recorder.saved:
            return  # nothing to resume from
    resumed = go(model, Recorder(), checkpoint=folder, resume=states(folder)[0])
    assert resumed.outcome() == uninterrupted.outcome()
    assert all(uninterrupted.steps[key] == loss for key, loss in resumed.steps.items())


def test_killed_again_and_again_each_time_into_a_new_folder(
    tmp_path: Path, model: PreTrainedModel, uninterrupted: Recorder
) -> None:
    resume = None
    for attempt in range(100):
        folder, recorder = tmp_path / str(attempt), Recorder("checkpoint", 2)
        try:
            go(model, recorder, checkpoint=folder, resume=resume)
            break
        except Killed:
            resume = states(folder)[0]
    assert attempt > 3
    assert recorder.outcome() == uninterrupted.outcome()


def test_a_run_that_had_ended_hands_its_results_over_again(
    tmp_path: Path, model: PreTrainedModel, uninterrupted: Recorder
) -> None:
    go(model, Recorder(), checkpoint=tmp_path)
    again = go(model, Recorder(), resume=states(tmp_path)[0])
    assert again.outcome() == uninterrupted.outcome()
    assert not again.steps


def test_checkpoints_come_by_waves_or_by_time(tmp_path: Path, model: PreTrainedModel) -> None:
    def saved(**changes: object) -> int:
        return go(model, Recorder(), replace(CONFIG, **changes), checkpoint=tmp_path).saved

    assert saved(checkpoint_steps=None) == 1  # the last one
    assert saved(checkpoint_steps=5) > 3
    assert saved(checkpoint_steps=None, checkpoint_seconds=0.0) > saved(checkpoint_steps=5)


def test_the_newest_state_and_the_one_before_it_are_kept(tmp_path: Path, model: PreTrainedModel) -> None:
    go(model, Recorder(), checkpoint=tmp_path)
    newest, before = states(tmp_path)
    assert number_of(newest) > number_of(before)
    assert {path.name for path in tmp_path.iterdir()} == {newest.name, before.name, "finished"}


def test_the_one_before_leads_to_the_same_end(tmp_path: Path, model: PreTrainedModel, uninterrupted: Recorder) -> None:
    with pytest.raises(Killed):
        go(model, Recorder("checkpoint", 4), checkpoint=tmp_path)
    again = go(model, Recorder(), checkpoint=tmp_path, resume=states(tmp_path)[1])
    assert again.outcome() == uninterrupted.outcome()


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, model: PreTrainedModel) -> Path:
    folder = tmp_path_factory.mktemp("stopped")
    calls = iter(range(12))
    with pytest.raises(Stopped):
        go(model, Recorder(), checkpoint=folder, should_stop=lambda: next(calls, None) is None)
    return folder


def test_only_the_same_run_may_go_on(stopped: Path, model: PreTrainedModel, make_model: MakeModel) -> None:
    changed = [*GROUPS[1:], GroupData(GROUPS[0].name, examples(77, 8), GROUPS[0].val)]
    others = [
        (model, changed, LORA, CONFIG),
        (model, GROUPS, replace(LORA, dropout=0.2), CONFIG),
        (model, GROUPS, LORA, replace(CONFIG, seed=1)),
        (make_model(seed=1), GROUPS, LORA, CONFIG),
    ]
    for other_model, groups, lora, config in others:
        with pytest.raises(LabError, match="belongs to other data, settings or base model"):
            train_groups(other_model, groups, lora, config, on_result=lambda _: None, resume=states(stopped)[0])


def test_how_the_work_is_cut_up_may_change_on_resuming(
    stopped: Path, model: PreTrainedModel, uninterrupted: Recorder
) -> None:
    for in_flight in (1, 5):
        resumed = go(model, Recorder(), replace(CONFIG, in_flight=in_flight), resume=states(stopped)[0])
        for name, result in resumed.results.items():
            assert result.val_loss == pytest.approx(uninterrupted.results[name].val_loss, abs=1e-4)


def test_a_checkpoint_that_is_missing_is_told_in_a_sentence(tmp_path: Path, model: PreTrainedModel) -> None:
    with pytest.raises(StaleCheckpointError, match=r"nowhere.*not a readable checkpoint"):
        go(model, Recorder(), resume=tmp_path / "nowhere")


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def without_its_end(data: bytes) -> bytes:
    return data[:-4096] + bytes(4096)


def with_another_number_in_its_header(data: bytes) -> bytes:
    assert data.count(b'\\"waves\\": ') == 1
    before, found, after = data.partition(b'\\"waves\\": ')
    return before + found + (b"2" if after[:1] == b"1" else b"1") + after[1:]


@pytest.mark.parametrize("harm", [lambda _: b"", half, without_its_end, with_another_number_in_its_header])
def test_whatever_a_power_cut_leaves_of_a_checkpoint_is_noticed(
    tmp_path: Path, stopped: Path, model: PreTrainedModel, harm: Callable[[bytes], bytes]
) -> None:
    state = tmp_path / "state-000000001.safetensors"
    state.write_bytes(harm(states(stopped)[0].read_bytes()))
    with pytest.raises(StaleCheckpointError, match=r"not a readable checkpoint|damaged"):
        go(model, Recorder(), resume=state)


def test_a_finished_result_whose_weights_changed_is_not_handed_over(tmp_path: Path, model: PreTrainedModel) -> None:
    go(model, Recorder(), checkpoint=tmp_path)
    path = tmp_path / "finished" / "2.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(LabError, match=r"2\.safetensors: damaged"):
        go(model, Recorder(), resume=states(tmp_path)[0])


def test_what_the_process_trained_before_does_not_matter(stopped: Path, make_model: MakeModel) -> None:
    """A worker keeps its model warm: layers that other jobs adapted are still grouped ones."""
    model = make_model()
    everywhere = LoraConfig(targets=("q_proj", "k_proj", "o_proj", "up_proj"))
    train_groups(model, GROUPS[:1], everywhere, TrainConfig(epochs=1), on_result=lambda _: None)
    resumed = go(model, Recorder(), resume=states(stopped)[0])
    assert len(resumed.results) == len(GROUPS)

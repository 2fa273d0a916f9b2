"""Learning where adapters start: what it keeps, resumes and refuses. That it helps is in test_ablations."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from training_data import make_groups
from transformers import PreTrainedModel

from lab.errors import LabError
from lab.models import meta as meta_module
from lab.models.checkpoint import StaleCheckpointError, states
from lab.models.lora import LoraConfig
from lab.models.meta import MetaConfig, MetaEvent, learn_start
from lab.models.training import Stopped, TrainConfig

MakeModel = Callable[..., PreTrainedModel]
LORA = LoraConfig(rank=2, dropout=0.1)
FEW = TrainConfig(batch_size=2, learning_rate=1e-2)


@pytest.mark.parametrize("how", ["reptile", "fomaml"])
@pytest.mark.parametrize("share", [0.4, 0.67, 0.99])
def test_stopped_within_any_round_and_resumed_equals_never_stopped(
    make_model: MakeModel, tmp_path: Path, how: str, share: float
) -> None:
    groups, settings = make_groups(5, val=2), MetaConfig(how, rounds=6, groups=3, steps=2)  # type: ignore[arg-type]
    events: list[MetaEvent] = []
    waves: list[int] = []
    whole = learn_start(
        make_model(), groups, LORA, FEW, settings, on_event=events.append, on_wave=lambda: waves.append(len(events))
    )
    assert all(waves.count(rounds) > settings.steps for rounds in range(6)), "a long round is heard of all the time"
    assert [event.round for event in events] == [1, 2, 3, 4, 5, 6]
    assert whole.val_loss == min(event.val_loss for event in events if event.val_loss is not None)
    assert events[whole.best_round - 1].val_loss == whole.val_loss
    asked, end = iter(range(1000)), int(share * len(waves))
    with pytest.raises(Stopped):
        learn_start(
            make_model(), groups, LORA, FEW, settings, should_stop=lambda: next(asked) == end, checkpoint=tmp_path
        )
    done = waves[end]
    later: list[MetaEvent] = []
    resumed = learn_start(make_model(), groups, LORA, FEW, settings, on_event=later.append, resume=states(tmp_path)[0])
    assert later == events[done - 2 :], "the last two are told again: who heard of them may have died"
    assert resumed.start.digest() == whole.start.digest()
    assert resumed.tokens == whole.tokens
    with pytest.raises(StaleCheckpointError, match="belongs to other data"):
        learn_start(make_model(), groups[:4], LORA, FEW, settings, resume=states(tmp_path)[0])


def test_without_val_the_last_start_is_kept(make_model: MakeModel) -> None:
    found = learn_start(make_model(), make_groups(3), LORA, FEW, MetaConfig(rounds=3, groups=2, steps=2))
    assert (found.best_round, found.val_loss) == (3, None)


def test_a_round_that_does_not_fit_is_done_with_fewer_groups_side_by_side(
    make_model: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups, settings = make_groups(4, val=1), MetaConfig(rounds=2, groups=4, steps=2)
    whole = learn_start(make_model(), groups, LORA, FEW, settings)
    learn, tried = meta_module._Learner._gradient, []

    def short_of_memory(self, theta, places, step):  # type: ignore[no-untyped-def]
        tried.append(len(places))
        if len(places) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return learn(self, theta, places, step)

    monkeypatch.setattr(meta_module._Learner, "_gradient", short_of_memory)
    short = learn_start(make_model(), groups, LORA, FEW, settings)
    assert max(tried) == 4
    assert tried[-1] <= 2
    for site, a in whole.start.a.items():
        torch.testing.assert_close(short.start.a[site], a, atol=1e-5, rtol=0)
    monkeypatch.setattr(meta_module._Learner, "_gradient", lambda *_: (_ for _ in ()).throw(MemoryError))
    with pytest.raises(LabError, match="does not fit into the free memory"):
        learn_start(make_model(), groups, LORA, FEW, settings)


def test_nothing_to_do_is_refused() -> None:
    with pytest.raises(LabError, match="at least one round"):
        MetaConfig(rounds=0)

"""Everything that trains and serves keeps its tensors on the model's device, which need not be the CPU.

On the GPU of `second_device` a tensor left behind is an error, as it is on a real one, and the numbers are the CPU's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from kinds import KINDS, kinds
from second_device import CUDA, OnCuda, move, second_device
from serving import complete, random_rows, strong_adapter
from tiny_model import save_base, save_embedder
from training_data import make_groups, train
from transformers import PreTrainedModel
from transformers import PreTrainedTokenizerFast as FastTokenizer

from lab.models.base import BaseModel, load_base
from lab.models.checkpoint import states
from lab.models.embedder import Embedder
from lab.models.likelihood import nll
from lab.models.lora import LoraConfig
from lab.models.meta import MetaConfig, learn_start
from lab.models.resident import Resident
from lab.models.serve import generate, stream
from lab.models.training import GroupResult, TrainConfig
from lab.models.virtual import VirtualConfig, initial_tokens

MakeModel = Callable[..., PreTrainedModel]
FEW = TrainConfig(epochs=2, batch_size=2, learning_rate=1e-2, in_flight=2, patience=1)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    with second_device(monkeypatch.setattr) as device:
        yield device


# ---------------------------------------------------------------- it refuses what CUDA refuses


def test_two_devices_do_not_mix(cuda: torch.device) -> None:
    there, here = torch.ones(2, 3, device="cuda"), torch.ones(2, 3)
    for mixed in (
        lambda: there + here,
        lambda: here @ there.mT,
        lambda: torch.where(there > 0, here, there),
        lambda: torch.cat([here, there]),
        lambda: here[torch.tensor([0], device=cuda)],
        lambda: there.index_select(0, torch.tensor([0])),
        there.numpy,
        lambda: np.asarray(there),
    ):
        with pytest.raises((RuntimeError, TypeError), match=r"cuda|indices"):
            mixed()


def test_what_cuda_moves_itself_is_moved(cuda: torch.device) -> None:
    there = torch.arange(6.0, device=cuda).view(2, 3)
    there[0] = torch.zeros(3)
    there += torch.tensor(1.0)
    assert isinstance(there[torch.tensor([1])], OnCuda)
    assert there.tolist() == [[1.0, 1.0, 1.0], [4.0, 5.0, 6.0]]
    for made in (there.new_zeros(2), there.new_tensor([1.0]), torch.zeros_like(there), there.to(torch.int32)):
        assert made.device == CUDA
    assert there.cpu().device.type == "cpu"


def test_gradients_stay_where_their_tensors_are(cuda: torch.device) -> None:
    here = torch.ones(3, requires_grad=True)
    there = torch.full((3,), 2.0, device=cuda).requires_grad_()
    ((here.to(cuda) * there).cpu() ** 2).sum().backward()
    assert here.grad is not None
    assert there.grad is not None
    assert (here.grad.device.type, there.grad.device) == ("cpu", CUDA)
    assert (here.grad.tolist(), there.grad.tolist()) == ([8.0] * 3, [4.0] * 3)


# ---------------------------------------------------------------- training


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_trains_there_as_here(make_model: MakeModel, cuda: torch.device, kind: str) -> None:
    learned, groups = kinds(make_model())[kind]
    here = train(make_model(), groups, learned, FEW)
    model = make_model()
    move(model)
    _same(train(model, groups, learned, FEW), here)


@pytest.mark.parametrize("kind", ["held", "users", "prefix"])
def test_a_run_goes_on_there(make_model: MakeModel, cuda: torch.device, tmp_path: Path, kind: str) -> None:
    learned, groups = kinds(make_model())[kind]
    model = make_model()
    move(model)
    config = replace(FEW, checkpoint_steps=3)
    whole = train(model, groups, learned, config, checkpoint=tmp_path)
    _same(train(model, groups, learned, config, resume=states(tmp_path)[-1]), whole)


def test_a_start_is_learned_there(make_model: MakeModel, cuda: torch.device) -> None:
    settings = MetaConfig("reptile", rounds=3, groups=2, steps=2)
    lora, groups = LoraConfig(rank=2, dropout=0.1), make_groups(3, val=2)
    here = learn_start(make_model(), groups, lora, FEW, settings)
    model = make_model()
    move(model)
    there = learn_start(model, groups, lora, FEW, settings)
    assert there.val_loss == pytest.approx(here.val_loss, rel=1e-5)


def _same(there: dict[str, GroupResult], here: dict[str, GroupResult]) -> None:
    assert there.keys() == here.keys()
    for name, result in there.items():
        assert (result.steps, result.best_step) == (here[name].steps, here[name].best_step)
        assert result.val_loss == pytest.approx(here[name].val_loss, rel=1e-5)
        assert result.train_loss == pytest.approx(here[name].train_loss, rel=1e-5)


# ---------------------------------------------------------------- serving


def test_a_mixed_batch_is_served_there_as_here(base: BaseModel, cuda: torch.device) -> None:
    def served(base: BaseModel) -> list[object]:
        resident = Resident(base)
        made = [strong_adapter(base, seed, rank) for seed, rank in enumerate((2, 4, 4, 8))]
        made.append(strong_adapter(base, 9, 3, ("down_proj", "v_proj")))
        made += [initial_tokens(base.model, VirtualConfig("soft-prompt", 3), seed=1)]
        made += [initial_tokens(base.model, VirtualConfig("prefix", 2), seed=2)]
        rows = random_rows([resident.add(each) for each in made], 0, 12)
        losses = [turn for row in nll(resident, [complete(row) for row in rows]) for turn in row]
        texts = [answer.token_ids for answer in generate(resident, rows, max_new_tokens=8)]
        return [texts, ["".join(stream(resident, row, 8)) for row in rows[:4]], losses]

    here = served(base)
    move(base.model)
    there = served(replace(base, device=CUDA))
    assert there[:2] == here[:2]
    assert there[2] == here[2]


def test_a_base_model_is_loaded_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_base(tmp_path)
    with second_device(monkeypatch.setattr):
        base = load_base(str(tmp_path), "cuda", "float32")
        assert (base.device, base.model.device) == (torch.device("cuda"), CUDA)
        assert base.model.get_output_embeddings().weight.device == CUDA


def test_texts_are_embedded_there_as_here(tmp_path: Path, tokenizer: FastTokenizer, cuda: torch.device) -> None:
    folder, texts = save_embedder(tmp_path, tokenizer), ["warm", "the AC to 22 degrees, please", ""]
    assert np.array_equal(Embedder(folder, device="cuda").encode(texts), Embedder(folder, device="cpu").encode(texts))

"""The least time this machine could take: arithmetic over its matmul rate, bytes over its copy bandwidth."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn.functional import linear
from transformers import PreTrainedModel

from lab.bench.measure import synchronise
from lab.models.lora import GroupedLinear, LoraConfig

_ROWS = {"cpu": 1024, "cuda": 16384}  # tokens of a matmul, as in a training wave
_COPIED = {"cpu": 2**27, "cuda": 2**30}  # bytes, well beyond any cache
_TRIES = 7


@dataclass(frozen=True)
class Shape:
    """The numbers of a model that its cost is made of."""

    layers: int
    width: int  # of the attention's output
    keys: int  # width of the keys, and of the values
    weights: int  # of the linear layers of the decoder: without embeddings and head
    head: int  # vocabulary × width
    adapter: int  # weights of one adapter
    bytes: int  # of one weight

    @classmethod
    def of(cls, model: PreTrainedModel, lora: LoraConfig) -> Shape:
        """Of a model and an adapter on it."""
        config = model.config.get_text_config()
        decoder = model.get_decoder()  # type: ignore[no-untyped-call]
        sizes = {
            path: tuple(module.weight.shape)
            for path, module in decoder.named_modules()
            if isinstance(module, nn.Linear | GroupedLinear)
        }
        adapted = [size for path, size in sizes.items() if path.rpartition(".")[2] in lora.targets]
        size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        return cls(
            layers=config.num_hidden_layers,
            width=size * config.num_attention_heads,
            keys=size * config.num_key_value_heads,
            weights=sum(out * inner for out, inner in sizes.values()),
            head=config.vocab_size * config.hidden_size,
            adapter=lora.rank * sum(out + inner for out, inner in adapted),
            bytes=torch.finfo(model.dtype).bits // 8,
        )


@dataclass(frozen=True)
class Cost:
    """What a piece of work cannot do without."""

    flops: float
    bytes: float


def training_cost(shape: Shape, lengths: Sequence[int], supervised: int, steps: int, groups: int) -> Cost:
    """Training `groups` adapters for `steps` steps each on sequences of these lengths, T tokens in all.

    FLOPs = 4·N·T       N decoder weights: forward, and backward to the activations (weights are frozen)
          + 6·P·T       P adapter weights: forward, backward to activations and to weights
          + 6·d·L·Σn²   causal attention of width d in L layers: 2·d·n² forward, twice that backward
          + 4·V·S       V head weights, S supervised tokens: logits and their gradient
    Bytes = steps · 2 · (N + V) · size + groups · steps · 28 · P: the base is read forward and backward at each
    step, all groups at once; AdamW in float32 reads weight, gradient and both moments and writes all but the
    gradient.
    """
    tokens = sum(lengths)
    flops: float = 4 * shape.weights * tokens + 6 * shape.adapter * tokens + 4 * shape.head * supervised
    flops += 6 * shape.width * shape.layers * sum(n * n for n in lengths)
    moved: float = steps * 2 * (shape.weights + shape.head) * shape.bytes + groups * steps * 28 * shape.adapter
    return Cost(flops, moved)


def answering_cost(shape: Shape, trunks: Sequence[int], prompts: Sequence[int], new_tokens: int) -> Cost:
    """Answering `prompts` (lengths) with `new_tokens` each, where `trunks` (lengths) have to be read.

    FLOPs = 2·(N + P)·(T + R·(k − 1))   T trunk tokens, R answers of k tokens, of which the last is not read
          + 2·V·R·k                     a row of logits for each new token
          + 2·d·L·Σn² + 4·d·L·Σ(kn + k²/2)   causal attention of the trunks and of the new tokens
    Bytes = k · (N + V) · size + Σ(kn + k²/2) · 2·d_kv·L · size + R · k · P · size: the weights once per new
    token for all rows together, each row's keys and values, each row's adapter.
    """
    rows, k = len(prompts), new_tokens
    seen = sum(k * n + k * k / 2 for n in prompts)  # (new token, earlier token) pairs
    read = sum(trunks) + rows * (k - 1)
    flops: float = 2 * (shape.weights + shape.adapter) * read + 2 * shape.head * rows * k
    flops += shape.width * shape.layers * (2 * sum(n * n for n in trunks) + 4 * seen)
    moved = k * (shape.weights + shape.head) + 2 * shape.keys * shape.layers * seen + rows * k * shape.adapter
    return Cost(flops, moved * shape.bytes)


@dataclass(frozen=True)
class Rates:
    """What the machine was seen to do at its best."""

    flops_per_second: float
    bytes_per_second: float

    def or_better(self, other: Rates) -> Rates:
        """The best of both: measured twice, a moment in which others were busy does no harm."""
        return Rates(
            max(self.flops_per_second, other.flops_per_second), max(self.bytes_per_second, other.bytes_per_second)
        )

    def floor(self, cost: Cost, seconds: float) -> dict[str, Any]:
        """The least time for `cost`, and how many times as long `seconds` is."""
        compute, memory = cost.flops / self.flops_per_second, cost.bytes / self.bytes_per_second
        least = max(compute, memory)
        return {
            "flops": cost.flops,
            "bytes": cost.bytes,
            "flops_per_second": self.flops_per_second,
            "bytes_per_second": self.bytes_per_second,
            "compute_seconds": compute,
            "memory_seconds": memory,
            "seconds": least,
            "times_floor": seconds / least,
        }


@torch.no_grad()
def measure_rates(model: PreTrainedModel) -> Rates:
    """Best of several: the model's own largest layer on a wave of tokens, and a copy of a large tensor."""
    device = model.device
    decoder = model.get_decoder()  # type: ignore[no-untyped-call]
    layers = [m.weight for m in decoder.modules() if isinstance(m, nn.Linear | GroupedLinear)]
    weight = max(layers, key=lambda w: w.numel())
    x = torch.randn(_ROWS.get(device.type, 4096), weight.shape[1], device=device).to(weight.dtype)
    source = torch.zeros(_COPIED.get(device.type, 2**27), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    multiply = _best(lambda: linear(x, weight), device)
    copy = _best(lambda: target.copy_(source), device)
    return Rates(2 * len(x) * weight.numel() / multiply, 2 * len(source) / copy)  # a copy reads and writes


def _best(work: Callable[[], object], device: torch.device) -> float:
    """Least seconds of several tries, the first not counted."""
    seconds = []
    for _ in range(_TRIES + 1):
        synchronise(device)
        began = time.perf_counter()
        work()
        synchronise(device)
        seconds.append(time.perf_counter() - began)
    return min(seconds[1:])

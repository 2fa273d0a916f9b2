"""Examples, the order a group reads them in, and a wave: several groups' batches laid out for the model."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lab.errors import LabError
from lab.models.dropout import token_keys
from lab.models.ragged import Runs


@dataclass(frozen=True, eq=False)
class Example:
    """One tokenised dialogue; a supervised token is learned from the tokens before it."""

    ids: NDArray[np.int64]  # [n]
    supervised: NDArray[np.bool_]  # [n]
    key: str = ""
    user: int = 0  # whose it is, of those who share a group; only user embeddings look at it
    features: NDArray[np.float32] | None = None  # [f] what a mixture's gate sees of it
    labels: NDArray[np.float32] | None = None  # [turns, labels] what auxiliary heads predict; NaN: not known

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", np.asarray(self.ids, dtype=np.int64))
        object.__setattr__(self, "supervised", np.asarray(self.supervised, dtype=np.bool_))
        if self.ids.ndim != 1 or self.ids.shape != self.supervised.shape:
            raise LabError(f"Example {self.key!r}: it needs one supervised flag per token id.")
        if not self.supervised[1:].any():
            raise LabError(f"Example {self.key!r}: no token after the first is supervised; leave it out.")
        if self.labels is not None and len(self.labels) != self.first_of_turn.sum():
            raise LabError(f"Example {self.key!r}: it needs one row of labels for each of its supervised turns.")

    @property
    def first_of_turn(self) -> NDArray[np.bool_]:
        """For each supervised token but the example's own first, whether a turn begins with it."""
        wanted = self.supervised[1:]
        return (wanted & ~self.supervised[:-1])[wanted]

    def __len__(self) -> int:
        return len(self.ids)


class Course:
    """The batches of one group: its examples shuffled anew each epoch by its own generator."""

    def __init__(self, lengths: Sequence[int], batch_size: int, epochs: int, seed: int, group: str) -> None:
        self._lengths, self._batch_size = np.asarray(lengths), batch_size
        self._seed = list(hashlib.sha256(f"{seed}/{group}".encode()).digest())
        self.steps_per_epoch = math.ceil(len(lengths) / batch_size)
        self.total_steps = epochs * self.steps_per_epoch
        self._epoch, self._order = -1, np.empty(0, dtype=np.int64)

    def batch(self, step: int) -> NDArray[np.int64]:
        """Indices of the examples of 0-based `step`; a pure function of seed, group and step."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            generator = np.random.default_rng([*self._seed, epoch])
            self._epoch, self._order = epoch, generator.permutation(len(self._lengths))
        return self._order[place * self._batch_size : (place + 1) * self._batch_size]

    def tokens(self, step: int) -> int:
        """Number of tokens in the batch of `step`."""
        return int(self._lengths[self.batch(step)].sum())


@dataclass(frozen=True, eq=False)
class Wave:
    """The sequences of W items (a group's batch each) as one input of the model.

    Packed, all sequences lie end to end in one row, [1, T], with no padding at all. Padded, every sequence
    has its own row, right-padded to the longest, [n, longest]. Flat indices below count through the rows.
    A sequence may begin with virtual tokens, whose ids mean nothing.
    """

    ids: Tensor  # [rows, t]
    positions: Tensor  # [rows, t], each token's place in its own sequence
    sequences: Runs | None  # packed: the sequences within the row; padded: None
    items: Runs  # the runs of flat indices that belong to each item
    where: Tensor  # [n] flat index of the hidden state that predicts supervised token i
    targets: Tensor  # [n] that token
    item: Tensor  # [n] its item
    counts: Tensor  # [W] supervised tokens of each item, float32
    sequence: Tensor  # [rows · t] each token's sequence within its item, int32
    source: Tensor  # [rows · t] its sequence among all of the wave
    examples: tuple[Example, ...]  # [n] the sequences
    owner: Tensor  # [n] the item of each sequence
    virtual: Tensor  # [n · v] flat indices of the virtual tokens, sequence by sequence
    tokens: tuple[int, ...]  # real tokens of each item

    @property
    def size(self) -> int:
        """Number of tokens the model computes, padding included and virtual ones not."""
        return self.ids.numel() - len(self.virtual)

    def keys(self, groups: Sequence[int]) -> Tensor:
        """Dropout keys [W, m] in the layout of `items`, from one 32-bit number per item."""
        per_token = torch.tensor(groups, dtype=torch.int32).repeat_interleave(torch.tensor(self.items.lengths))
        positions = self.positions.flatten().to(torch.int32)
        return self.items.pad(token_keys(per_token.to(self.ids.device), self.sequence, positions))


def lay_out(
    items: Sequence[Sequence[Example]], *, packed: bool, virtual: int = 0, device: torch.device | str = "cpu"
) -> Wave:
    """Lay the examples of W items out for the model, `virtual` tokens before each."""
    examples = [example for examples in items for example in examples]
    lead = np.zeros(virtual, dtype=np.int64)
    sizes = np.array([virtual + len(example) for example in examples])
    item_of = np.repeat(np.arange(len(items)), [len(item) for item in items])  # [sequences]
    sequence_of = np.concatenate([np.arange(len(item)) for item in items])  # [sequences]
    ids = np.concatenate([part for example in examples for part in (lead, example.ids)])  # [T]
    positions = np.concatenate([np.arange(size) for size in sizes])  # [T]
    supervised = np.concatenate([part for example in examples for part in (lead != 0, example.supervised)])  # [T]
    supervised &= positions > virtual  # nothing is learned about a sequence's own first token

    longest = int(sizes.max())
    shape = (1, len(ids)) if packed else (len(examples), longest)
    spread = np.arange(len(ids)) if packed else np.repeat(np.arange(len(examples)) * longest, sizes) + positions
    widths = sizes if packed else np.full_like(sizes, longest)  # flat indices per sequence
    targets = supervised.nonzero()[0]
    target_items = np.repeat(item_of, sizes)[targets]

    def flat(values: NDArray[np.int64]) -> Tensor:
        full = np.zeros(shape, dtype=np.int64)
        full.reshape(-1)[spread] = values
        return torch.from_numpy(full).to(device)

    return Wave(
        ids=flat(ids),
        positions=flat(positions),
        sequences=Runs(sizes.tolist(), device) if packed else None,
        items=Runs(np.bincount(item_of, widths).astype(int).tolist(), device),
        where=torch.from_numpy(spread[targets - 1]).to(device),
        targets=torch.from_numpy(ids[targets]).to(device),
        item=torch.from_numpy(target_items).to(device),
        counts=torch.from_numpy(np.bincount(target_items, minlength=len(items))).float().to(device),
        sequence=torch.from_numpy(np.repeat(sequence_of, widths).astype(np.int32)).to(device),
        source=torch.from_numpy(np.repeat(np.arange(len(examples)), widths)).to(device),
        examples=tuple(examples),
        owner=torch.from_numpy(item_of).to(device),
        virtual=torch.from_numpy(spread[positions < virtual]).to(device),
        tokens=tuple(np.bincount(item_of, sizes - virtual).astype(int).tolist()),
    )


def choose_wave(tokens: Sequence[int], done: Sequence[float], budget: float) -> list[int]:
    """Which of the groups in flight advance together: those furthest behind, as many as fit into `budget`.

    `tokens` are the sizes of their next batches, `done` the finished share of their steps. At least one goes.
    """
    chosen: list[int] = []
    room = budget
    for index in sorted(range(len(tokens)), key=lambda i: (done[i], i)):
        if chosen and tokens[index] > room:
            break
        chosen.append(index)
        room -= tokens[index]
    return sorted(chosen)

"""Keys and values of what was read so far, kept so that one more token costs little.

The stock cache copies everything it holds for each new token, which is most of the time of a decoding step on
a CPU. Here new keys and values are written into room kept free at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor
from transformers import DynamicCache, PreTrainedConfig
from transformers.cache_utils import DynamicLayer

_ROOM = 128  # tokens of free room whenever a layer's memory is laid out anew
_REMEMBERED = 4  # pasts


class RoomyLayer(DynamicLayer):  # type: ignore[no-untyped-call]
    """One layer's keys and values [rows, heads, tokens, size]: `keys` and `values` are views of the memory."""

    keys: Tensor
    values: Tensor
    _memory: tuple[Tensor, Tensor]

    def update(self, key_states: Tensor, value_states: Tensor, *_args: Any, **_kwargs: Any) -> tuple[Tensor, Tensor]:
        """Add the new tokens' keys and values [rows, heads, t, size] and return all of them."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._memory = key_states[:, :, :0], value_states[:, :, :0]
            self.keys, self.values = self._memory
        start = self.keys.shape[2]
        end = start + key_states.shape[2]
        if end > self._memory[0].shape[2]:
            self._lay_out(self.keys, self.values, end + _ROOM)
        for memory, new in zip(self._memory, (key_states, value_states), strict=True):
            memory[:, :, start:end] = new
        self.keys, self.values = (memory[:, :, :end] for memory in self._memory)
        return self.keys, self.values

    def select(self, rows: Tensor, columns: Tensor | None = None) -> None:
        """Keep these rows [n] (repeats allowed) and, of each, these tokens [n, width]; all tokens if None."""
        if columns is None:
            keys, values = self.keys[rows], self.values[rows]
        else:
            picked = rows[:, None], slice(None), columns  # [n, width, heads, size]
            keys, values = (x[picked].transpose(1, 2) for x in (self.keys, self.values))
        self._lay_out(keys, values, keys.shape[2] + _ROOM)

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows of the batch."""
        self.select(indices)

    def _lay_out(self, keys: Tensor, values: Tensor, room: int) -> None:
        held = keys.shape[2]
        memory = []
        for x in (keys, values):
            fresh = x.new_empty(*x.shape[:2], room, x.shape[3])
            fresh[:, :, :held] = x
            memory.append(fresh)
        self._memory = memory[0], memory[1]
        self.keys, self.values = (x[:, :, :held] for x in self._memory)


def _roomy() -> RoomyLayer:
    return RoomyLayer()  # type: ignore[no-untyped-call]


class KeyValueCache(DynamicCache):
    """The cache for a model of this configuration; layers other than plain attention stay the library's own."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config=config)
        self.layers = [_roomy() if type(layer) is DynamicLayer else layer for layer in self.layers]

    @property
    def plain(self) -> bool:
        """Whether every layer keeps all tokens, so that beginnings can be shared and endings taken back."""
        return all(type(layer) is RoomyLayer for layer in self.layers)

    def spread(self, rows: Tensor, columns: Tensor) -> None:
        """Make the batch of rows [n] of this one, of each the tokens `columns` [n, width]; only if `plain`."""
        for layer in self.layers:
            assert isinstance(layer, RoomyLayer)
            layer.select(rows, columns)

    def take_back(self, length: int) -> None:
        """Forget everything after the first `length` tokens; only if `plain`."""
        self.crop(length - self.get_seq_length())


@dataclass
class Past:
    """Tokens that were read, and their keys and values; `before` them lie those of a prefix."""

    cache: KeyValueCache
    before: int = 0
    ids: list[int] = field(default_factory=list)


class Pasts:
    """What was read last, under a few keys: the next turn of a chat need not read the chat again."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Past] = {}  # oldest first

    def take(self, key: Hashable, ids: Sequence[int], new: Callable[[], Past]) -> Past:
        """Take out what is known of the beginning of `ids`, or a `new` one; it is never all of them."""
        past = self._kept.pop(key, None)
        if past is None or not past.cache.plain:
            return new()
        common = 0
        for known, asked in zip(past.ids, ids[:-1], strict=False):
            if known != asked:
                break
            common += 1
        past.cache.take_back(past.before + common)
        del past.ids[common:]
        return past

    def keep(self, key: Hashable, past: Past) -> None:
        """Keep it until it is taken out or others have taken its place."""
        self._kept[key] = past
        while len(self._kept) > _REMEMBERED:
            del self._kept[next(iter(self._kept))]

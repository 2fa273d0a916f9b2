"""What a benchmark works on: a base model, and generated dialogues of many personas."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import cached_property

from transformers import PreTrainedModel

from lab.bench.tiny import tiny_base
from lab.data.generate import generate
from lab.data.types import Dialogue
from lab.errors import LabError
from lab.methods.prompt import Messages, to_messages
from lab.models.base import load_base
from lab.models.batching import Example
from lab.models.chat_template import encode_dialogue
from lab.models.device import pick_device, pick_dtype
from lab.models.lora import LoraConfig
from lab.models.training import GroupData


@dataclass(frozen=True)
class Settings:
    """Size of a benchmark. `dialogues` train each persona; a quarter as many, the newest, are held out."""

    base: str = "smollm2-135m"
    personas: int = 16
    dialogues: int = 20
    epochs: int = 1
    new_tokens: int = 48  # of each answer, at least 2
    repeats: int = 3
    dropout: float = LoraConfig().dropout
    dtype: str = "auto"
    device: str = "auto"
    quick: bool = False  # a tiny random model in the place of `base`

    def __post_init__(self) -> None:
        for name in ("personas", "dialogues", "epochs", "repeats"):
            if getattr(self, name) < 1:
                raise LabError(f"A benchmark needs at least one of {name}; got {getattr(self, name)}.")
        if self.new_tokens < 2:
            raise LabError("A benchmark needs answers of at least 2 new_tokens, the first and another.")

    @property
    def lora(self) -> LoraConfig:
        """The adapter that every side trains or serves."""
        return LoraConfig(dropout=self.dropout)


class Material:
    """The base model, once for this lab and once untouched for `peft`, and the dialogues."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        if settings.quick:
            device = pick_device(settings.device)
            self.base = tiny_base(device, pick_dtype(settings.dtype, device))
        else:
            self.base = load_base(settings.base, settings.device, settings.dtype)
        self.plain: PreTrainedModel = copy.deepcopy(self.base.model)
        held_out = max(1, settings.dialogues // 4)
        data = generate(settings.personas, settings.dialogues + held_out)
        spoken = {persona.persona_id: data.of(persona.persona_id) for persona in data.personas}
        self._train = {name: found[: settings.dialogues] for name, found in spoken.items()}
        self._held_out = {name: found[settings.dialogues :] for name, found in spoken.items()}

    @property
    def personas(self) -> list[str]:
        """Their ids."""
        return list(self._train)

    @cached_property
    def groups(self) -> list[GroupData]:
        """One group per persona."""
        return [GroupData(name, [self._example(d) for d in spoken]) for name, spoken in self._train.items()]

    def held_out(self, persona: str) -> list[Messages]:
        """One persona's held-out dialogues as chat messages, the system message first."""
        return [_messages(dialogue) for dialogue in self._held_out[persona]]

    def _example(self, dialogue: Dialogue) -> Example:
        encoded = encode_dialogue(self.base.tokenizer, _messages(dialogue), min(1024, self.base.context_length))
        return Example(encoded.ids, encoded.supervised, dialogue.dialogue_id)  # type: ignore[arg-type]


def _messages(dialogue: Dialogue) -> Messages:
    turns = [{"role": message.role, "content": message.content} for message in dialogue.messages]
    return to_messages(dialogue.context, turns)


def prompts(messages: Messages) -> list[Messages]:
    """The beginning of a dialogue before each of its assistant turns."""
    return [messages[:i] for i, message in enumerate(messages) if message["role"] == "assistant"]

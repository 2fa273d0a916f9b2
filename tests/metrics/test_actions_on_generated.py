"""The parser against dialogues whose settings are known: what the generator's assistants say is read back."""

from __future__ import annotations

from lab.data.generate.generate import generate
from lab.data.types import Dataset
from lab.metrics.actions import Action, devices_mentioned, parse_actions


def labelled(dataset: Dataset) -> list[tuple[str, set[Action]]]:
    """Every assistant turn with the settings it is labelled with."""
    return [
        (message.content, {Action(d, p, v) for d, s in (message.actions or {}).items() for p, v in s.items()})
        for dialogue in dataset.dialogues
        for message in dialogue.messages
        if message.role == "assistant"
    ]


def test_settings_of_many_manners_are_read_back() -> None:
    turns = labelled(generate(personas=40, dialogues=8, seed=11))
    correct = sum(len(parse_actions(text) & actions) for text, actions in turns)
    assert correct >= 0.99 * sum(len(actions) for _, actions in turns), "recall"
    assert correct >= 0.99 * sum(len(parse_actions(text)) for text, _ in turns), "precision"


def test_a_device_that_is_set_is_mentioned() -> None:
    for text, actions in labelled(generate(personas=10, dialogues=8, seed=12)):
        if actions <= parse_actions(text):
            assert {action.device for action in actions} <= devices_mentioned(text)

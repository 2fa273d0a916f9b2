"""Dialogues as training reads them: labels belong to the turns that are learned from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planned import own_lab
from real_study import CONTENT, carried_out, write_inputs
from tiny_model import tokenizer_of, train_tokenizer
from transformers import OPTConfig, OPTForCausalLM

from lab.data.types import Dialogue, Message
from lab.db.migrate import migrate
from lab.db.queries import list_jobs
from lab.db.tables import State
from lab.methods.labels import Labels
from lab.methods.prompt import to_messages
from lab.models.batching import Example
from lab.models.chat_template import encode_dialogue
from lab.tasks.examples import _learned_from

TOKENIZER = tokenizer_of(train_tokenizer())


def talk(turns: int, words: int = 4) -> Dialogue:
    """Each answer sets another temperature."""
    messages = []
    for turn in range(turns):
        messages.append(Message("user", "warmer " * words))
        messages.append(Message("assistant", f"Setting the AC to {16 + turn} degrees."))
    return Dialogue("d", "anna", datetime(2026, 1, 1, tzinfo=UTC), {}, tuple(messages))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(1, 12), st.integers(24, 400))
def test_every_turn_that_is_learned_from_its_beginning_has_a_row_however_short_the_context(
    turns: int, words: int, length: int
) -> None:
    dialogue = talk(turns, words)
    messages = to_messages({}, [{"role": m.role, "content": m.content} for m in dialogue.messages])
    tokens = encode_dialogue(TOKENIZER, messages, length)
    learned = _learned_from(tokens, messages, dialogue)
    assert learned == sorted(set(learned))
    assert all(dialogue.messages[turn].role == "assistant" for turn in learned)
    labels = Labels(["anna"], [talk(5)]).rows(dialogue, learned)
    if any(tokens.supervised[1:]):  # an example refuses labels that are not one row a turn
        assert len(Example(np.array(tokens.ids), np.array(tokens.supervised), labels=labels).ids) <= length


def test_labels_are_who_speaks_the_devices_and_the_scaled_numbers() -> None:
    labels = Labels(["ben", "anna"], [talk(5)])
    assert (labels.devices, labels.numbers) == (("ac",), (("ac", "temperature"),))
    rows = labels.rows(talk(5), [1, 5, 9])
    assert rows[:, 0].tolist() == [1, 1, 1]
    assert rows[:, 1].tolist() == [1, 1, 1]
    spread = np.std([16, 17, 18, 19, 20])
    assert rows[:, 2].tolist() == pytest.approx([-2 / (2 * spread), 0, 2 / (2 * spread)])
    silent = Dialogue("e", "ben", talk(1).started_at, {}, (Message("user", "Hi"), Message("assistant", "Hello.")))
    assert labels.rows(silent, [1])[0, :2].tolist() == [0, 0]
    assert np.isnan(labels.rows(silent, [1])[0, 2])


def test_a_dialogue_leaves_room_in_the_context_for_what_is_learned_before_it(tmp_path: Path) -> None:
    """Where positions are learned, there are none beyond: on a GPU the whole process would end there."""
    methods = ["unified", "soft-prompt-persona", "prefix-persona", "user-embedding"]
    with own_lab(tmp_path):
        migrate()
        inputs = write_inputs(tmp_path)
        sizes = {"hidden_size": 32, "ffn_dim": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
        shape = OPTConfig(vocab_size=len(TOKENIZER), max_position_embeddings=96, word_embed_proj_dim=32, **sizes)
        OPTForCausalLM(shape).save_pretrained(tmp_path / "learned")
        TOKENIZER.save_pretrained(tmp_path / "learned")
        study = CONTENT | inputs | {"base": str(tmp_path / "learned"), "methods": methods, "method": {}, "seeds": [0]}
        carried_out(study | {"training": {"epochs": 1, "max_length": 1024}})
        assert {job.state for job in list_jobs()} == {State.SUCCEEDED}

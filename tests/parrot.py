"""A real base model that says one sentence, answers it with another, and people in whose dialogues they make sense.

What a random model writes is refused; this one writes what augmentation can use.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tiny_model import SHAPE, tokenizer_of, train_tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from lab.data.types import Dataset, Dialogue, Message, Persona

PERSONAS, DIALOGUES = 3, 10
LETTERS = "abcdefghij"
SAID = "Please make it a bit warmer in this room."
REPLIED = "Can you have the room a bit warmer, please?"
LOUD = 1e6  # what was just said outweighs what was read before
START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def homes() -> Dataset:
    """Everybody wants it warmer; each dialogue carries a word of its own, and a situation of its own."""

    def dialogue(persona: int, number: int) -> Dialogue:
        word = f"q{LETTERS[persona]}x{LETTERS[number]}w"
        said = (
            Message("user", f"Can you make the room a bit warmer, please? {word}"),
            Message("assistant", f"It will be warmer soon, {word}."),
        )
        at = START + timedelta(days=number, hours=persona)
        return Dialogue(f"{persona}-{number}", f"p{persona}", at, {"day": number}, said, "simple")

    people = tuple(Persona(f"p{n}", f"Likes it warm, number {n}.") for n in range(PERSONAS))
    return Dataset(people, tuple(dialogue(p, n) for p in range(PERSONAS) for n in range(DIALOGUES)))


def save_parrot(folder: Path) -> None:
    """A base that says `SAID` whatever it is asked, and `REPLIED` where it has read `SAID`.

    Its first layer looks at all that it read alike, and passes on whether `SAID` was there; the other layers add
    nothing. Its head knows what comes next.
    """
    tokenizer = tokenizer_of(train_tokenizer())
    tokenizer.add_tokens([SAID, REPLIED])
    begin, said, replied, end = (tokenizer.convert_tokens_to_ids(token) for token in ("Ċ", SAID, REPLIED, "<|im_end|>"))
    model = LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), **SHAPE)).requires_grad_(False)
    for name, weight in model.named_parameters():
        if name.endswith(("q_proj.weight", "v_proj.weight", "o_proj.weight", "down_proj.weight")):
            weight.zero_()
    reads, knows = model.get_input_embeddings().weight.zero_(), model.get_output_embeddings().weight.zero_()
    # Residual dimensions: 0 after `begin`, 1 after `said`, 2 after `replied`, 3 where `said` was read before.
    reads[begin, 0], reads[said, 1], reads[replied, 2] = 1.0, LOUD, LOUD
    attention = model.model.layers[0].self_attn
    attention.v_proj.weight[0, 1] = 1.0
    attention.o_proj.weight[3, 0] = math.sqrt(LOUD) * 100  # the share of `said` in a long prompt is small
    knows[said, 0], knows[replied, 3], knows[end, 1], knows[end, 2] = 1.0, 1.0, 1.0, 1.0
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)

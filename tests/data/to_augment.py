"""Dialogues to make others from, and a writer and an embedder for the making."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from lab.data.augment.instructions import BACK_TRANSLATIONS, PARAPHRASES
from lab.data.augment.rewrite import Rewriting
from lab.data.augment.synthesis import Synthesis
from lab.data.augment.vary import Context
from lab.data.types import Dataset, Dialogue, Message, Persona

START = datetime(2026, 3, 1, 8, tzinfo=UTC)
ADA = Persona("ada", "Ada likes it dim.")


def dialogue(*said: str, name: str = "d1", **fields) -> Dialogue:
    """User and assistant in turn."""
    messages = tuple(Message(("user", "assistant")[i % 2], text) for i, text in enumerate(said))
    context = fields.pop("context", {"weather": "rainy"})
    return Dialogue(name, "ada", fields.pop("at", START), context, messages, **fields)


def polite(n_personas: int = 2, n_dialogues: int = 5) -> Dataset:
    """Personas who say the same every day."""
    personas = tuple(Persona(f"p{i}", f"person {i}") for i in range(n_personas))
    said = (Message("user", "Good evening, dear house!"), Message("assistant", "Good evening."))
    return Dataset(
        personas,
        tuple(
            Dialogue(f"{persona.persona_id}-{day}", persona.persona_id, START + timedelta(days=day), {"day": day}, said)
            for persona in personas
            for day in range(n_dialogues)
        ),
    )


def given_to(prompt) -> str:
    """The text that a prompt is about."""
    return prompt[-1]["content"].partition(': "')[2].removesuffix('"')


def say(prompts, _most):
    """A writer that asks kindly for whatever it is given."""
    return [f"Kindly {given_to(prompt)}" for prompt in prompts]


def alike(texts):
    """An embedder to which all texts are the same."""
    return np.ones((len(texts), 1), dtype=np.float32)


def people(data: Dataset) -> list[tuple[Persona, tuple[Dialogue, ...]]]:
    return [(persona, data.of(persona.persona_id)) for persona in data.personas]


def ways() -> list:
    return [
        Rewriting("paraphrase", PARAPHRASES, say, alike, 0),
        Rewriting("back-translation", BACK_TRANSLATIONS, say, alike, 0),
        Context(0),
        Synthesis(say, 0),
    ]

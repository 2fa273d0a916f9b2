"""What training and evaluation are given: the personas of a job and their dialogues by split."""

from __future__ import annotations

from dataclasses import dataclass

from lab.data.load import load
from lab.data.split import Split, split_by_time
from lab.data.types import Dataset, Dialogue
from lab.methods.prompt import Messages, to_messages
from lab.tasks.context import JobContext


@dataclass(frozen=True)
class Material:
    """A job's share of a data set, split by time within each persona."""

    dataset: Dataset
    split: Split

    @property
    def personas(self) -> list[str]:
        """Their ids, in the data's order."""
        return [persona.persona_id for persona in self.dataset.personas]

    def dialogues(self, persona: str, part: str) -> list[Dialogue]:
        """One persona's dialogues of train, val or test, oldest first."""
        wanted = set(self.split.personas[persona].part(part))  # type: ignore[arg-type]
        return [dialogue for dialogue in self.dataset.of(persona) if dialogue.dialogue_id in wanted]


def material(context: JobContext) -> Material:
    """Load what the job's spec names."""
    spec = context.spec
    dataset = load(str(context.dataset))
    dataset = dataset.take(spec["personas"] or len(dataset.personas), spec["dialogues"])
    return Material(dataset, split_by_time(dataset, tuple(spec["shares"])))


def chat_messages(dialogue: Dialogue) -> Messages:
    """A whole dialogue as the model sees it; the system message that it begins with is at index 0."""
    turns = [{"role": message.role, "content": message.content} for message in dialogue.messages]
    return to_messages(dialogue.context, turns)

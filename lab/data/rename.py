"""Another id for the only persona of a data set, where its own is taken elsewhere."""

from __future__ import annotations

from dataclasses import replace

from lab.data.formats.record import BAD_ID, MAX_ID, control
from lab.data.types import Dataset
from lab.errors import LabError


def renamed(dataset: Dataset, persona_id: str, source: str) -> Dataset:
    """The data set of one persona with this id for it; its dialogues' ids begin with it too.

    Raises:
        LabError: there are several personas, or this is no id.
    """
    if len(dataset.personas) != 1:
        raise LabError(f"{source} has {len(dataset.personas)} personas, and an id is for a single one; leave it out.")
    if len(persona_id) > MAX_ID or BAD_ID.search(persona_id) or control(persona_id):
        raise LabError(
            f"persona id {persona_id!r}: use 1 to {MAX_ID} characters, no slash, no line break, no dot first."
        )
    (persona,) = dataset.personas
    lead = f"{persona.persona_id}-"
    dialogues = (
        replace(one, persona_id=persona_id, dialogue_id=f"{persona_id}-{one.dialogue_id.removeprefix(lead)}")
        for one in dataset.dialogues
    )
    return Dataset((replace(persona, persona_id=persona_id),), tuple(dialogues))

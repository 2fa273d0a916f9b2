"""More train dialogues of each persona, made from its own train dialogues."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from pathlib import Path

import orjson

from lab.data.augment.instructions import BACK_TRANSLATIONS, PARAPHRASES
from lab.data.augment.make import Outcome, Tally, Way, augment
from lab.data.augment.rewrite import Rewriting
from lab.data.augment.synthesis import Synthesis
from lab.data.augment.vary import Context
from lab.data.formats.chat import DIALOGUES, PERSONAS, dialogue_record, persona_record, read_chat
from lab.data.formats.jsonl import write
from lab.data.types import Dialogue
from lab.errors import LabError
from lab.methods.declare import Augment
from lab.methods.prompt import Messages
from lab.models.answer import Row
from lab.models.serve import Answer, generate
from lab.models.training import Stopped
from lab.tasks import warm
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.material import Material, material
from lab.tasks.messages import Done, Progress
from lab.tasks.resume import Notes

_PASSES = {"back-translation": 2, "synthesis": 2}  # of the model over the prompts of a round


def run(context: JobContext) -> Done:
    """Make dialogues; the artifact holds them in the chat format, each with what it was made from."""
    given, how = material(context), Augment(**context.spec["augment"])
    writer = _Writer(context, _PASSES.get(how.how, 1))
    people = [(persona, given.dialogues(persona.persona_id, "train")) for persona in given.dataset.personas]
    outcome = augment(_way(how.how, context, writer), people, how.to, context.spec["seed"], writer.begin)
    _check(outcome, how)
    if outcome.made:
        _write(outcome, given, context.folder)
    _tell(context, outcome, how)
    tally = outcome.tally
    refused = {reason.value: number for reason, number in tally.refused.items()}
    result = {"asked": tally.asked, "made": tally.made, "tried": tally.tried, "refused": refused}
    return Done("", result | {"fewest": outcome.fewest, "seconds": writer.seconds})


def read_augmented(folder: Path) -> dict[str, list[Dialogue]]:
    """Persona → the dialogues that a job made of its train dialogues, oldest first; of some personas there may be none.

    Raises:
        LabError: they cannot be read.
    """
    if not (folder / DIALOGUES).exists():  # everybody had enough
        return {}
    found = read_chat(folder)
    return {persona.persona_id: list(found.of(persona.persona_id)) for persona in found.personas}


def _way(how: str, context: JobContext, writer: _Writer) -> Way:
    seed = context.spec["seed"]
    if how == "context":
        return Context(seed)
    if how == "synthesis":
        return Synthesis(writer.ask, seed)
    stages = PARAPHRASES if how == "paraphrase" else BACK_TRANSLATIONS
    return Rewriting(how, stages, writer.ask, lambda texts: warm.embedder(context).encode(texts), seed)


def _check(outcome: Outcome, how: Augment) -> None:
    """Raise LabError where nothing came of it."""
    tally = outcome.tally
    if tally.made or not tally.asked:
        return
    if not tally.tried:
        raise LabError(f"no train dialogue can be augmented by '{how.how}'; choose another augment.how.")
    raise LabError(
        f"augment by '{how.how}' made nothing that will do in {tally.tried} tries ({_reasons(tally)}); "
        "choose another augment.how or a base model that writes better."
    )


def _write(outcome: Outcome, given: Material, folder: Path) -> None:
    """`personas.jsonl` and `dialogues.jsonl`, the latter with `made_from` in each line."""
    personas = [persona for persona in given.dataset.personas if persona.persona_id in outcome.made]
    made = [one for persona in personas for one in outcome.made[persona.persona_id]]
    write(folder / PERSONAS, map(persona_record, personas))
    write(folder / DIALOGUES, (dialogue_record(one.dialogue) | {"made_from": one.made_from} for one in made))


def _tell(context: JobContext, outcome: Outcome, how: Augment) -> None:
    tally = outcome.tally
    if not tally.asked:
        context.log(f"every persona has {how.to} train dialogues or more already: nothing is added")
        return
    context.log(f"{tally.made} of {tally.asked} dialogues made by {how.how}, in {tally.tried} tries")
    if tally.refused:
        context.log(f"refused: {_reasons(tally)}")
    if tally.made < tally.asked:
        context.log(f"that is all there is to try: the persona with the fewest has {outcome.fewest}, not {how.to}")
    context.log(f"they lie in {context.folder}; read them with `lab data show {context.relative(context.folder)}`")


def _reasons(tally: Tally) -> str:
    return ", ".join(f"{n} {reason}" for reason, n in tally.refused.most_common())


class _Writer:
    """The plain base model as a writer; what it wrote is kept on disk every so often, so that a crash costs little."""

    def __init__(self, context: JobContext, passes: int) -> None:
        self._context, self._passes = context, passes
        self._notes = Notes(context, "texts")
        self._saved = time.monotonic()
        self._tally = Tally(0, 0)
        self._span = (0.0, 0.0)  # progress before and after what is being written
        self._left = passes
        kept = self._notes.read()
        self._texts: dict[str, str] = kept.get("texts", {})  # digest of prompt and limit → text
        self.seconds: float = kept.get("seconds", 0.0)

    def begin(self, tally: Tally, draws: int) -> None:
        """A round of so many draws begins."""
        if self._context.should_stop():
            self._stop()
        self._tally, self._left = tally, self._passes
        before, after = (max(tally.made / tally.asked, n / tally.most) for n in (tally.tried, tally.tried + draws))
        self._span = (before, after)
        self._told(0.0)

    def ask(self, prompts: Sequence[Messages], most_tokens: int) -> list[str]:
        """A text for each prompt."""
        keys = [_key(prompt, most_tokens) for prompt in prompts]
        waiting = {key: prompt for key, prompt in zip(keys, prompts, strict=True) if key not in self._texts}
        if waiting:
            self._generate(waiting, most_tokens)
        self._left -= 1
        return [self._texts[key] for key in keys]

    def _generate(self, waiting: dict[str, Messages], most_tokens: int) -> None:
        server = warm.resident(self._context, [])
        names = list(waiting)
        first, last = self._span
        self._span = (first, first + (last - first) / max(self._left, 1))
        self._context.note("writing")
        try:
            generate(
                server,
                [Row(prompt) for prompt in waiting.values()],
                min(most_tokens, server.base.context_length // 2),
                on_row=lambda index, answer: self._take(names[index], answer),
                should_stop=self._context.should_stop,
                on_progress=self._told,
            )
        except Stopped:
            self._stop()
        self._span = (self._span[1], last)

    def _take(self, key: str, answer: Answer) -> None:
        self._texts[key] = answer.text
        self.seconds += answer.seconds
        if time.monotonic() - self._saved > self._context.assignment.checkpoint_seconds:
            self._save()

    def _told(self, share: float) -> None:
        first, last = self._span
        progress = first + (last - first) * share
        self._context.progress(Progress(progress=progress, step=self._tally.made, total_steps=self._tally.asked))

    def _stop(self) -> None:
        self._save()
        raise JobStopped from None

    def _save(self) -> None:
        self._notes.save(len(self._texts), {"texts": self._texts, "seconds": self.seconds})
        self._saved = time.monotonic()


def _key(prompt: Messages, most_tokens: int) -> str:
    return hashlib.sha256(orjson.dumps([prompt, most_tokens])).hexdigest()

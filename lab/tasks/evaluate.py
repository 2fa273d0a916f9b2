"""Evaluate a recipe book: every assistant turn of a split, history teacher-forced, scored per persona."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import orjson

from lab.methods.prompt import Messages
from lab.methods.recipe import RecipeBook, read_book
from lab.metrics.aggregate import aggregate
from lab.metrics.similarity import cosine_similarity
from lab.metrics.turns import TurnScores, score_turn
from lab.models.answer import Row
from lab.models.resident import Resident, Stack
from lab.models.serve import Answer, generate, nll
from lab.models.training import Stopped
from lab.report.predictions import Prediction, write_predictions
from lab.tasks import warm
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.gating import Gating
from lab.tasks.material import Material, material
from lab.tasks.messages import Done, Progress
from lab.tasks.prompting import Prompter

_ANSWERS = "answers.jsonl"
_SHARE_OF_ANSWERS = 0.9  # of the job's time; the rest is scoring


@dataclass(frozen=True)
class _Turn:
    """One assistant turn to be answered."""

    key: str  # names it within the data set
    persona: str
    dialogue: str
    index: int  # in `messages`
    messages: Messages  # the whole dialogue, system message first
    adapters: Stack  # what serves the dialogue
    context: dict[str, object]
    task_type: str

    @property
    def reference(self) -> str:
        return self.messages[self.index]["content"]

    @property
    def history(self) -> Messages:
        return self.messages[: self.index]


def run(context: JobContext) -> Done:
    """Answer, score, and keep every prediction for reading."""
    given = material(context)
    book = read_book(context.needed("book"))
    server = warm.resident(context, list(book.values()))
    prompter = Prompter(context, given)
    turns = _turns(given, prompter, Gating(context, prompter), book, context.spec["split"])
    answers = _answer(context, server, turns)
    context.progress(Progress(progress=_SHARE_OF_ANSWERS, step=len(turns), total_steps=len(turns), note="scoring"))
    predictions = _score(context, server, turns, answers.texts)
    write_predictions(context.folder, predictions)
    result = {
        "turns": len(turns),
        "personas": len(given.personas),
        "answer_seconds": answers.seconds,
        "seconds_per_answer": answers.seconds / max(len(turns), 1),
    }
    context.log(f"{len(turns)} answers in {answers.seconds:.1f} s")
    return Done("", result, _persona_scores(predictions))


def _turns(given: Material, prompter: Prompter, gating: Gating, book: RecipeBook, part: str) -> list[_Turn]:
    found = []
    for persona in given.personas:
        if persona not in book:
            continue
        for dialogue in given.dialogues(persona, part):
            messages = prompter.dialogue(book[persona], dialogue)
            adapters = warm.stack(gating.adapters(book[persona], messages))
            found += [
                _Turn(
                    f"{dialogue.dialogue_id}:{index}",
                    persona,
                    dialogue.dialogue_id,
                    index,
                    messages,
                    adapters,
                    dialogue.context,
                    dialogue.task_type or "",
                )
                for index, message in enumerate(messages)
                if message["role"] == "assistant"
            ]
    return found


# ---------------------------------------------------------------- answers


class _Answers:
    """Turn's key → answer, growing; kept on disk every so often, so that a crash costs little."""

    def __init__(self, context: JobContext, turns: list[_Turn]) -> None:
        self._context = context
        self._turns = turns
        self._earlier = 0.0  # share of the turns that an earlier attempt answered
        self._folder = context.folder / "checkpoint"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._saved = time.monotonic()
        self.texts: dict[str, str] = {}
        self.seconds = 0.0
        self._restore(context.resume)

    def _restore(self, folder: Path | None) -> None:
        if folder is not None and (folder / _ANSWERS).exists():
            try:
                kept = orjson.loads((folder / _ANSWERS).read_bytes())
                self.texts, self.seconds = kept["texts"], kept["seconds"]
            except (orjson.JSONDecodeError, KeyError, TypeError) as error:
                self._context.log(f"the answers so far cannot be read ({error}); they are given anew")
            self._earlier = len(self.texts) / max(len(self._turns), 1)

    def waiting(self) -> list[_Turn]:
        """The turns that have no answer yet."""
        return [turn for turn in self._turns if turn.key not in self.texts]

    def take(self, turn: _Turn, answer: Answer) -> None:
        """Keep one answer."""
        self.texts[turn.key] = answer.text
        self.seconds += answer.seconds
        if time.monotonic() - self._saved > self._context.assignment.checkpoint_seconds:
            self.save()

    def tell(self, share: float) -> None:
        """Say how much of this attempt's work is done."""
        done = self._earlier + (1 - self._earlier) * share
        self._context.progress(
            Progress(progress=_SHARE_OF_ANSWERS * done, step=len(self.texts), total_steps=len(self._turns))
        )

    def save(self) -> None:
        """Write a checkpoint."""
        part = self._folder / f"{_ANSWERS}.part"
        part.write_bytes(orjson.dumps({"texts": self.texts, "seconds": self.seconds}))
        part.rename(self._folder / _ANSWERS)
        self._context.checkpoint(self._folder, len(self.texts))
        self._saved = time.monotonic()


def _answer(context: JobContext, server: Resident, turns: list[_Turn]) -> _Answers:
    """Answer every turn that an earlier attempt has not."""
    answers = _Answers(context, turns)
    waiting = answers.waiting()
    rows = [Row(turn.history, turn.adapters) for turn in waiting]
    context.progress(Progress(note="answering"))
    try:
        generate(
            server,
            rows,
            context.spec["max_new_tokens"],
            on_row=lambda index, answer: answers.take(waiting[index], answer),
            should_stop=context.should_stop,
            on_progress=answers.tell,
        )
    except Stopped:
        answers.save()
        raise JobStopped from None
    return answers


# ---------------------------------------------------------------- scores


def _score(context: JobContext, server: Resident, turns: list[_Turn], answers: dict[str, str]) -> list[Prediction]:
    texts = [answers[turn.key] for turn in turns]
    encoder = warm.embedder(context)
    similarity = cosine_similarity(encoder.encode([turn.reference for turn in turns]), encoder.encode(texts))
    likelihood = _likelihood(context, server, turns)
    return [
        Prediction(
            turn.persona,
            turn.dialogue,
            turn.index,
            turn.task_type,
            turn.context,
            turn.history[1:],  # without the system message
            turn.reference,
            text,
            float(cosine),
            *likelihood.get(turn.key, (0.0, 0)),  # none if the model's context has no room for the turn
        )
        for turn, text, cosine in zip(turns, texts, similarity, strict=True)
    ]


def _likelihood(context: JobContext, server: Resident, turns: list[_Turn]) -> dict[str, tuple[float, int]]:
    """Turn's key → summed NLL (nats) and number of its reference's tokens; one pass for each dialogue."""
    dialogues = {(turn.persona, turn.dialogue): Row(turn.messages, turn.adapters) for turn in turns}
    try:
        scored = nll(server, list(dialogues.values()), should_stop=context.should_stop)
    except Stopped:
        raise JobStopped from None
    return {
        f"{dialogue}:{turn.message}": (turn.nll, turn.tokens)
        for (_, dialogue), found in zip(dialogues, scored, strict=True)
        for turn in found
    }


def _persona_scores(predictions: Iterable[Prediction]) -> list[tuple[str, str, str, float, int]]:
    """(persona, task type, metric, value, n); task type "" is over all of them."""
    groups: dict[tuple[str, str], list[TurnScores]] = defaultdict(list)
    for row in predictions:
        turn = score_turn(row.reference, row.prediction, similarity=row.similarity, nll=row.nll, n_tokens=row.n_tokens)
        groups[row.persona_id, ""].append(turn)
        if row.task_type:
            groups[row.persona_id, row.task_type].append(turn)
    return [
        (persona, task_type, metric, value.value, value.n)
        for (persona, task_type), turns in groups.items()
        for metric, value in aggregate(turns).items()
    ]

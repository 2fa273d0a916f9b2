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
from lab.models.serve import Resident, Row
from lab.report.predictions import Prediction, write_predictions
from lab.tasks import warm
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.material import Material, chat_messages, material
from lab.tasks.messages import Done, Progress

_ANSWERS = "answers.jsonl"
_CHUNK = 64  # answers between two checkpoints
_SHARE_OF_ANSWERS = 0.9  # of the job's time; the rest is scoring


@dataclass(frozen=True)
class _Turn:
    """One assistant turn to be answered."""

    key: str  # names it within the data set
    persona: str
    dialogue: str
    index: int  # in `messages`
    messages: Messages  # the whole dialogue, system message first
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
    book = read_book(context.parent())
    server = warm.resident(context, list(book.values()))
    turns = _turns(given, book, context.spec["split"])
    answers, seconds = _answer(context, server, book, turns)
    context.progress(Progress(progress=_SHARE_OF_ANSWERS, note="scoring"))
    predictions = _score(context, server, book, turns, answers)
    write_predictions(context.folder, predictions)
    result = {
        "turns": len(turns),
        "personas": len(given.personas),
        "answer_seconds": seconds,
        "seconds_per_answer": seconds / max(len(turns), 1),
    }
    context.log(f"{len(turns)} answers in {seconds:.1f} s")
    return Done("", result, _persona_scores(predictions))


def _turns(given: Material, book: RecipeBook, part: str) -> list[_Turn]:
    found = []
    for persona in given.personas:
        if persona not in book:
            continue
        for dialogue in given.dialogues(persona, part):
            messages = chat_messages(dialogue)
            found += [
                _Turn(
                    f"{dialogue.dialogue_id}:{index}",
                    persona,
                    dialogue.dialogue_id,
                    index,
                    messages,
                    dialogue.context,
                    dialogue.task_type or "",
                )
                for index, message in enumerate(messages)
                if message["role"] == "assistant"
            ]
    return found


# ---------------------------------------------------------------- answers


def _answer(
    context: JobContext, server: Resident, book: RecipeBook, turns: list[_Turn]
) -> tuple[dict[str, str], float]:
    """Turn's key → answer, and the seconds it took; what an earlier attempt answered is kept."""
    answers, seconds = _earlier(context.resume)
    folder = context.folder / "checkpoint"
    folder.mkdir(parents=True, exist_ok=True)
    # Alike lengths together: little padding, and a chunk's cost is known from its neighbours'.
    waiting = sorted((turn for turn in turns if turn.key not in answers), key=_length)
    saved = time.monotonic()
    for start in range(0, len(waiting), _CHUNK):
        chunk = waiting[start : start + _CHUNK]
        began = time.monotonic()
        rows = [Row(turn.history, warm.adapter_ids(book[turn.persona])) for turn in chunk]
        texts = server.generate(rows, context.spec["max_new_tokens"], should_stop=context.should_stop)
        if context.should_stop():
            _save(context, folder, answers, seconds)
            raise JobStopped
        answers |= {turn.key: answer.text for turn, answer in zip(chunk, texts, strict=True)}
        seconds += time.monotonic() - began
        if time.monotonic() - saved > context.assignment.checkpoint_seconds:
            _save(context, folder, answers, seconds)
            saved = time.monotonic()
        context.progress(
            Progress(
                progress=_SHARE_OF_ANSWERS * _share(turns, answers),
                step=len(answers),
                total_steps=len(turns),
                note=f"{len(answers) / max(seconds, 1e-9):.1f} answers/s",
            )
        )
    return answers, seconds


def _length(turn: _Turn) -> int:
    return sum(len(message["content"]) for message in turn.history)


def _share(turns: list[_Turn], answers: dict[str, str]) -> float:
    """Share of the work done, by length of what is read."""
    done = sum(_length(turn) for turn in turns if turn.key in answers)
    return done / max(sum(_length(turn) for turn in turns), 1)


def _earlier(folder: Path | None) -> tuple[dict[str, str], float]:
    if folder is None or not (folder / _ANSWERS).exists():
        return {}, 0.0
    kept = orjson.loads((folder / _ANSWERS).read_bytes())
    return kept["answers"], kept["seconds"]


def _save(context: JobContext, folder: Path, answers: dict[str, str], seconds: float) -> None:
    part = folder / f"{_ANSWERS}.part"
    part.write_bytes(orjson.dumps({"answers": answers, "seconds": seconds}))
    part.rename(folder / _ANSWERS)
    context.checkpoint(folder, len(answers))


# ---------------------------------------------------------------- scores


def _score(
    context: JobContext, server: Resident, book: RecipeBook, turns: list[_Turn], answers: dict[str, str]
) -> list[Prediction]:
    texts = [answers[turn.key] for turn in turns]
    encoder = warm.embedder(context)
    similarity = cosine_similarity(encoder.encode([turn.reference for turn in turns]), encoder.encode(texts))
    likelihood = _likelihood(context, server, book, turns)
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
            *likelihood[turn.key],
        )
        for turn, text, cosine in zip(turns, texts, similarity, strict=True)
    ]


def _likelihood(
    context: JobContext, server: Resident, book: RecipeBook, turns: list[_Turn]
) -> dict[str, tuple[float, int]]:
    """Turn's key → summed NLL (nats) and number of its reference's tokens; one pass for each dialogue."""
    dialogues = {(turn.persona, turn.dialogue): turn.messages for turn in turns}
    rows = [Row(messages, warm.adapter_ids(book[persona])) for (persona, _), messages in dialogues.items()]
    found: dict[str, tuple[float, int]] = {}
    scored = server.nll(rows)
    for ((_, dialogue), messages), per_turn in zip(dialogues.items(), scored, strict=True):
        spoken = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
        found |= {f"{dialogue}:{index}": nll for index, nll in zip(spoken, per_turn, strict=True)}
    if context.should_stop():
        raise JobStopped
    return found


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

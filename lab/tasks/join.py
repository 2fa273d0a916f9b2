"""Make one training, or one evaluation, of shards that ran on several devices."""

from __future__ import annotations

from typing import Any

from lab.errors import LabError
from lab.methods.recipe import RecipeBook, read_book, write_book
from lab.report.predictions import read_predictions, write_predictions
from lab.report.scoring import persona_scores
from lab.tasks.context import JobContext
from lab.tasks.messages import Done
from lab.tasks.shards import shards
from lab.tasks.train_shelf import check_learned


def run(context: JobContext) -> Done:
    """Join; the artifact and the result are those of the job that was shared out."""
    return {"train": _training, "evaluate": _evaluation}[context.spec["joins"]](context)


def _training(context: JobContext) -> Done:
    """One recipe book, which names the adapters where the shards left them."""
    book: RecipeBook = {}
    results = []
    for folder, result in shards(context):
        book |= read_book(folder)
        results.append(result)
    check_learned(sum(result["diverged"] for result in results), sum(result["groups"] for result in results))
    _check_start(context, [result["initial_digest"] for result in results])
    write_book(book, context.folder)
    result = training_result(results)
    context.log(
        f"joined {len(results)} shards: {result['groups']} groups trained on {result['tokens']:,} tokens "
        f"in {result['train_seconds']:.1f} s of all their devices"
    )
    return Done("", result)


def _check_start(context: JobContext, digests: list[str]) -> None:
    """Refuse LoRAs that cannot be merged with each other, for which they need one initial A.

    Nothing depends on where virtual tokens start, which the base makes nearly the same on unlike devices.
    """
    if context.spec["parameters"] == "lora" and len(set(digests)) > 1:
        raise LabError(
            "the shards of this training did not begin with the same weights; give all machines the same base model "
            "and the same versions, and run the study with another seed."
        )


def training_result(results: list[dict[str, Any]]) -> dict[str, Any]:
    """What all shards of a training cost together; seconds and their rate are those of one device."""
    tokens, seconds = (sum(result[name] for result in results) for name in ("tokens", "train_seconds"))
    computed = sum(result["tokens"] / (1 - result["padding"]) for result in results)
    return {
        "train_seconds": seconds,
        "tokens": tokens,
        "tokens_per_second": tokens / seconds if seconds else 0.0,
        "padding": 1 - tokens / computed if computed else 0.0,
        "parameters": sum(result["parameters"] for result in results),
        "groups": sum(result["groups"] for result in results),
        "initial_digest": results[0]["initial_digest"],
        "sweep": [],
    }


def _evaluation(context: JobContext) -> Done:
    """All predictions, in the order of the personas, and their scores."""
    predictions, results = [], []
    for folder, result in shards(context):
        predictions += read_predictions(folder)
        results.append(result)
    write_predictions(context.folder, predictions)
    result = evaluation_result(results)
    context.log(f"joined {len(results)} shards: {result['turns']} answers in {result['answer_seconds']:.1f} s")
    return Done("", result, persona_scores(predictions))


def evaluation_result(results: list[dict[str, Any]]) -> dict[str, Any]:
    """What all shards of an evaluation did and took together."""
    turns, personas, seconds = (sum(one[name] for one in results) for name in ("turns", "personas", "answer_seconds"))
    return {
        "turns": turns,
        "personas": personas,
        "answer_seconds": seconds,
        "seconds_per_answer": seconds / max(turns, 1),
    }

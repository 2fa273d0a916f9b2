"""Evaluate a recipe book: every assistant turn of a split, history teacher-forced, scored per persona."""

from __future__ import annotations

from lab.methods.recipe import RecipeBook, read_book
from lab.methods.shard import in_shard
from lab.metrics.similarity import cosine_similarity
from lab.models.answer import Row
from lab.models.embedder import Embedder
from lab.models.likelihood import TurnNll, nll
from lab.models.resident import Resident
from lab.models.serve import generate
from lab.models.training import Stopped
from lab.report.predictions import Prediction, write_predictions
from lab.report.scoring import persona_scores
from lab.tasks import remote, warm
from lab.tasks.answers import SHARE_OF_ANSWERS, Answers, Turn
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.gating import Gating
from lab.tasks.material import Material, material
from lab.tasks.messages import Done, Progress
from lab.tasks.prompting import Prompter
from lab.tasks.shards import keep_result


def run(context: JobContext) -> Done:
    """Answer, score, and keep every prediction for reading; a shard leaves the scores to its join."""
    given, encoder = material(context), warm.embedder(context)  # what cannot be scored need not be answered first
    personas, book = in_shard(given.personas, context.spec), read_book(context.needed("book"))
    book = {persona: book[persona] for persona in personas if persona in book}
    prompter = Prompter(context, given)
    turns = _turns(given, prompter, Gating(context, prompter), book, context.spec["split"])
    answers = Answers(context, turns)
    waiting = answers.waiting()
    remote.answer_turns(context, [turn for turn in waiting if turn.endpoint], answers)
    _answer(context, book, [turn for turn in waiting if not turn.endpoint], answers)
    context.progress(Progress(progress=SHARE_OF_ANSWERS, step=len(turns), total_steps=len(turns), note="scoring"))
    predictions = _score(context, encoder, book, turns, answers)
    write_predictions(context.folder, predictions)
    result = {
        "turns": len(turns),
        "personas": len(personas),
        "answer_seconds": answers.seconds,
        "seconds_per_answer": answers.seconds / max(len(turns), 1),
    }
    context.log(f"{len(turns)} answers in {answers.seconds:.1f} s")
    keep_result(context, result)
    return Done("", result, () if "shard" in context.spec else persona_scores(predictions))


def _turns(given: Material, prompter: Prompter, gating: Gating, book: RecipeBook, part: str) -> list[Turn]:
    found = []
    for persona in given.personas:
        if persona not in book:
            continue
        recipe = book[persona]
        for dialogue in given.dialogues(persona, part):
            messages = prompter.dialogue(recipe, dialogue)
            adapters = warm.stack(gating.adapters(recipe, messages))
            found += [
                Turn(
                    f"{dialogue.dialogue_id}:{index}",
                    persona,
                    dialogue.dialogue_id,
                    index,
                    messages,
                    adapters,
                    recipe.endpoint,
                    dialogue.context,
                    dialogue.task_type or "",
                )
                for index, message in enumerate(messages)
                if message["role"] == "assistant"
            ]
    return found


def _server(context: JobContext, book: RecipeBook) -> Resident:
    """The base model, with the adapters of all recipes that it serves."""
    return warm.resident(context, [recipe for recipe in book.values() if recipe.endpoint is None])


def _answer(context: JobContext, book: RecipeBook, turns: list[Turn], answers: Answers) -> None:
    """Have the base model answer these turns; it is not loaded for none."""
    if not turns:
        return
    server, before = _server(context, book), len(answers.texts)
    context.note("answering")
    try:
        generate(
            server,
            [Row(turn.history, turn.adapters) for turn in turns],
            context.spec["max_new_tokens"],
            on_row=lambda index, answer: answers.take(turns[index], answer.text, answer.seconds),
            should_stop=context.should_stop,
            on_progress=lambda share: answers.tell(before + share * len(turns)),
        )
    except Stopped:
        answers.save()
        raise JobStopped from None


# ---------------------------------------------------------------- scores


def _score(
    context: JobContext, encoder: Embedder, book: RecipeBook, turns: list[Turn], answers: Answers
) -> list[Prediction]:
    texts = [answers.texts[turn.key] for turn in turns]
    similarity = cosine_similarity(encoder.encode([turn.reference for turn in turns]), encoder.encode(texts))
    likelihood = _likelihood(context, book, turns, answers)
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
            *likelihood.get(turn.key, (0.0, 0)),  # none: no room for the turn in the model's context, or an endpoint's
        )
        for turn, text, cosine in zip(turns, texts, similarity, strict=True)
    ]


def _likelihood(
    context: JobContext, book: RecipeBook, turns: list[Turn], answers: Answers
) -> dict[str, tuple[float, int]]:
    """Turn's key → summed NLL (nats) and number of its reference's tokens; one pass for each dialogue.

    An endpoint does not say how likely it finds the words of others.
    """
    dialogues = {turn.dialogue: Row(turn.messages, turn.adapters) for turn in turns if not turn.endpoint}
    if not dialogues:
        return {}
    names, before = list(dialogues), answers.likelihood
    known = {n: [TurnNll(*turn) for turn in before[name]] for n, name in enumerate(names) if name in before}

    def keep(number: int, found: list[TurnNll]) -> None:
        answers.rate(names[number], [(turn.message, turn.nll, turn.tokens) for turn in found])

    server, rows = _server(context, book), list(dialogues.values())
    try:
        scored = nll(server, rows, keep, context.should_stop, known=known)
    except Stopped:
        answers.save()
        raise JobStopped from None
    return {
        f"{dialogue}:{turn.message}": (turn.nll, turn.tokens)
        for dialogue, found in zip(names, scored, strict=True)
        for turn in found
    }

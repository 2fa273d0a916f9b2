"""From predictions to the scores of each persona."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from lab.metrics.aggregate import aggregate
from lab.metrics.turns import TurnScores, score_turn
from lab.report.predictions import Prediction


def persona_scores(predictions: Iterable[Prediction]) -> list[tuple[str, str, str, float, int]]:
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

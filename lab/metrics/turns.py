"""What one assistant turn scores: counts kept as counts, so that adding turns up stays exact."""

from __future__ import annotations

from dataclasses import dataclass

from lab.metrics.actions import devices_mentioned, numbers, parse_actions


@dataclass(frozen=True, slots=True)
class Counts:
    """How many things a prediction got right, how many it named and how many the reference names."""

    correct: int
    predicted: int
    reference: int

    @classmethod
    def of(cls, reference: frozenset[object], prediction: frozenset[object]) -> Counts:
        """Count two sets against each other."""
        return cls(len(reference & prediction), len(prediction), len(reference))


@dataclass(frozen=True, slots=True)
class TurnScores:
    """Everything measured on one assistant turn.

    `similarity` is the cosine of reference and prediction embeddings, `nll` the summed negative
    log-likelihood (nats) of the reference's `n_tokens` tokens, lengths are in words.
    """

    devices: Counts
    parameters: Counts
    numbers: Counts
    similarity: float
    nll: float
    n_tokens: int
    reference_words: int
    predicted_words: int


def score_turn(reference: str, prediction: str, *, similarity: float, nll: float, n_tokens: int) -> TurnScores:
    """Score one predicted assistant turn against its reference; see TurnScores for the units.

    Devices count when mentioned; parameters as (device, parameter, value); numbers as exact values of a
    device's numeric parameter.
    """
    return TurnScores(
        devices=Counts.of(devices_mentioned(reference), devices_mentioned(prediction)),
        parameters=Counts.of(parse_actions(reference), parse_actions(prediction)),
        numbers=Counts.of(numbers(reference), numbers(prediction)),
        similarity=similarity,
        nll=nll,
        n_tokens=n_tokens,
        reference_words=len(reference.split()),
        predicted_words=len(prediction.split()),
    )

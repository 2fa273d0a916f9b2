"""Predictions kept for reading: one JSON line per assistant turn, in the artifact of an evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
from pydantic import TypeAdapter

from lab.errors import LabError

FILE = "predictions.jsonl"


@dataclass(frozen=True, slots=True)
class Prediction:
    """One assistant turn: what was said before it, the reference and the model's answer."""

    persona_id: str
    dialogue_id: str
    turn: int  # index of the assistant's message in the dialogue
    task_type: str
    context: dict[str, object]
    history: list[dict[str, str]]  # the dialogue's messages before this turn
    reference: str
    prediction: str
    similarity: float  # cosine of the embeddings
    nll: float  # of the reference's tokens, summed, nats
    n_tokens: int  # of the reference


_ROW = TypeAdapter(Prediction)


def write_predictions(folder: Path, predictions: Iterable[Prediction]) -> None:
    """Write `predictions.jsonl`."""
    with (folder / FILE).open("wb") as file:
        for prediction in predictions:
            file.write(orjson.dumps(asdict(prediction), option=orjson.OPT_APPEND_NEWLINE))


def read_predictions(folder: Path, persona_id: str | None = None) -> list[Prediction]:
    """The predictions of an evaluation, of one persona if named.

    Raises:
        LabError: the file is missing or damaged.
    """
    path = folder / FILE
    name = b"" if persona_id is None else orjson.dumps(persona_id)  # lines without it need no reading
    try:
        with path.open("rb") as file:
            rows = [orjson.loads(line) for line in file if name in line]
        return [_ROW.validate_python(row) for row in rows if persona_id in (None, row["persona_id"])]
    except FileNotFoundError:
        raise LabError(f"{path}: the predictions are not there; run their job again with `lab retry`.") from None
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise LabError(f"{path}: damaged ({error}); run its job again.") from None

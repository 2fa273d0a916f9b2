"""What a data set is like: variety, lengths, shares, and how well its personas can be told apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from lab.data.split import Split, select
from lab.data.types import Dataset, Dialogue, Role


@dataclass(frozen=True, slots=True)
class Identification:
    """How often a linear classifier names the right persona from one held-out dialogue, and by mere chance."""

    user: float
    assistant: float
    chance: float
    n_train: int
    n_test: int


@dataclass(frozen=True, slots=True)
class Measures:
    """Shares are between 0 and 1; None where the data do not say."""

    n_personas: int
    n_dialogues: int
    n_turns: int
    turns_per_dialogue: float
    unique_assistant_turns: float
    unique_user_turns: float
    distinct_2: float
    task_types: dict[str, float]
    routine_share: float | None
    identification: Identification | None

    def as_dict(self) -> dict[str, Any]:
        """The measures as plain JSON values."""
        return asdict(self)


def measure(dataset: Dataset, split: Split | None = None) -> Measures:
    """Measure a data set; `split` (train and test parts) is needed to tell personas apart."""
    assistant = _texts(dataset.dialogues, "assistant")
    user = _texts(dataset.dialogues, "user")
    return Measures(
        n_personas=len(dataset.personas),
        n_dialogues=len(dataset.dialogues),
        n_turns=len(assistant),
        turns_per_dialogue=len(assistant) / len(dataset.dialogues),
        unique_assistant_turns=len(set(assistant)) / len(assistant),
        unique_user_turns=len(set(user)) / len(user),
        distinct_2=distinct_2(assistant),
        task_types=_task_types(dataset),
        routine_share=_routine_share(dataset),
        identification=None if split is None else identify(dataset, split),
    )


def _texts(dialogues: Sequence[Dialogue], role: Role) -> list[str]:
    return [message.content for dialogue in dialogues for message in dialogue.messages if message.role == role]


def distinct_2(texts: Sequence[str]) -> float:
    """Distinct word pairs over all word pairs of the texts (Li et al. 2016, distinct-2); 0 without any pair."""
    seen: set[tuple[str, str]] = set()
    total = 0
    for text in texts:
        words = text.lower().split()
        pairs = list(pairwise(words))
        seen.update(pairs)
        total += len(pairs)
    return len(seen) / total if total else 0.0


def _task_types(dataset: Dataset) -> dict[str, float]:
    """The share of each task type among the dialogues that have one, the largest first."""
    found = Counter(d.task_type for d in dataset.dialogues if d.task_type is not None)
    return {task_type: n / found.total() for task_type, n in found.most_common()}


def _routine_share(dataset: Dataset) -> float | None:
    """The share of dialogues that follow a routine among those that say whether they do."""
    known = [bool(d.applied_routines) for d in dataset.dialogues if d.applied_routines is not None]
    return sum(known) / len(known) if known else None


def identify(dataset: Dataset, split: Split) -> Identification | None:
    """Train on each persona's train dialogues and name the persona of each test dialogue; None with one persona.

    TF-IDF of words and word pairs, then a linear support-vector classifier, on what the user says and, apart from
    it, on what the assistant says. `chance` is the accuracy of always naming the most frequent persona.
    """
    if len(dataset.personas) < 2:
        return None
    train, test = select(dataset, split, "train").dialogues, select(dataset, split, "test").dialogues
    truth = Counter(dialogue.persona_id for dialogue in test)
    return Identification(
        user=_accuracy(train, test, "user"),
        assistant=_accuracy(train, test, "assistant"),
        chance=max(truth.values()) / len(test),
        n_train=len(train),
        n_test=len(test),
    )


def _accuracy(train: Sequence[Dialogue], test: Sequence[Dialogue], role: Role) -> float:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.svm import LinearSVC

    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\S+")
    known = vectorizer.fit_transform(["\n".join(_texts([d], role)) for d in train])
    asked = vectorizer.transform(["\n".join(_texts([d], role)) for d in test])
    model = LinearSVC(random_state=0).fit(known, [d.persona_id for d in train])
    return float(model.score(asked, [d.persona_id for d in test]))

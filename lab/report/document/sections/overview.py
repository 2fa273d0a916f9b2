"""What was found, in words, and what was studied."""

from __future__ import annotations

from collections import Counter

from lab.methods.method import Method
from lab.report.document.blocks import Block, Bullets, Paragraph, Section, Table, columns
from lab.report.document.gather import Gathered
from lab.report.document.summary import summarised
from lab.report.document.words import count, large, listed
from lab.report.evidence import Evidence
from lab.report.results import MAIN_METRIC

_SIMILARITY = "cosine between the embeddings of answer and reference, by all-MiniLM-L6-v2; 1 is the same"


def summary(evidence: Evidence, gathered: Gathered) -> Section:
    """The sentences, and before them whatever a reader must know first."""
    warnings: list[Block] = [Paragraph(text, strong=True) for text in (*gathered.missing, *_faults(gathered))]
    waiting = [name for name in gathered.declared.methods if evidence.method(name) is None]
    if waiting and evidence.methods:
        warnings.append(Paragraph(f"Without scores yet: {listed(waiting, 12)}.", strong=True))
    said = tuple(one.text for one in summarised(evidence))
    return Section("summary", "In plain words", (*warnings, Bullets(said)))


def _faults(gathered: Gathered) -> list[str]:
    faults = [fault for one in gathered.traced for fault in one.faults]
    more = f" And {len(faults) - 3} more." if len(faults) > 3 else ""
    return [f"Not every number can be traced: {'; '.join(faults[:3])}.{more}"] if faults else []


def studied(evidence: Evidence, gathered: Gathered) -> Section:
    """Data, model, methods and protocol."""
    study = gathered.declared
    parts = dict(zip(("train", "val", "test"), study.split, strict=True))
    rows = (
        ("data", f"{evidence.dataset}, sha256 {evidence.dataset_digest}"),
        (
            "personas",
            f"{evidence.n_personas} with scores" + (f" (the first {study.personas})" if study.personas else ""),
        ),
        ("dialogues of each persona", f"the first {study.dialogues}" if study.dialogues else "all"),
        ("split, by time within a persona", ", ".join(f"{part} {share:g}" for part, share in parts.items())),
        ("judged on", f"{evidence.split}, every assistant turn, the history as it was"),
        ("of each persona", _judged(gathered)),
        *(("embedding similarity", _SIMILARITY),) * (evidence.metric == MAIN_METRIC),
        ("base model", evidence.base),
        ("seeds", ", ".join(map(str, evidence.seeds))),
        ("longest answer", f"{study.max_new_tokens} tokens, greedy"),
        ("training, where a method says nothing else", _training(gathered)),
        ("turns judged for one method", _turns(gathered)),
    )
    known = study.declared()
    methods = tuple((name, about(known[name]), known[name].source) for name in study.methods if name in known)
    return Section(
        "study",
        "What was studied",
        (
            Table(columns("what", "value", words=2), rows),
            Paragraph(f"{count(len(methods), 'method')}, each a declaration over the same primitives:"),
            Table(columns("method", "what it is", "source", words=3), methods),
        ),
    )


def about(method: Method) -> str:
    """What it says of itself; of a study's own, which may say nothing, what can be told from its declaration."""
    if method.about:
        return method.about
    if method.swap:
        return f"A control: every persona is served with what {method.on} has for another one."
    return "Declared in the study file."


def _training(gathered: Gathered) -> str:
    training = gathered.declared.training.model_dump(mode="json")
    return ", ".join(f"{key.replace('_', ' ')} {value:g}" for key, value in training.items() if value is not None)


def _judged(gathered: Gathered) -> str:
    """How little one persona's score rests on."""
    rows = next(iter(gathered.predictions.values()), ())
    turns = Counter(row.persona_id for row in rows)
    dialogues = Counter(persona for persona, _ in {(row.persona_id, row.dialogue_id) for row in rows})
    if not turns:
        return "none yet"
    return f"{_span(turns, 'turn')} of {_span(dialogues, 'dialogue')}"


def _span(sizes: Counter[str], what: str) -> str:
    """`4 to 10 turns`, `1 dialogue`."""
    low, high = min(sizes.values()), max(sizes.values())
    return count(low, what) if low == high else f"{low} to {count(high, what)}"


def _turns(gathered: Gathered) -> str:
    sizes = Counter(one.rows for one in gathered.traced if one.rows)
    return " or ".join(large(rows) for rows in sorted(sizes)) or "none yet"

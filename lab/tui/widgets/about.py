"""A job in words: what went wrong, what it is told to do, what is before and after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lab.tui.text import Line, Span, one_line, wrap_spans

if TYPE_CHECKING:
    from lab.db.queries import JobDetail

_LONGEST_VALUE = 40  # longer values are digests and paths
_LAST = ("shares", "dtype", "max_new_tokens", "max_length", "weight_decay", "max_grad_norm", "warmup_ratio")


def about(detail: JobDetail, cells: int) -> list[Line]:
    """Everything worth knowing about a job beside its curve and its log."""
    job = detail.row
    lines: list[Line] = []
    if job.error:
        lines += wrap_spans([(job.error, "bad")], cells)
    if job.note:
        lines += wrap_spans([(job.note, "accent")], cells)
    if job.waits_for:
        lines += wrap_spans([(f"waits for {_ids(job.waits_for)}", "warn")], cells)
    lines += wrap_spans(facts(detail.spec), cells)
    lines += wrap_spans(list(_graph(detail)), cells)
    return [line for line in lines if line]


def facts(spec: Mapping[str, Any]) -> list[Span]:
    """The settings of a job: `rank 8 · learning rate 0.0005 · …`."""
    spans: list[Span] = []
    for name, value in sorted(_flat(spec), key=lambda fact: fact[0] in _LAST):
        spans += [(" · ", "faint"), (f"{name.replace('_', ' ')} ", "dim"), (value, "")]
    return spans[1:]


def _flat(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in spec.items():
        if isinstance(value, Mapping):
            yield from _flat(value)
        elif value not in (None, "", []):
            said = ",".join(map(str, value)) if isinstance(value, list) else _said(value)
            if len(said) <= _LONGEST_VALUE:
                yield name, one_line(said)


def _said(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _graph(detail: JobDetail) -> Iterator[Span]:
    job = detail.row
    yield f"attempt {job.attempt}", "dim"
    if job.crashes:
        yield f" · {job.crashes} crashes", "warn"
    if detail.parents:
        yield f" · after {_ids(detail.parents)}", "dim"
    if detail.children:
        yield f" · before {_ids(detail.children)}", "dim"
    if detail.checkpoint_step:
        yield f" · checkpoint at step {detail.checkpoint_step}", "dim"
    if detail.artifact:
        yield f" · artifacts/{detail.artifact}", "dim"


def _ids(jobs: tuple[int, ...]) -> str:
    return ", ".join(map(str, jobs))

"""A job in words: what went wrong, what it is told to do, what is before and after it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lab.safe import one_line
from lab.tui.format import duration, loss, progress_bar
from lab.tui.text import Line, Span, joined, wrap_spans

if TYPE_CHECKING:
    from lab.db.queries import JobDetail

_LONGEST_VALUE = 40  # longer values are digests and paths
_BAR_CELLS = 10
_NAMED = 12  # jobs; of more the others are counted, and `g` shows them
_LAST = ("shares", "dtype", "max_new_tokens", "max_length", "weight_decay", "max_grad_norm", "warmup_ratio")


def about(detail: JobDetail, cells: int, why: Sequence[str] = ()) -> list[Line]:
    """Everything worth knowing about a job beside its curve and its log; `why` it waits."""
    job = detail.row
    lines: list[Line] = []
    if job.error:
        lines += wrap_spans([(job.error, "bad")], cells)
    if job.note:
        lines += wrap_spans([(job.note, "accent")], cells)
    for line in why:
        lines += wrap_spans([(line, "warn")], cells)
    lines += wrap_spans(facts(detail.spec), cells)
    lines += wrap_spans(list(_graph(detail)), cells)
    return [line for line in lines if line]


def how_far(detail: JobDetail) -> Line:
    """The whole job at a glance: progress, time left, step, losses."""
    job = detail.row
    parts: list[Line] = [((step(detail), ""),)] if step(detail) else []
    if job.state == "RUNNING" or job.progress:
        parts.insert(0, (*progress_bar(job.progress, _BAR_CELLS), (f" {job.progress:.0%}", "")))
    if job.state == "RUNNING" and job.eta_seconds is not None:
        parts.insert(1, ((f"{duration(job.eta_seconds)} left", ""),))
    for name, value in (("loss", job.loss), ("val", job.val_loss)):
        parts += [((f"{name} ", "dim"), (loss(value), ""))] if value is not None else []
    return joined(parts)


def step(detail: JobDetail) -> str:
    """`step 186/300`; nothing where each of many groups is at a step of its own."""
    job = detail.row
    if job.step is None or (job.kind == "train" and has_groups(detail)):
        return ""
    return f"step {job.step}/{job.total_steps}" if job.total_steps else f"step {job.step}"


def has_groups(detail: JobDetail) -> bool:
    """Whether it trains more than one group."""
    return detail.spec.get("share", "everyone") != "everyone" or bool(detail.spec.get("sweep"))


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
    yield (f"attempt {job.attempt}" if job.attempt else "not begun"), "dim"
    if job.crashes:
        yield (" · 1 crash" if job.crashes == 1 else f" · {job.crashes} crashes"), "warn"
    if detail.parents:
        yield f" · stands on {_jobs(detail.parents)}", "dim"
    if detail.children:
        verb = "waits" if len(detail.children) == 1 else "wait"
        done = "stands on it" if len(detail.children) == 1 else "stand on it"
        yield f" · {_jobs(detail.children)} {done if job.state == 'SUCCEEDED' else f'{verb} for it'}", "dim"
    if detail.checkpoint_step:
        yield f" · checkpoint at step {detail.checkpoint_step}", "dim"
    if detail.artifact:
        yield f" · artifacts/{detail.artifact}", "dim"


def _jobs(jobs: tuple[int, ...]) -> str:
    more = len(jobs) - _NAMED
    named = ", ".join(map(str, jobs[:_NAMED])) + (f" and {more:,} more" if more > 0 else "")
    return f"job{'s' if len(jobs) > 1 else ''} {named}"

"""What a fault did: jobs lost, effects doubled, invariants broken. All three are to be empty."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from planned import all_jobs
from sqlalchemy import text
from sqlmodel import select

from faults import recorder, work
from lab.db.engine import connected, reading
from lab.db.invariants import check_invariants
from lab.db.tables import Job, JobLog, RunMetric, Score, State
from lab.settings import load_settings
from lab.tasks.manifest import verify_manifest


@dataclass
class Verdict:
    """Sentences, one for each thing that is wrong."""

    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


def broken_now() -> list[str]:
    """The invariants of the rows, which hold at any moment; artifacts are looked at in the end only."""
    return check_invariants()


def judge(expected: Mapping[int, tuple[State, ...]], diaries: Path) -> Verdict:
    """Compare what there is with what should be, after the lab has come to rest.

    Args:
        expected: the states that each job may have ended in.
        diaries: the folder with a file for each job, of lines (attempt, step, nanoseconds).
    """
    jobs = all_jobs()
    drills = [job for job in jobs if job.kind == "drill"]
    history = recorder.history()
    verdict = Verdict()
    verdict.lost = [
        f"job {job.id} is {job.state}, not {' or '.join(expected[job.id or 0])}: {job.error or job.note}"
        for job in jobs
        if job.state not in expected.get(job.id or 0, (State.SUCCEEDED,))
    ]
    verdict.lost += [f"job {job} is not there" for job in set(expected) - {job.id for job in jobs}]
    verdict.duplicated = [
        *recorder.strays(),
        *_commits(history),
        *(sentence for job in drills for sentence in _work(job, read_diary(diaries / str(job.id)))),
        *_doubled_logs(),
    ]
    root = load_settings().artifacts
    verdict.violations = [
        *check_invariants(lambda artifact, manifest: verify_manifest(root / artifact, manifest)),
        *(fault for moves in history.values() for move in moves for fault in move.faults()),
        *(f"job {job.id}: its history ends elsewhere" for job in jobs if _strangers(job, history)),
        *_results([job for job in drills if job.state is State.SUCCEEDED], root),
        *_integrity(),
    ]
    return verdict


def read_diary(file: Path) -> list[tuple[int, int, int]]:
    """(attempt, step, nanoseconds) of every step that was really done, in order; a torn line is none."""
    if not file.exists():
        return []
    lines = (line.split() for line in file.read_text().splitlines())
    return [(int(line[0]), int(line[1]), int(line[2])) for line in lines if len(line) == 3]


def _strangers(job: Job, history: Mapping[int, list[recorder.Move]]) -> bool:
    moves = history.get(job.id or 0)
    return bool(moves) and moves[-1].state is not job.state  # type: ignore[index]


def _commits(history: Mapping[int, list[recorder.Move]]) -> Iterator[str]:
    """A job succeeds once."""
    for job, moves in history.items():
        commits = sum(move.state is State.SUCCEEDED and move.was is not State.SUCCEEDED for move in moves)
        if commits > 1:
            yield f"job {job} was committed {commits} times"


def _work(job: Job, diary: list[tuple[int, int, int]]) -> Iterator[str]:
    """Work redone is at most one checkpoint interval a crash, and so is what an old attempt does after its end."""
    interval = int((work.SPEC | job.spec)["checkpoint_every"])
    by_attempt: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for attempt, step, at in diary:
        by_attempt[attempt].append((step, at))
    done = 0
    for attempt in sorted(by_attempt):
        steps = [step for step, _ in by_attempt[attempt]]
        if len(set(steps)) < len(steps):
            yield f"job {job.id}, attempt {attempt}: a step was done twice in it"
        if done - steps[0] + 1 > interval:
            yield f"job {job.id}, attempt {attempt}: began at step {steps[0]} after {done} were done"
        done = max(done, *steps)
    for attempt, lines in by_attempt.items():
        later = [at for other, theirs in by_attempt.items() if other > attempt for _, at in theirs]
        overlap = sum(at > min(later) for _, at in lines) if later else 0
        if overlap > interval:
            yield f"job {job.id}, attempt {attempt}: did {overlap} steps after its successor had begun"


def _doubled_logs() -> Iterator[str]:
    with reading() as session:
        lines = Counter((line.job, line.attempt, line.text) for line in session.exec(select(JobLog)))
    yield from (f"job {key[0]}: logged {count} times: {key[2]}" for key, count in lines.items() if count > 1)


def _results(succeeded: list[Job], root: Path) -> Iterator[str]:
    """Answer, scores and curve of every job are those of a job that nothing happened to."""
    scores: dict[int, list[float]] = defaultdict(list)
    points: dict[int, list[int]] = defaultdict(list)
    with reading() as session:
        for score in session.exec(select(Score)):
            scores[score.job].append(score.value)
        for point in session.exec(select(RunMetric)):
            points[point.job].append(point.step)
    for job in succeeded:
        spec, found = work.SPEC | job.spec, job.id or 0
        answer = root / (job.artifact or "") / "answer"
        if not answer.is_file() or answer.read_bytes() != work.answer(job.spec):
            yield f"job {found}: its answer is another one"
        if scores[found] != [float(str(spec["steps"]))]:
            yield f"job {found}: its scores are {scores[found]}"
        if sorted(points[found]) != list(range(1, int(str(spec["steps"])) + 1)):
            yield f"job {found}: its curve has the steps {sorted(points[found])} of {spec['steps']}"


def _integrity() -> list[str]:
    with connected(writing=False) as connection:
        if connection.dialect.name != "sqlite":
            return []
        said = connection.execute(text("PRAGMA integrity_check")).scalars().all()
        return [] if said == ["ok"] else [f"SQLite: {line}" for line in said]

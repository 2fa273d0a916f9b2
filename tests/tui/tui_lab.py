"""A lab to look at: data, studies, jobs, curves, logs, scores and predictions, through the real tables."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import orjson
from sqlmodel import col, select, update

from lab.db import jobs
from lab.db.engine import engine, writing
from lab.db.jobs import Outcome
from lab.db.leases import Lease
from lab.db.queries import StudyRow, get_study
from lab.db.studies import save_study
from lab.db.tables import Dataset, Job, JobLog, RunMetric, Score, Study, StudyJob, Worker
from lab.methods.plan import plan
from lab.methods.spec import parse_study
from lab.metrics.aggregate import aggregate
from lab.metrics.turns import score_turn
from lab.report.predictions import Prediction, write_predictions
from lab.settings import load_settings
from lab.tasks.submit import import_data

Made = TypeVar("Made")
_TEMPLATES = tempfile.TemporaryDirectory(prefix="persona-lab-tests-")
_MADE: dict[object, Any] = {}
NOW = datetime(2026, 3, 4, 9, 30, 0, tzinfo=UTC)

PERSONAS = {
    "maya": ("Maya", "Yoga instructor, effusive, lives by the evening light and asks for energy or calm."),
    "otto": ("Otto", "Retired machinist. Terse. Wants exact numbers and no chatter."),
    "ines": ("Inés", "Night-shift nurse who sleeps by day and keeps the house cool and dark."),
    "raj": ("Raj", "Audio engineer, technical, particular about volume and equalizer settings."),
    "lena": ("Lena", "Student, casual, streams films on weekends and forgets the lights."),
    "paul": ("Paul", "Hesitant; often corrects himself, prefers warm and dim."),
}
TURNS = (
    ("Lights and some music please", "Setting lights to {n}% brightness and the speaker to volume {m}."),
    ("A bit warmer in here", "I'll set the AC to {t} degrees."),
    ("Film night", "Switching the TV to Netflix at volume {m} and dimming the lights to {n}%."),
)
LIFT = {"base": 0.61, "unified": 0.827, "persona": 0.741, "hybrid": 0.861}


def turn(persona: int, dialogue: int) -> tuple[str, str]:
    """What a persona says, and the reference answer to it."""
    said, answer = TURNS[dialogue % len(TURNS)]
    numbers = {"n": 30 + 10 * (persona % 6), "m": 20 + 5 * persona, "t": 19 + persona % 5}
    return said, answer.format(**numbers)


def write_data(folder: Path) -> Path:
    """A small data set in the chat format."""
    folder.mkdir(parents=True, exist_ok=True)
    personas = [
        {"persona_id": key, "name": name, "description": description} for key, (name, description) in PERSONAS.items()
    ]
    dialogues = []
    for number, key in enumerate(PERSONAS):
        for dialogue in range(10):
            said, answer = turn(number, dialogue)
            dialogues.append(
                {
                    "dialogue_id": f"{key}-{dialogue:02}",
                    "persona_id": key,
                    "started_at": (NOW - timedelta(days=40 - dialogue)).isoformat(),
                    "context": {"time_of_day": "evening", "weather": "rainy", "day_of_week": "weekday"},
                    "task_type": ("simple", "multi-device", "context-dependent")[dialogue % 3],
                    "messages": [
                        {"role": "user", "content": said},
                        {"role": "assistant", "content": answer},
                        {"role": "user", "content": "Thanks"},
                        {"role": "assistant", "content": "You're welcome."},
                    ],
                }
            )
    for name, rows in (("personas", personas), ("dialogues", dialogues)):
        (folder / f"{name}.jsonl").write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return folder


def queue_study(
    data: Path,
    name: str = "smart-home-6",
    methods: tuple[str, ...] = tuple(LIFT),
    base: str = "smollm2-135m",
    evaluate: tuple[str, ...] = ("val", "test"),
    seeds: tuple[int, ...] = (0,),
) -> StudyRow:
    """A study with all its jobs, as `lab run` plans them."""
    content = {"name": name, "data": str(data), "base": base, "methods": methods, "evaluate": evaluate, "seeds": seeds}
    spec = parse_study(content, "test")
    dataset: Dataset = import_data(spec.data)
    row = Study(name=spec.name, spec=spec.model_dump(mode="json"), dataset=dataset.digest, base=spec.base)
    save_study(row, plan(spec, dataset.digest), max_tries=2)
    return get_study(name)


def add_worker(host: str = "gpu01") -> Worker:
    """A supervisor that says it is alive."""
    worker = Worker(
        id=f"{host}:4242:0badcafe",
        host=host,
        machine="m",
        pid=4242,
        pid_started=0.0,
        devices=["cuda:0"],
        version="0.1.0",
        usage={"gpus": [{"device": "cuda:0", "name": "GPU", "memory": 18637.0, "total": 81920.0, "load": 71.0}]},
    )
    with writing() as session:
        session.merge(worker)
    return worker


def claim() -> tuple[Lease, Job]:
    """A worker takes the next job."""
    taken = jobs.claim("work", "gpu01:4242:0badcafe", "cuda:0")
    assert taken is not None
    with writing() as session:
        return taken.lease, session.get_one(Job, taken.lease.job)


def finish(lease: Lease, job: Job, method: str | None = None) -> None:
    """The worker finishes it, with scores and predictions where it is an evaluation."""
    artifact = f"{lease.job}/{lease.attempt}"
    folder = load_settings().artifacts / artifact
    folder.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {}
    scores: list[Score] = []
    if job.kind == "train":
        everyone = job.spec["share"] == "everyone"
        result = {"train_seconds": 128.0 if everyone else 187.0, "parameters": 540_672 * (1 if everyone else 6)}
    elif job.kind == "evaluate":
        result = {"seconds_per_answer": 0.42}
        scores = evaluate(folder, lease.job, method or job.method, job.spec["split"])
    jobs.beat(lease, {"step": 300, "total_steps": 300, "loss": 0.207, "val_loss": 0.701} if job.kind == "train" else {})
    assert jobs.succeed(lease, Outcome(artifact, "f" * 64, result, scores))


def evaluate(folder: Path, job: int, method: str, split: str) -> list[Score]:
    """Predictions, some of them wrong, and the scores of every persona."""
    predictions, scores = [], []
    for number, key in enumerate(PERSONAS):
        similarity = LIFT[method] + 0.03 * math.sin(number * (1 + len(method)))
        turns = []
        for dialogue in (7, 8, 9):
            said, answer = turn(number, dialogue)
            predicted = predict(method, number, answer)
            row = Prediction(
                key, f"{key}-{dialogue:02}", 1, "simple", {"time_of_day": "evening", "weather": "rainy"},
                [{"role": "user", "content": said}], answer, predicted, similarity, 14 * (3.2 - 2 * similarity), 14,
            )  # fmt: skip
            predictions.append(row)
            turns.append(score_turn(answer, predicted, similarity=similarity, nll=row.nll, n_tokens=row.n_tokens))
        scores += [
            Score(job=job, persona_id=key, task_type="", metric=metric, value=value.value, n=value.n)
            for metric, value in aggregate(turns).items()
        ]
    write_predictions(folder, predictions)
    return scores


def predict(method: str, persona: int, reference: str) -> str:
    """An answer as good as the method is."""
    if method == "base":
        return "I'm sorry, I am a language model. \x1b[31mI cannot do that.\x1b[0m [bold]Really[/bold]."
    if method == "hybrid" and persona != 2:
        return reference
    wrong = reference.replace("volume 2", "volume 3").replace("AC to 2", "AC to 1").replace("the lights", "the TV")
    return wrong if method == "unified" else f"OK! {wrong} Enjoy your evening!"


def run_job(lease: Lease, *, steps: int = 186, total: int = 300, groups: tuple[str, ...] = ()) -> None:
    """The worker is in the middle of training."""
    points = []
    for step in range(1, steps + 1):
        train = 0.4 + 1.5 * math.exp(-step / 45) + 0.04 * math.sin(step * 1.7)
        points.append(RunMetric(job=lease.job, series="train", group="", step=step, value=train))
        if step % 20 == 0:
            value = 0.5 + 1.4 * math.exp(-step / 45)
            points.append(RunMetric(job=lease.job, series="val", group="", step=step, value=value))
        points += [
            RunMetric(job=lease.job, series="train", group=group, step=step, value=train + 0.3 * (number + 1))
            for number, group in enumerate(groups)
        ]
    logs = [
        "6 personas, 36 dialogues, 9,412 tokens",
        *(f"step {step}: val {0.5 + 1.4 * math.exp(-step / 45):.3f}" for step in range(20, steps, 20)),
        f"checkpoint {steps}",
    ]
    assert jobs.record(lease, points, logs)
    jobs.beat(
        lease,
        {
            "progress": steps / total,
            "step": steps,
            "total_steps": total,
            "eta_seconds": 192.0,
            "loss": 0.412,
            "val_loss": 0.533,
            "note": "61,204 tokens/s, padding 6.1%",
        },
    )


def method_of(job: int) -> str:
    """The method that a job serves."""
    with writing() as session:
        return session.exec(select(StudyJob.method).where(StudyJob.job == job)).one()


def finish_all() -> None:
    """Work the queue off."""
    while taken := jobs.claim("work", "gpu01:4242:0badcafe", "cuda:0"):
        with writing() as session:
            job = session.get_one(Job, taken.lease.job)
        finish(taken.lease, job)


def run_study(
    data: Path, methods: tuple[str, ...] = tuple(LIFT), evaluate: tuple[str, ...] = ("val", "test")
) -> StudyRow:
    """A study that a worker has run to its end."""
    study = queue_study(data, methods=methods, evaluate=evaluate)
    add_worker()
    finish_all()
    return study


def settle_clock() -> None:
    """Ages and times of day that are the same in every run."""
    with writing() as session:
        for job in session.exec(select(Job)):
            session.execute(
                update(Job)
                .where(col(Job.id) == job.id)
                .values(
                    created_at=NOW - timedelta(minutes=25 - (job.id or 0)),
                    finished_at=NOW - timedelta(minutes=20 - (job.id or 0)) if job.finished_at else None,
                )
            )
        for line in session.exec(select(JobLog)):
            at = NOW - timedelta(seconds=300 - 7 * (line.id or 0))
            session.execute(update(JobLog).where(col(JobLog.id) == line.id).values(at=at))
        session.execute(update(Study).values(created_at=NOW - timedelta(hours=2)))


def kept(build: Callable[[Path], Made]) -> Callable[[Path], Made]:
    """Build a lab once in a session, and copy it for every other test that wants it."""

    def make(data: Path) -> Made:
        root = load_settings().artifacts
        template = Path(_TEMPLATES.name) / build.__name__
        if build not in _MADE:
            _MADE[build] = build(data)
            engine().dispose()
            shutil.copytree(root, template, ignore=shutil.ignore_patterns("run", "queue"))
        else:
            engine().dispose()
            shutil.copytree(template, root, dirs_exist_ok=True)
        made: Made = _MADE[build]
        return made

    return make


@kept
def busy(data: Path) -> Lease:
    """Unified is trained, persona is being trained, the others wait."""
    queue_study(data)
    add_worker()
    for _ in range(4):
        finish(*claim())
    jobs.prioritise(7, 1)
    lease, _ = claim()
    run_job(lease, groups=("maya", "otto"))
    settle_clock()
    return lease


@kept
def failed(data: Path) -> None:
    """Unified failed twice, what waited for it is skipped, and no worker is left."""
    queue_study(data)
    finish(*claim())
    for _ in range(2):
        lease, _ = claim()
        jobs.record(lease, [], ["6 personas, 36 dialogues", "Traceback (most recent call last):", "  out of memory"])
        jobs.fail(lease, "CUDA out of memory: 2.1 GB more is needed; lower batch_size, or groups in flight")
        retry = [job for job in _jobs() if job.state == "RETRY_WAIT"]
        for job in retry:
            jobs.retry_is_due(job.id or 0, job.attempt)
    settle_clock()


def _jobs() -> list[Job]:
    with writing() as session:
        return list(session.exec(select(Job)))


@kept
def done(data: Path) -> StudyRow:
    """Everything succeeded."""
    run_study(data)
    settle_clock()
    return get_study()


def answer_chat(pieces: tuple[str, ...] = ("Setting the lights ", "to 40% and the speaker ", "to volume 20.")) -> int:
    """A chat worker answers one question, word by word; the id of its job."""
    taken = jobs.claim("chat", "gpu01:4242:0badcafe", "cuda:0")
    assert taken is not None
    text = ""
    for piece in pieces:
        text += piece
        assert jobs.reply(taken.lease, text, {})
    info = {
        "base": "smollm2-135m",
        "adapters": [{"name": taken.method, "digest": f"{len(taken.method):02}a9c1" + "0" * 58}],
        "actions": [
            {"device": "lights", "parameter": "brightness", "value": 40},
            {"device": "speaker", "parameter": "volume", "value": 20},
        ],
        "first_token_seconds": 0.41,
        "seconds": 2.13,
    }
    assert jobs.reply(taken.lease, text, info)
    assert jobs.succeed(taken.lease, Outcome("", "", info))
    return taken.lease.job

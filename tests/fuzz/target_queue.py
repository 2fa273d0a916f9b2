"""What comes over the queue and between supervisor and executor: wake-ups, events, assignments."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from dataset_strategies import tiny
from fleet import FAST
from hostile import PATHS, as_json, damaged, garbage, json_like, mutated, texts
from hypothesis import strategies as st
from planned import all_jobs, own_lab, planned, submit
from sqlmodel import SQLModel
from target import Target, check_plain, check_sentence
from tiny_model import save_base

from lab.data.store import keep
from lab.data.types import digest
from lab.db.engine import connected
from lab.db.migrate import migrate
from lab.db.tables import State
from lab.methods.plan import plan
from lab.methods.recipe import Recipe, write_book
from lab.methods.spec import catalog, parse_study
from lab.settings import load_settings
from lab.tasks.base_identity import fingerprint
from lab.tasks.lane import Lane
from lab.tasks.messages import KEPT, decode_event
from lab.tasks.queue import JobQueue

# ---------------------------------------------------------------- wake-ups

_WAKE = [{"job": 1}, {"job": 2**63}, {"job": True}, {"job": [1]}, {"task": "wake", "args": [1]}, [1], 1, "x"]
wake_ups = st.one_of(json_like(*_WAKE), garbage, st.sampled_from(_WAKE).map(as_json).flatmap(damaged))


@lru_cache(maxsize=1)
def _queue(home: Path) -> JobQueue:
    del home  # one for each lab
    return JobQueue("work")


def attack_wake_up(home: Path, content: bytes) -> None:
    """A message is a wake-up or garbage; whatever it is, only `wake` is ever called, and garbage is dropped."""
    queue = _queue(home)
    try:
        task = queue.deserialize_task(content)
    except ValueError as error:
        check_plain(str(error).replace("\n", " "))
    else:
        assert type(task) is queue.wake.task_class
        assert queue.execute(task) is None


# ---------------------------------------------------------------- events

EVENTS: list[dict[str, Any]] = [
    {"event": "Progress", "progress": 0.5, "step": 3, "total_steps": 6, "loss": 1.5, "val_loss": None, "note": "x"},
    {"event": "Metrics", "points": [["train", "", 1, 0.5], ["val", "maya", 2, None]]},
    {"event": "Log", "text": "a line"},
    {"event": "Checkpoint", "folder": "1/1/checkpoint", "step": 3, "back": False},
    {"event": "Answer", "text": "so far", "info": {"adapters": []}},
    {"event": "Done", "manifest": "f" * 64, "result": {"a": 1}, "scores": [["maya", "", "device_f1", 0.5, 3]]},
    {"event": "Failed", "error": "out of memory", "for_good": False},
    {"event": "Stopped"},
]

speeches = st.lists(
    st.one_of(json_like(*EVENTS), json_like(*EVENTS), st.sampled_from(EVENTS).map(as_json), garbage), max_size=6
)


def attack_lane(home: Path, said: list[bytes]) -> None:
    """An executor, a real process, says anything and ends: the lane survives, the job ends or is tried again."""
    speech = home / "speech"
    speech.write_bytes(b"\n".join(said) + b"\n")
    _empty()
    submit(planned("job"), tries=1)
    lane = Lane("work", "cpu", "worker", load_settings(), lambda: None, ("cat", str(speech)))
    try:
        lane.drain()
        lane.return_dropped()
        lane.drain()
    finally:
        lane.close()
    (job,) = all_jobs()
    assert job.state in (State.SUCCEEDED, State.FAILED, State.DEAD, State.RETRY_WAIT), job.state
    if job.error:
        check_sentence(job.error)


def _empty() -> None:
    with connected(writing=True) as connection:
        for table in reversed(SQLModel.metadata.sorted_tables):
            connection.execute(table.delete())


@contextlib.contextmanager
def lab(home: Path) -> Iterator[None]:
    """A lab of one's own, in which nobody waits."""
    with own_lab(home, **FAST | {"LAB_HEARTBEAT_SECONDS": "0.02"}):
        migrate()
        yield


# ---------------------------------------------------------------- assignments


class Watched:
    """A real executor that tells what code runs in it (`watched_executor.py`)."""

    def __init__(self, root: Path) -> None:
        self.root, self.seen = root, root.parent / "seen"
        self._start()

    def _start(self) -> None:
        here = Path(__file__).parent
        paths = os.pathsep.join(map(str, (here, here.parent)))
        offline = {"HF_HUB_OFFLINE": "1", "PYTHONPATH": paths, "FUZZ_SEEN": str(self.seen), "OMP_NUM_THREADS": "1"}
        self._process = subprocess.Popen(
            [sys.executable, str(here / "watched_executor.py"), str(self.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(self.root.parent / "executor.log").open("ab"),
            env=os.environ | offline,
        )

    def do(self, assignment: bytes) -> list[str]:
        """Have it done; the names of the events that came back."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(assignment + b"\n")
        self._process.stdin.flush()
        names: list[str] = []
        for line in self._process.stdout:
            names.append(type(decode_event(line)).__name__)
            if names[-1] == "Checkpoint":
                self._process.stdin.write(KEPT)
                self._process.stdin.flush()
            if names[-1] in ("Done", "Failed", "Stopped"):
                return names
        raise AssertionError(f"the executor died, code {self._process.wait()}")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()


_WATCHED: dict[Path, Watched] = {}


@contextlib.contextmanager
def executor(home: Path) -> Iterator[None]:
    """A lab with a data set, a tiny base model and a recipe book, and an executor that is watched."""
    with own_lab(home) as root:
        data = tiny(2, 6)
        keep(data, root / "datasets", digest(data)[:16])
        save_base(root / "tiny")
        for name in ("all-MiniLM-L6-v2", "smollm2-135m"):
            (home / "cache" / "models" / name).mkdir(parents=True)  # empty: to fetch them would take minutes
        (root / "1" / "1").mkdir(parents=True)
        recipe = Recipe(str(root / "tiny"), weights=fingerprint(str(root / "tiny")))
        write_book({persona.persona_id: recipe for persona in data.personas}, root / "1" / "1")
        _WATCHED[home] = Watched(root)
        try:
            yield
        finally:
            _WATCHED.pop(home).close()


@lru_cache(maxsize=1)
def _assignments() -> list[dict[str, Any]]:
    """One of every kind of job that the methods of the catalogue plan; the base model is named later."""
    content = {"name": "any", "data": "any", "base": "BASE", "training": {"epochs": 1, "batch_size": 2}}
    found: dict[str, dict[str, Any]] = {}
    for name in catalog().keys() - {"endpoint"}:  # nobody answers
        for job in plan(parse_study(content | {"methods": [name]}, "fuzz"), "D", "WEIGHTS"):
            parents = dict.fromkeys(job.parents, "1/1")
            found.setdefault(job.kind, {"kind": job.kind, "method": name, "spec": job.spec, "parents": parents})
    chat = {
        "book": "1/1", "base": "BASE", "dtype": "auto", "data": "D", "personas": None, "dialogues": None,
        "shares": [0.6, 0.2, 0.2], "persona": "p0", "messages": [{"role": "user", "content": "hello"}], "context": {},
        "max_new_tokens": 2,
    }  # fmt: skip
    found["chat"] = {"kind": "chat", "method": "base", "spec": chat, "parents": {}}
    return [one | {"checkpoint": None, "dataset": "DATASET"} for one in found.values()]


@st.composite
def assignments(draw: Any) -> dict[str, Any]:
    """A job as its row might have it."""
    found = draw(st.sampled_from(_assignments()))
    found = found | {"spec": draw(mutated(found["spec"]))} if draw(st.integers(0, 4)) else found
    if draw(st.integers(0, 2)) == 0:
        key = draw(st.sampled_from(["kind", "checkpoint", "dataset"]))
        found = found | {key: draw(st.one_of(texts, st.sampled_from([*PATHS, *_KINDS])))}
    if draw(st.integers(0, 3)) == 0:
        found = found | {"parents": draw(st.dictionaries(texts, texts, max_size=2)) | found["parents"]}
    return found


_KINDS = ["lab.tasks.export", "os", "train", "chat", "__main__", "join"]


def attack_executor(home: Path, found: dict[str, Any]) -> None:
    """A job of any row is done or fails; its executor lives, and neither runs nor writes what the row says."""
    root = _WATCHED[home].root
    data = next(path.name for path in (root / "datasets").iterdir())
    made = {
        "job": 7, "attempt": 1, "root": str(root), "folder": "7/1", "cache": str(home / "cache"), "device": "cpu",
        "dtype": "float32", "checkpoint_seconds": 60.0,
    }  # fmt: skip
    try:
        line = orjson.dumps({"run": found | made})
    except TypeError:  # no row can hold it either
        return
    names = {"BASE": str(root / "tiny"), "WEIGHTS": fingerprint(str(root / "tiny")), "DATASET": f"datasets/{data}"}
    for name, meant in names.items():
        line = line.replace(orjson.dumps(name), orjson.dumps(meant))
    events = _WATCHED[home].do(line)
    assert events[-1] in ("Done", "Failed"), events
    assert not _WATCHED[home].seen.exists(), _WATCHED[home].seen.read_text()


TARGETS = [
    Target("wake-up messages", wake_ups, attack_wake_up, 20, 200, lab),
    Target("executor events", speeches, attack_lane, 2, 5, lab),
    Target("assignments", assignments(), attack_executor, 2, 15, executor),
]

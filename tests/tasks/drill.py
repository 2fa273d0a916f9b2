"""A job that does nothing, slowly, and fails in whatever way its spec says: what fault tests run."""

from __future__ import annotations

import math
import os
import signal
import time
from pathlib import Path

import orjson

from lab.errors import LabError
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.messages import Done, Progress

SPEC = {
    "steps": 3,
    "pause": 0.0,  # seconds a step takes
    "checkpoint_every": 1,  # steps
    "fault": "",  # crash | error | for good | hang | deaf | nan | double
    "at": 0,  # the step before which it happens
    "attempts": 99,  # the last attempt in which it happens
    "noise": False,  # print to standard output, as libraries do
    "children": False,  # leave a grandchild behind that holds our standard output open
}


def run(context: JobContext) -> Done:
    """Count the steps; `steps/<job>` has a line (attempt, step) for each one done."""
    spec = SPEC | context.spec
    diary = context.root / "steps" / str(context.assignment.job)
    diary.parent.mkdir(exist_ok=True)
    if spec["children"] and context.assignment.attempt <= spec["attempts"]:
        _leave_a_child_behind()
    if spec["noise"]:
        os.write(1, b"Loading weights: 100%\n{}\n")
        print("Loading", flush=True)
    begin = _resumed(context)
    for step in range(begin + 1, spec["steps"] + 1):
        if step == spec["at"] and context.assignment.attempt <= spec["attempts"]:
            _suffer(spec["fault"])
        time.sleep(spec["pause"])
        with diary.open("a") as file:
            file.write(f"{context.assignment.attempt} {step}\n")
        context.metrics([("train", "", step, math.nan if spec["fault"] == "nan" else 1.0 / step)])
        context.progress(Progress(progress=step / spec["steps"], step=step, note=f"step {step}"))
        stopping = context.should_stop() and spec["fault"] != "deaf"
        if stopping or step % spec["checkpoint_every"] == 0:
            _checkpoint(context, step)
        if stopping:
            raise JobStopped
    (context.folder / "answer.txt").write_text(f"{spec['steps']} steps")
    context.log(f"did {spec['steps'] - begin} of {spec['steps']} steps")
    scores = [("maya", "", "steps", float(spec["steps"]), 1), ("maya", "", "undefined", math.nan, 0)]
    return Done("", {"steps": spec["steps"]}, scores * (2 if spec["fault"] == "double" else 1))


def _resumed(context: JobContext) -> int:
    if context.resume is None:
        return 0
    step: int = orjson.loads((context.resume / "state.json").read_bytes())["step"]
    return step


def _checkpoint(context: JobContext, step: int) -> None:
    folder: Path = context.folder / "checkpoint"
    folder.mkdir(exist_ok=True)
    (folder / "state.part").write_bytes(orjson.dumps({"step": step}))
    (folder / "state.part").rename(folder / "state.json")
    context.checkpoint(folder, step)


def _suffer(fault: str) -> None:
    match fault:
        case "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        case "error":
            raise RuntimeError("out of memory")
        case "for good":
            raise LabError("there is no such model; name another.")
        case "hang":
            time.sleep(3600)


def _leave_a_child_behind() -> None:
    if os.fork() == 0:
        time.sleep(20)
        os._exit(0)

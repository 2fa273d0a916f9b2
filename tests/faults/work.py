"""The job that fault tests run: it counts steps, keeps a diary, and fails in whatever way its spec says."""

from __future__ import annotations

import os
import resource
import signal
import time
from contextlib import suppress
from pathlib import Path

import orjson

from faults import points
from lab.tasks.context import JobContext, JobStopped
from lab.tasks.messages import Done, Progress

SPEC = {
    "steps": 6,
    "pause": 0.02,  # seconds a step takes
    "checkpoint_every": 2,  # steps
    "fault": "",  # crash | error | memory | gpu memory | killed for memory
    "at": 3,  # the step before which it happens
    "attempts": 1,  # the last attempt in which it happens
    "kilobytes": 1,  # of its artifact
    "child": False,  # whether it starts a process of its own
}
_MIB = 2**20


def run(context: JobContext) -> Done:
    """Count; the diary of the job has a line (attempt, step, nanoseconds) for each step done."""
    spec = SPEC | context.spec
    points.hit("job begins")
    if spec["child"]:
        _start_a_child()
    begin = _resumed(context)
    # What lies before the checkpoint is not done again, but its points may have been lost on their way.
    context.metrics([_point(step) for step in range(1, begin + 1)])
    for step in range(begin + 1, spec["steps"] + 1):
        if step == spec["at"] and context.assignment.attempt <= spec["attempts"]:
            _suffer(spec["fault"])
        time.sleep(spec["pause"])
        _note(context, step)
        context.metrics([_point(step)])
        context.progress(Progress(progress=step / spec["steps"], step=step, note=f"step {step}"))
        stopping = context.should_stop()
        if stopping or step % spec["checkpoint_every"] == 0:
            _checkpoint(context, step)
        if stopping:
            raise JobStopped
    (context.folder / "answer").write_bytes(answer(spec))
    context.log(f"did {spec['steps'] - begin} of {spec['steps']} steps")
    return Done("", {"steps": spec["steps"]}, [("maya", "", "steps", float(spec["steps"]), 1)])


def answer(spec: dict[str, object]) -> bytes:
    """What the job leaves, whoever did it and however often it was begun."""
    filled = SPEC | spec
    return f"{filled['steps']} steps\n".encode().ljust(1024 * int(str(filled["kilobytes"])), b".")


def _point(step: int) -> tuple[str, str, int, float]:
    return ("train", "", step, 1.0 / step)


def _note(context: JobContext, step: int) -> None:
    line = f"{context.assignment.attempt} {step} {time.monotonic_ns()}\n"
    with (Path(os.environ["FAULTS_DIARY"]) / str(context.assignment.job)).open("a") as file:
        file.write(line)


def _resumed(context: JobContext) -> int:
    if context.resume is None:
        return 0
    step: int = orjson.loads((context.resume / "state.json").read_bytes())["step"]
    return step


def _checkpoint(context: JobContext, step: int) -> None:
    """In the way of all kinds of job: a folder of the attempt's own, whose file is replaced in one move."""
    points.hit("before checkpoint file")
    folder = context.folder / "checkpoint"
    folder.mkdir(exist_ok=True)
    (folder / "state.part").write_bytes(orjson.dumps({"step": step}))
    (folder / "state.part").rename(folder / "state.json")
    points.hit("between checkpoint file and pointer")
    context.checkpoint(folder, step)
    points.hit("after pointer")


def _suffer(fault: str) -> None:
    match fault:
        case "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        case "error":
            raise RuntimeError("a passing error")
        case "gpu memory":
            raise OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total of 16.00 GiB")
        case "memory":
            _exceed_the_address_space()
        case "killed for memory":
            _exceed_the_memory_group()


class OutOfMemoryError(RuntimeError):
    """As torch has it: a RuntimeError of this name."""


def _exceed_the_address_space() -> None:
    """Ask for more than a limit allows: a real MemoryError."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 64 * _MIB, hard))
    try:
        bytearray(512 * _MIB)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _exceed_the_memory_group() -> None:
    """Fill a memory control group until the kernel kills us; where none can be had, do as the kernel does."""
    group = os.environ.get("FAULTS_MEMORY_GROUP", "")
    if group:
        with suppress(OSError):
            (Path(group) / "cgroup.procs").write_text(str(os.getpid()))
            hoard = bytearray(256 * _MIB)
            for page in range(0, len(hoard), 4096):
                hoard[page] = 1
    os.kill(os.getpid(), signal.SIGKILL)


def _start_a_child() -> None:
    """A process that holds our standard output open, as data loaders do; it ends by itself."""
    if os.fork() == 0:
        time.sleep(4)
        os._exit(0)

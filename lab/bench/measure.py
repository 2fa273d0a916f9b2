"""Time and memory of several ways to do one thing, taken in turn so that a busy machine is busy for all."""

from __future__ import annotations

import ctypes
import gc
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import psutil
import torch

T = TypeVar("T")
_EVERY = 0.02  # seconds between two looks at a process's memory


@dataclass(frozen=True)
class Sample(Generic[T]):
    """One run of one side."""

    seconds: float
    cpu_seconds: float  # of all threads: hardly longer when others keep the machine busy
    peak_bytes: int  # beyond what was held before
    outcome: T


def interleave(sides: Mapping[str, Callable[[], T]], repeats: int, device: torch.device) -> dict[str, list[Sample[T]]]:
    """Run every side `repeats` times: all of them, then all again, each time another one first."""
    names = list(sides)
    samples: dict[str, list[Sample[T]]] = {name: [] for name in names}
    for turn in range(repeats):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            sample = measure(sides[name], device)
            samples[name].append(sample)
            print(
                f"{name} {turn + 1}/{repeats}: {sample.seconds:.2f} s, CPU {sample.cpu_seconds:.2f} s",
                file=sys.stderr,
                flush=True,
            )
    return samples


def measure(work: Callable[[], T], device: torch.device) -> Sample[T]:
    """Run `work` once, to the end of what it started on the device."""
    _clean(device)
    with _peak(device) as peak:
        began, cpu_began = time.perf_counter(), time.process_time()
        outcome = work()
        synchronise(device)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu_began
    return Sample(seconds, cpu_seconds, peak[0], outcome)


def synchronise(device: torch.device) -> None:
    """Wait until the device has done all it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def ratios(slow: Sequence[Sample[Any]], fast: Sequence[Sample[Any]]) -> dict[str, Any]:
    """How many times as long the one takes, turn by turn, and the median of that; the same for CPU time."""
    each = [one.seconds / other.seconds for one, other in zip(slow, fast, strict=True)]
    cpu = [one.cpu_seconds / other.cpu_seconds for one, other in zip(slow, fast, strict=True)]
    return {
        "median": statistics.median(each),
        "each": each,
        "cpu_median": statistics.median(cpu),
        "cpu_each": cpu,
    }


def timings(samples: Sequence[Sample[Any]]) -> dict[str, Any]:
    """The raw times, their median, and the peak of memory."""
    return {
        "seconds": [sample.seconds for sample in samples],
        "cpu_seconds": [sample.cpu_seconds for sample in samples],
        "median_seconds": statistics.median(sample.seconds for sample in samples),
        "median_cpu_seconds": statistics.median(sample.cpu_seconds for sample in samples),
        "peak_bytes": max(sample.peak_bytes for sample in samples),
    }


def _clean(device: torch.device) -> None:
    """Give back what earlier runs left, so that a peak is the run's own."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc only
        if trim is not None:
            trim(0)


@contextmanager
def _peak(device: torch.device) -> Iterator[list[int]]:
    """Yields a list that holds, after the block, the most bytes allocated (GPU) or resident (CPU) beyond before."""
    found = [0]
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        yield found
        found[0] = torch.cuda.max_memory_allocated(device) - before
        return
    process, done = psutil.Process(), threading.Event()
    before = process.memory_info().rss

    def watch() -> None:
        while not done.wait(_EVERY):
            found[0] = max(found[0], process.memory_info().rss - before)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield found
    finally:
        done.set()
        watcher.join()
        found[0] = max(found[0], process.memory_info().rss - before)

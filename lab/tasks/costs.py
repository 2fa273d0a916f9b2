"""What a study costs, in words: what `lab run` prints and the screen shows before a study starts."""

from __future__ import annotations

from collections.abc import Iterator

from lab.errors import LabError
from lab.settings import load_settings
from lab.tasks.preview import Preview


def total(found: Preview) -> str:
    """`23 jobs, 7 reused; about 41 min on this machine, 85 MB`, and of newcomers `18 jobs of demo reused, 7 new; …`."""
    costs, extends = found.estimate, found.prepared.spec.extends
    shared = sum(not one.job.serves for one in costs.jobs)
    jobs = f"{len(costs.jobs)} job{'s' if len(costs.jobs) != 1 else ''}, {costs.reused} reused"
    if extends:
        new, again = len(costs.jobs) - costs.reused, costs.reused - shared
        there = f", {again} there already" if again else ""
        jobs = f"{shared} job{'s' if shared != 1 else ''} of {extends} reused, {new} new{there}"
    disk = size_text(costs.bytes) + (" and what is not known" if costs.unknown_disk else "")
    return f"{jobs}; {time_text(costs.seconds)} {_where(found)}, {disk}"


def remarks(found: Preview) -> Iterator[str]:
    """What has to be known about the estimate and about the study."""
    if kinds := found.estimate.guessed:
        yield f"no job of this kind has run here yet, so its time is a rough guess: {', '.join(kinds)}"
    if split := sum(one.job.kind == "join" and not one.reused for one in found.estimate.jobs):
        shown = "1 large job is" if split == 1 else f"{split} large jobs are"
        yield f"{shown} split into shards, one for each device, and joined again"
    if found.estimate.bytes > found.free:
        yield f"this does not fit: {size_text(found.free)} are free in {load_settings().artifacts}"
    yield from found.prepared.warnings


def check_room(found: Preview) -> None:
    """Let nothing be queued that has no room.

    Raises:
        LabError: the study needs more disk than is free.
    """
    if found.estimate.bytes > found.free:
        raise LabError(
            f"study '{found.prepared.spec.name}' needs about {size_text(found.estimate.bytes)} of disk, but only "
            f"{size_text(found.free)} are free in {load_settings().artifacts}; make room there (`lab clean` shows what "
            "may go), or take fewer personas or methods."
        )


def time_text(seconds: float) -> str:
    """`0 s`, `about 41 min`, `about 3 h 20 min`: no finer than an estimate is."""
    if 0 < seconds < 1:
        return "less than 1 s"
    if seconds < 90:
        return f"about {seconds:.0f} s" if seconds else "0 s"
    minutes = round(seconds / 60)
    hours, rest = divmod(minutes, 60)
    return f"about {hours} h {rest} min" if hours else f"about {minutes} min"


def size_text(size: int) -> str:
    """`85 MB`."""
    for unit, one in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= one:
            return f"{size / one:.1f} {unit}" if size < 10 * one else f"{size / one:,.0f} {unit}"
    return f"{size} B"


def _where(found: Preview) -> str:
    here = not load_settings().redis_url
    number = len(found.devices)
    if number == 1:
        return "on this machine" if here else "on one device"
    return f"on this machine's {number} devices" if here else f"on {number} devices"

"""What a machine keeps of the store has a limit; what goes is there as it was committed, and nobody uses it."""

from __future__ import annotations

import os
import time

import pytest
from stores import compute

from lab.store import locks
from lab.store.artifacts import Artifacts
from lab.store.cache import make_room

KB = 1e-6  # of a GB
HOUR = 3600.0


@pytest.fixture
def kept(machine):
    """A machine with three published artifacts of 10 kB each; 3/1 was used last, 1/1 first."""
    one = machine("one")
    for n in (1, 2, 3):
        compute(one, f"{n}/1", {"file": str(n) * 10_000})
        one.publish(f"{n}/1")
        used(one, f"{n}/1", n * HOUR)
    return one


def used(artifacts: Artifacts, artifact: str, at: float) -> None:
    os.utime(artifacts.root / artifact / "manifest.json", (at, at))


def here(artifacts: Artifacts) -> list[str]:
    return sorted(path.parent.relative_to(artifacts.root).as_posix() for path in artifacts.root.glob("*/*/file"))


def test_the_least_recently_used_go_until_there_is_room(kept):
    assert make_room(kept, 15 * KB, time.time()) == ["1/1", "2/1"]
    assert here(kept) == ["3/1"]
    assert (kept.fetched("1/1") / "file").read_text() == "1" * 10_000, "it comes back when it is asked for"


def test_to_read_is_to_use(kept):
    kept.fetched("1/1")
    assert make_room(kept, 25 * KB, time.time()) == ["2/1"]


def test_what_was_used_a_moment_ago_stays(kept):
    assert make_room(kept, 1 * KB, 3 * HOUR + 1) == ["1/1", "2/1"]


@pytest.mark.parametrize("limit", [0.0, 100 * KB])
def test_within_the_limit_or_without_one_nothing_goes(kept, limit):
    assert make_room(kept, limit, time.time()) == []


def test_what_a_running_job_uses_stays(kept, machine):
    with kept.in_use():
        kept.fetched("1/1")
        used(kept, "1/1", HOUR)
        assert make_room(machine("one"), 15 * KB, time.time()) == ["2/1", "3/1"]
    assert make_room(machine("one"), 5 * KB, time.time()) == ["1/1"]


@pytest.mark.parametrize("damage", ["manifest.json", "file"])
@pytest.mark.parametrize("how", ["gone", "changed"])
def test_what_the_store_does_not_have_as_it_was_committed_stays(kept, store, damage, how):
    file = store.folder / "1/1" / damage
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(b"x" + file.read_bytes()[1:])
    assert make_room(kept, 15 * KB, time.time()) == ["2/1", "3/1"]
    assert here(kept) == ["1/1"]


def test_what_somebody_has_put_there_stays(kept):
    (kept.root / "1/1/notes.txt").write_text("mine")
    assert "1/1" not in make_room(kept, 1 * KB, time.time())


def test_an_attempt_that_is_not_finished_stays(kept):
    folder = kept.root / "4/1"
    folder.mkdir(parents=True)
    (folder / "file").write_text("growing" * 10_000)
    make_room(kept, 1 * KB, time.time())
    assert here(kept) == ["4/1"]


def test_one_job_at_a_time_makes_room(kept):
    """Two at once counted each other's, and found it gone."""
    with locks.unless_busy(kept.root / ".room") as first:
        assert first
        assert make_room(kept, 1 * KB, time.time()) == []
    assert make_room(kept, 1 * KB, time.time()) != []


def test_what_a_download_that_was_cut_off_has_left_goes_too(kept):
    (kept.root / "1/1/.file.part").write_text("half")
    (kept.root / "1/1/adapters/0000").mkdir(parents=True)
    (kept.root / "1/1/adapters/0000/.file.part").write_text("half")
    assert "1/1" in make_room(kept, 1 * KB, time.time())

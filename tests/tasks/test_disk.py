"""A disk that is full, as the kernel and the libraries really tell it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import LabError
from lab.tasks.disk import disk_full

FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(not FULL.exists(), reason="this system has no disk that is always full")


def met(write) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011  (each library has its own)
        write()
    return caught.value


def by_hand() -> None:
    FULL.write_bytes(b"x")


def behind_another_error() -> None:
    try:
        by_hand()
    except OSError as error:
        raise RuntimeError("the training could not be saved") from error


@pytest.mark.parametrize("write", [by_hand, behind_another_error])
def test_a_job_that_meets_a_full_disk_says_so(write):
    said = disk_full(met(write), Path("/here"))
    assert said == (
        "the disk that holds /here is full; make room there (`lab clean` shows what may go), then `lab retry` goes on "
        "from the last checkpoint."
    )


def test_what_safetensors_says_of_it_is_understood():
    error = RuntimeError('Error while serializing: Os { code: 28, kind: StorageFull, message: "…" }')
    assert disk_full(error, Path("/here"))


@pytest.mark.parametrize("error", [OSError(2, "No such file"), LabError("the model is full of itself"), ValueError()])
def test_other_errors_are_not_taken_for_it(error):
    assert disk_full(error, Path("/here")) is None

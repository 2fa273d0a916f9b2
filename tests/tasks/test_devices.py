"""Which devices a worker offers: what CUDA shows to programs here, in its order."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.settings import load_settings
from lab.tasks.devices import find_devices, usage

ROWS = """0, GPU-aaaa, NVIDIA H100, 100, 81559, 3
1, GPU-bbbb, NVIDIA H100, 200, 81559, [N/A]
2, GPU-cccc, NVIDIA H200, 300, 143771, 50
"""


@pytest.fixture
def three_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lab_home: Path) -> None:
    """A machine whose driver tells of three."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\ncat <<'END'\n{ROWS}END\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


@pytest.mark.parametrize(
    ("visible", "found"),
    [
        (None, ["H100", "H100", "H200"]),
        ("2", ["H200"]),
        ("2,0", ["H200", "H100"]),
        ("GPU-bb, 2", ["H100", "H200"]),
        ("1,7,0", ["H100"]),  # CUDA stops at the first that is not there
        ("MIG-1234", ["MIG-1234"]),
        ("", []),
        ("-1", []),
    ],
)
def test_gpus_are_those_that_cuda_shows(
    three_gpus: None, monkeypatch: pytest.MonkeyPatch, visible: str | None, found: list[str]
) -> None:
    """A worker that offered others had each job fail that came to them."""
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    names = [f"cuda:{number}" for number in range(len(found))]
    assert find_devices(load_settings()) == (names or ["cpu"])
    shown = usage()["gpus"]
    assert [gpu["device"] for gpu in shown] == names
    assert [gpu["name"].removeprefix("NVIDIA ") for gpu in shown] == found


def test_what_the_driver_does_not_know_is_left_open(three_gpus: None) -> None:
    assert [gpu["load"] for gpu in usage()["gpus"]] == [3.0, None, 50.0]


def test_without_a_driver_it_is_the_processor(lab_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_devices(load_settings()) == ["cpu"]

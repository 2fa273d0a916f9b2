"""`lab doctor` says whether the base model can be had, in seconds, with and without a hub."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import orjson
import pytest
from huggingface_hub import constants
from planned import forget_settings

from lab.data.generate import generate_folder
from lab.errors import LabError
from lab.models.offline import WHEELS
from lab.tasks.base_source import OFFLINE, source_of
from lab.tasks.submit import prepare


class _Hub(BaseHTTPRequestHandler):
    """Knows one model."""

    def do_HEAD(self) -> None:
        if "slow" in self.path:
            time.sleep(3)
        self.send_response(200 if self.path == "/api/models/owner/known" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def hub() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own, with an empty hub cache in it and no hub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path


@pytest.fixture
def online(place: Path, hub: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, with a hub."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", hub)
    return place


def test_a_hub_that_gives_it(online):
    assert source_of("owner/known", online) == "not here yet; the hub gives it on first use"


def test_a_hub_that_has_no_such_model(online):
    with pytest.raises(LabError, match=r"owner/unknown: the hub does not give it \(HTTP status 404\)"):
        source_of("owner/unknown", online)


def test_a_hub_that_hangs_is_not_waited_for(online):
    began = time.monotonic()
    with pytest.raises(LabError, match="the hub does not answer"):
        source_of("owner/slow", online)
    assert time.monotonic() - began < 3


def test_no_hub_names_the_way_out(place):
    with pytest.raises(LabError, match=r"or to smollm2-135m, which needs no hub\."):
        source_of("owner/known", place)


def test_a_cached_model_needs_no_hub(place):
    snapshot = place / "hub/models--owner--kept/snapshots/0123"
    snapshot.mkdir(parents=True)
    (snapshot.parent.parent / "refs").mkdir()
    (snapshot.parent.parent / "refs/main").write_text("0123")
    (snapshot / "config.json").write_text("{}")
    with pytest.raises(LabError, match="the hub does not answer"):
        source_of("owner/kept", place)  # the weights are missing
    (snapshot / "model.safetensors").write_bytes(b"")
    assert source_of("owner/kept", place) == "in the hub's cache"


def test_a_model_folder(place):
    with pytest.raises(LabError, match=r"\./nowhere: there is no such model folder"):
        source_of("./nowhere", place)
    (place / "model").mkdir()
    with pytest.raises(LabError, match=r"it has no config\.json"):
        source_of("./model", place)
    (place / "model/config.json").write_text("{}")
    assert source_of("./model", place) == "a folder here"


def test_an_offline_model(place):
    assert source_of("smollm2-135m", place) == "comes from the Python package index on first use"
    (place / "models/smollm2-135m").mkdir(parents=True)
    assert source_of("smollm2-135m", place) == f"in {place}"


def test_what_is_no_name_at_all(place):
    with pytest.raises(LabError, match="'a/b/c' is neither a folder nor a model name"):
        source_of("a/b/c", place)


def test_the_offline_names_are_those_that_can_be_loaded():
    assert set(OFFLINE) <= set(WHEELS)


# ---------------------------------------------------------------- before work is queued


LAYERS = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "vocab_size": 9}
NARROW = {"parameters": "lora", "share": "everyone", "lora": {"targets": ["q_proj", "attn_q"]}}


@pytest.fixture
def said(lab_home: Path, place: Path) -> dict[str, Any]:
    """A study but for its base model."""
    generate_folder(place / "homes", 2, 6, 3.2, 0)
    return {"name": "s", "data": str(place / "homes"), "methods": ["narrow"], "method": {"narrow": NARROW}}


def config(folder: Path, **values: Any) -> str:
    folder.mkdir()
    (folder / "config.json").write_bytes(orjson.dumps(LAYERS | values))
    return str(folder)


@pytest.mark.parametrize("base", ["./nowhere", "a/b/c"])
def test_a_study_on_a_base_model_that_nobody_can_have_is_refused(said, base):
    with pytest.raises(LabError, match=base):
        prepare(None, said | {"base": base})


def test_machines_elsewhere_may_have_a_folder_that_is_not_here(said, monkeypatch):
    monkeypatch.setenv("LAB_REDIS_URL", "redis://queue.example")
    forget_settings()
    assert "no such model folder" in prepare(None, said | {"base": "/models/far"}).warnings[0]


def test_a_hub_out_of_reach_is_a_warning(said):
    assert "the hub does not answer" in prepare(None, said | {"base": "owner/known"}).warnings[0]


def test_layers_that_the_base_model_has_not_are_refused_where_its_family_tells_them(said, place):
    with pytest.raises(
        LabError, match=r"method 'narrow' adapts attn_q, but .*/qwen has no such linear layer; it has q_proj"
    ):
        prepare(None, said | {"base": config(place / "qwen", model_type="qwen2")})
    assert prepare(None, said | {"base": config(place / "other", model_type="gpt_neox")}).warnings == ()


def test_a_study_that_only_asks_a_model_elsewhere_needs_no_base(said):
    far = {"far": {"parameters": "none", "endpoint": {"url": "http://gpu7/v1", "model": "m"}}}
    assert prepare(None, said | {"base": "./nowhere", "methods": ["far"], "method": far}).warnings == ()

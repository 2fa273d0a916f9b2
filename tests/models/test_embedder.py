"""Sentence embeddings: unit vectors, the same for the same text, from weights that need no hub."""

import os
from pathlib import Path

import numpy as np
import pytest
from tiny_model import save_embedder

from lab.errors import LabError
from lab.models import hub, offline
from lab.models.embedder import Embedder

CACHE = Path(os.environ.get("LAB_CACHE", offline.DEFAULT_CACHE))


@pytest.fixture
def folder(tokenizer, tmp_path: Path) -> Path:
    """A tiny random sentence-transformers model."""
    return Path(save_embedder(tmp_path, tokenizer))


def test_rows_are_float32_unit_vectors_in_the_order_of_the_texts(folder):
    embedder = Embedder(str(folder), device="cpu")
    texts = ["warm", "the AC to 22 degrees, please", "", "warm", "x" * 300]
    vectors = embedder.encode(texts)
    assert (vectors.shape, vectors.dtype) == ((5, 16), np.float32)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    assert np.array_equal(vectors[0], vectors[3])
    np.testing.assert_allclose(embedder.encode(texts[::-1])[::-1], vectors, atol=1e-5)
    assert np.array_equal(embedder.encode(texts), vectors)
    assert embedder.encode([]).shape == (0, 16)


def test_a_call_made_lately_is_answered_from_memory_bit_for_bit(folder, monkeypatch):
    asked: list[tuple[str, ...]] = []
    embed = Embedder._embed

    def counted(self: Embedder, texts: tuple[str, ...]) -> np.ndarray:
        asked.append(texts)
        return embed(self, texts)

    monkeypatch.setattr(Embedder, "_embed", counted)
    monkeypatch.setattr("lab.models.embedder._KEPT", 3)
    embedder = Embedder(str(folder), device="cpu")
    first = embedder.encode(["warm", "cold"])
    first[:] = 0.0  # the caller's own
    again = embedder.encode(["warm", "cold", "warm"])
    assert np.array_equal(again, Embedder(str(folder), device="cpu").encode(["warm", "cold", "warm"]))
    assert asked == [("warm", "cold")] * 2
    embedder.encode(["dark"])
    embedder.encode(["warm", "cold"])
    embedder.encode(["light"])  # one too many: what was asked for least lately goes
    embedder.encode(["warm", "cold"])
    embedder.encode(["dark"])
    assert asked[2:] == [("dark",), ("light",), ("dark",)]


def test_what_is_no_embedder_is_one_clear_sentence(tmp_path, monkeypatch):
    with pytest.raises(LabError, match="is not a sentence embedding model"):
        Embedder(str(tmp_path), device="cpu")
    monkeypatch.setattr(hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(LabError, match="the model hub cannot be reached"):
        Embedder("somebody/embedder", device="cpu")


@pytest.mark.slow
def test_the_offline_model_knows_what_is_alike():
    reference, close, far = Embedder(cache=CACHE, device="cpu").encode(
        [
            "Setting the AC to 22 degrees and lights to 50% brightness",
            "I'll set the AC to 20 degrees and the lights to 50%",
            "The cat sleeps.",
        ]
    )
    assert reference.shape == (384,)
    assert reference @ close == pytest.approx(0.743, abs=0.01)
    assert reference @ far == pytest.approx(0.049, abs=0.01)

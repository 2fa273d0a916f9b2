"""Sentence embeddings for similarity."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lab.errors import LabError
from lab.models import offline
from lab.models.device import pick_device
from lab.models.hub import hub_folder
from lab.models.quiet import quiet
from lab.paths import folder_at


class Embedder:
    """all-MiniLM-L6-v2, or another sentence-transformers model by folder or hub name.

    The default comes from its offline package, the same bytes as the hub's, so no hub is asked for it.
    """

    def __init__(
        self, name: str = "all-MiniLM-L6-v2", cache: Path = offline.DEFAULT_CACHE, device: str = "auto"
    ) -> None:
        from sentence_transformers import SentenceTransformer  # a second to import

        folder = _folder(name, cache)
        with quiet():
            try:
                self._model = SentenceTransformer(
                    str(folder), device=str(pick_device(device)), local_files_only=True, trust_remote_code=False
                )
            except (OSError, ValueError) as error:
                raise LabError(f"{name} is not a sentence embedding model that can be read: {error}") from None
        self._model.eval()

    def encode(self, texts: Sequence[str], batch_size: int = 64) -> NDArray[np.float32]:
        """Embed texts as float32 [n, 384], each of length 1; equal texts get equal rows."""
        distinct = list(dict.fromkeys(texts)) or [""]
        place = {text: i for i, text in enumerate(distinct)}
        with torch.no_grad():
            table = self._model.encode(
                distinct, batch_size=batch_size, normalize_embeddings=True, show_progress_bar=False
            )
        rows = np.array([place[text] for text in texts], dtype=np.intp)
        return np.asarray(table, dtype=np.float32)[rows]


def _folder(name: str, cache: Path) -> Path:
    if name in offline.WHEELS:
        return offline.ensure(name, cache)
    return folder_at(name) or hub_folder(name)

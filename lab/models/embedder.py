"""Sentence embeddings for similarity."""

from __future__ import annotations

from collections import OrderedDict
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

_KEPT = 32_768  # texts: 50 MB of MiniLM's vectors


class Embedder:
    """all-MiniLM-L6-v2, or another sentence-transformers model by folder or hub name.

    The default comes from its offline package, the same bytes as the hub's, so no hub is asked for it. What it was
    asked lately it answers from memory: every method of a study asks for the same references, and every one that
    retrieves for the same histories. Only whole calls are kept, as a text's last bits depend on what is beside it.
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
        self._kept: OrderedDict[tuple[str, ...], NDArray[np.float32]] = OrderedDict()  # the latest last
        self._texts = 0  # in all that is kept

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts as float32 [n, 384], each of length 1; equal texts get equal rows."""
        distinct = tuple(dict.fromkeys(texts)) or ("",)
        place = {text: i for i, text in enumerate(distinct)}
        if distinct not in self._kept:
            self._keep(distinct, self._embed(distinct))
        self._kept.move_to_end(distinct)
        return self._kept[distinct][np.array([place[text] for text in texts], dtype=np.intp)]

    def _embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with torch.no_grad():
            table = self._model.encode(list(texts), batch_size=64, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(table, dtype=np.float32)

    def _keep(self, texts: tuple[str, ...], table: NDArray[np.float32]) -> None:
        self._kept[texts] = table
        self._texts += len(texts)
        while self._texts > _KEPT and len(self._kept) > 1:
            gone, _ = self._kept.popitem(last=False)
            self._texts -= len(gone)


def _folder(name: str, cache: Path) -> Path:
    if name in offline.WHEELS:
        return offline.ensure(name, cache)
    return folder_at(name) or hub_folder(name)

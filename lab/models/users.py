"""User embeddings: a short vector for each user, which a shared projector turns into a soft prompt.

Users are told apart by their vectors alone; whatever they have in common is in the projector and in a LoRA that
are trained with them. A user who comes later is fitted by the vector only.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lab.errors import LabError
from lab.models.lora import Adapter, LoraConfig
from lab.models.virtual import VirtualConfig, VirtualTokens


@dataclass(frozen=True)
class UserConfig:
    """A LoRA for all, `tokens` virtual tokens for each user, and the numbers of a user's vector."""

    lora: LoraConfig
    users: int
    tokens: int = 10
    width: int = 64

    def __post_init__(self) -> None:
        if min(self.users, self.tokens, self.width) < 1:
            raise LabError("User embeddings need at least one user, one virtual token and one number for each user.")


@dataclass(frozen=True, eq=False)
class Projector:
    """From a user's vector [k] to a soft prompt [v, d]: weights [v, d, k] · vector + bias [v, d]."""

    weights: Tensor
    bias: Tensor

    def prompts(self, vectors: Tensor) -> Tensor:
        """The soft prompts [n, v, d] of vectors [n, k]."""
        return torch.einsum("vdk,nk->nvd", self.weights, vectors) + self.bias

    def prompt(self, vector: Tensor) -> VirtualTokens:
        """The soft prompt of one vector [k], to be kept and served like any other."""
        return VirtualTokens(VirtualConfig("soft-prompt", len(self.bias)), self.prompts(vector[None])[0].clone())


@dataclass(frozen=True, eq=False)
class VectorConfig:
    """Only a vector is learned, for a projector that is there already; it begins at `start` [k]."""

    projector: Projector
    start: Tensor

    @property
    def tokens(self) -> int:
        """Virtual tokens of a user."""
        return len(self.projector.bias)


@dataclass
class UserTokens:
    """What a group of users learned together: its LoRA, the projector, and the users' vectors [users, k]."""

    adapter: Adapter | None  # None where only vectors were fitted
    projector: Projector
    vectors: Tensor

    def prompt(self, user: int) -> VirtualTokens:
        """One user's soft prompt."""
        return self.projector.prompt(self.vectors[user])

    def digest(self) -> str:
        """SHA-256 (hex) of everything learned, float32."""
        sha = hashlib.sha256((self.adapter.digest() if self.adapter else "").encode())
        for part in (self.projector.weights, self.projector.bias, self.vectors):
            sha.update(str(tuple(part.shape)).encode())
            sha.update(part.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
        return sha.hexdigest()

    def parameters(self) -> int:
        """Number of weights learned."""
        if self.adapter is None:
            return self.vectors.numel()
        shared = self.projector.weights.numel() + self.projector.bias.numel()
        return self.adapter.parameters() + shared + self.vectors.numel()


def save_users(tokens: UserTokens, file: Path) -> None:
    """Write projector and vectors as safetensors; the adapter has a folder of its own."""
    parts = {"weights": tokens.projector.weights, "bias": tokens.projector.bias, "vectors": tokens.vectors}
    save_file({name: part.contiguous() for name, part in parts.items()}, file)


def load_users(file: Path) -> tuple[Projector, Tensor]:
    """The projector and the users' vectors [users, k] in `file`.

    Raises:
        LabError: the file is missing or holds something else.
    """
    try:
        parts = load_file(file)
        return Projector(parts["weights"], parts["bias"]), parts["vectors"]
    except (OSError, SafetensorError, KeyError) as error:
        raise LabError(f"{file}: these are not user embeddings ({error}); run their study again.") from None

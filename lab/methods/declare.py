"""The parts of a method's declaration, each a small table of TOML."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Seed = Annotated[int, Field(ge=0, lt=2**63)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,79}$")]


class Strict(BaseModel):
    """A table that knows its keys and is never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Lora(Strict):
    """A low-rank adapter; the defaults are the published ones."""

    rank: int = Field(8, ge=1, le=1024)
    alpha: float = Field(16.0, gt=0)
    dropout: float = Field(0.05, ge=0, lt=1)
    targets: tuple[str, ...] = Field(
        ("q_proj", "v_proj"), min_length=1, description="names of linear layers, or all-linear"
    )


class Training(Strict):
    """How a group trains; the defaults are the published ones."""

    learning_rate: float = Field(5e-4, gt=0)
    epochs: int = Field(3, ge=1, le=1_000_000)
    batch_size: int = Field(4, ge=1, le=1_000_000, description="dialogues in a step of one group")
    warmup_ratio: float = Field(0.1, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    max_length: int = Field(
        1024, ge=16, le=10_000_000, description="tokens; longer dialogues lose their oldest messages"
    )
    patience: int | None = Field(
        None, ge=1, le=1_000_000, description="stop a group after so many validations without a better val loss"
    )


class Sweep(Strict):
    """Settings to try, every combination as groups of the same pass; the lowest mean val loss over groups wins."""

    learning_rate: tuple[Annotated[float, Field(gt=0)], ...] = ()
    rank: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field((), description="alpha follows: alpha / rank stays")
    seed: tuple[Seed, ...] = ()

    @field_validator("learning_rate", "rank", "seed")
    @classmethod
    def _each_once(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(values)) < len(values):
            raise ValueError("every setting is tried once; leave the repeated one out")
        return values


class Cluster(Strict):
    """Which personas share an adapter; the clusters are found from train dialogues or descriptions alone."""

    by: Literal["description", "behaviour"] = "description"
    how: Literal["kmeans", "agglomerative", "dbscan"] = "kmeans"
    k: int | None = Field(None, ge=1, description="None: the best silhouette over 5…25")


class Merge(Strict):
    """An adapter for each persona, or one for each cluster, out of the adapters that another method trained."""

    of: Name
    how: Literal["exact", "svd", "ties", "dare", "factor-average"] = "exact"
    nearest: int | None = Field(None, ge=1, description="so many of the most similar, its own among them; None: all")
    choose: Literal["similar", "random"] = "similar"
    within: Literal["cluster", "everyone"] = "cluster"
    weights: Literal["equal", "cosine", "val-centrality"] = "equal"
    rank: int | None = Field(None, ge=1, le=1024, description="of svd, ties and dare; None: that of the adapters")
    density: float = Field(0.5, gt=0, le=1, description="of ties and dare")

    @model_validator(mode="after")
    def _rank_where_it_means_something(self) -> Self:
        if self.rank is not None and self.how in ("exact", "factor-average"):
            raise ValueError(f"'rank' is for svd, ties and dare; how = '{self.how}' keeps the adapters' own")
        return self


class Retrieve(Strict):
    """The persona's own older train dialogues, shown in the system message."""

    k: int = Field(3, ge=0, le=50)
    by: Literal["similarity", "recency", "both"] = "similarity"
    show: Literal["examples", "summary", "preferences"] = "examples"

"""The parts of a method's declaration, each a small table of TOML."""

from __future__ import annotations

from math import prod
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

Seed = Annotated[int, Field(ge=0, lt=2**63)]
Word = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,79}$")]
Count = Annotated[int, Field(ge=1, le=10**9)]

_MOST_SETTINGS = 1000


class Strict(BaseModel):
    """A table that knows its keys and is never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _true_is_no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """Python would take it for 1."""
        truths = cls.model_fields[info.field_name or ""].annotation is bool
        said = value if isinstance(value, list | tuple) else (value,)
        if not truths and any(isinstance(one, bool) for one in said):
            raise ValueError("true and false are no values here")
        return value


class Lora(Strict):
    """A low-rank adapter; the defaults are the published ones."""

    rank: int = Field(8, ge=1, le=1024)
    alpha: float = Field(16.0, gt=0)
    dropout: float = Field(0.05, ge=0, lt=1)
    targets: tuple[Word, ...] = Field(
        ("q_proj", "v_proj"), min_length=1, description="names of linear layers, or all-linear"
    )


class Training(Strict):
    """How a group trains; the defaults are the published ones."""

    learning_rate: float = Field(5e-4, gt=0)
    epochs: int = Field(3, ge=0, le=1_000_000, description="0: nothing is trained, a control")
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
    pull: tuple[Annotated[float, Field(ge=0)], ...] = Field((), description="of constrain")

    @field_validator("learning_rate", "rank", "seed", "pull")
    @classmethod
    def _each_once(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if len(set(values)) < len(values):
            raise ValueError("every setting is tried once; leave the repeated one out")
        return values

    @model_validator(mode="after")
    def _few_enough(self) -> Self:
        number = prod(len(values) or 1 for values in (self.learning_rate, self.rank, self.seed, self.pull))
        if number > _MOST_SETTINGS:
            raise ValueError(f"that is {number:,} combinations; try at most {_MOST_SETTINGS:,}")
        return self


class Cluster(Strict):
    """Which personas share an adapter; the clusters are found from train dialogues or descriptions alone."""

    by: Literal["description", "behaviour"] = "description"
    how: Literal["kmeans", "agglomerative", "dbscan"] = "kmeans"
    k: Count | None = Field(None, description="None: the best silhouette over 5…25")

    @model_validator(mode="after")
    def _k_where_it_is_given(self) -> Self:
        if self.how == "dbscan" and self.k is not None:
            raise ValueError("dbscan finds its own number of clusters; leave 'k' out")
        return self


class Merge(Strict):
    """An adapter for each persona, or one for each cluster, out of the adapters that another method trained."""

    of: Name
    how: Literal["exact", "svd", "ties", "dare", "factor-average"] = "exact"
    nearest: Count | None = Field(None, description="so many of the most similar, its own among them; None: all")
    choose: Literal["similar", "random"] = "similar"
    within: Literal["cluster", "everyone"] = "cluster"
    weights: Literal["equal", "cosine", "val-centrality", "learned"] = "equal"
    rank: int | None = Field(None, ge=1, le=1024, description="of svd, ties and dare; None: that of the adapters")
    density: float = Field(0.5, gt=0, le=1, description="of ties and dare")

    @property
    def compares(self) -> bool:
        """Whether it matters which personas are alike; what is drawn, or made of all alike, asks nothing of them."""
        by_likeness = self.choose == "similar" and self.nearest is not None
        return self.within == "cluster" or by_likeness or self.weights in ("cosine", "val-centrality")

    @model_validator(mode="after")
    def _what_means_something(self) -> Self:
        if self.rank is not None and self.how in ("exact", "factor-average"):
            raise ValueError(f"'rank' is for svd, ties and dare; how = '{self.how}' keeps the adapters' own")
        if self.weights == "learned" and self.how != "exact":
            raise ValueError("weights are learned for what is merged exactly; leave 'how' out")
        if self.how not in ("ties", "dare") and self.density != Merge.model_fields["density"].default:
            raise ValueError(f"'density' is for ties and dare; how = '{self.how}' keeps every number")
        if self.choose == "random" and self.nearest is None:
            raise ValueError("choose = 'random' draws 'nearest' of them; say how many that are")
        return self


class Retrieve(Strict):
    """The persona's own older train dialogues, shown in the system message."""

    k: int = Field(3, ge=0, le=50)
    by: Literal["similarity", "recency", "both"] = "similarity"
    show: Literal["examples", "summary", "preferences"] = "examples"


class Constrain(Strict):
    """What holds a LoRA near what it stands on."""

    pull: float = Field(0.0, ge=0, description="λ of λ·‖ΔW‖²: the squares of all that it changes")
    distil: float = Field(0.0, ge=0, description="weight of KL(what it stands on ‖ it) at its supervised tokens")


class Multitask(Strict):
    """Weights of the losses of auxiliary heads, which are thrown away after training."""

    persona: float = Field(0.1, ge=0, description="who is speaking")
    devices: float = Field(0.05, ge=0, description="which devices the answer acts on")
    numbers: float = Field(0.05, ge=0, description="which numbers it sets")


class Mixture(Strict):
    """The distinct adapters of another method as experts, weighed anew for each dialogue by a learned gate."""

    of: Name
    top: Count | None = Field(None, description="only so many experts serve a dialogue; None: all, softly")


class Meta(Strict):
    """A start for each persona's LoRA from which a few steps go far, learned over all personas."""

    how: Literal["reptile", "fomaml"] = "reptile"
    rounds: int = Field(40, ge=1, le=1_000_000, description="steps of the start")
    personas: Count = Field(8, description="drawn for each round")
    steps: int = Field(5, ge=1, le=1000, description="of each persona within a round")
    rate: float | None = Field(
        None, gt=0, le=1, description="of the start; reptile: share of the way it goes (0.5), fomaml: Adam's (1e-3)"
    )


class Augment(Strict):
    """More train dialogues of each persona, made from its own train dialogues by the base model."""

    how: Literal["paraphrase", "context", "back-translation", "synthesis"]
    to: int = Field(100, ge=1, le=100_000, description="train dialogues of each persona, its own counted")


class Route(Strict):
    """One of several methods for each persona."""

    among: tuple[Name, ...] = Field(min_length=2, description="the first is the one that stays where nothing is better")
    how: Literal["val", "classifier", "random"] = "val"

    @field_validator("among")
    @classmethod
    def _each_once(cls, among: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(among)) < len(among):
            raise ValueError("every method is named once; leave the repeated one out")
        return among


class Endpoint(Strict):
    """Another model, behind an OpenAI-compatible address."""

    url: str = "http://localhost:8000/v1"
    model: str = Field(
        "", max_length=4096, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$", description="its name there; empty: the first served"
    )
    key: str = Field("OPENAI_API_KEY", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="variable that holds the key")
    timeout: float = Field(60.0, gt=0, le=3600, description="seconds for one answer")

    @field_validator("url")
    @classmethod
    def _holds_no_secret(cls, url: str) -> str:
        """A study is kept in the database and shown; its key is not."""
        if "@" in url or "?" in url:
            raise ValueError("no password and no '?' here; put what is secret into the variable that 'key' names")
        return url

    @field_validator("url")
    @classmethod
    def _leads_somewhere(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            leads = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0  # one out of range raises
        except ValueError:
            leads = None
        if not leads or not url.isprintable() or " " in url:
            raise ValueError("this is no address of a server; write it like http://gpu7:8000/v1")
        return url

"""A personalisation method as data: its declaration, and which of its parts make sense together."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from lab.methods.declare import (
    Augment,
    Cluster,
    Constrain,
    Endpoint,
    Lora,
    Merge,
    Meta,
    Mixture,
    Multitask,
    Name,
    Retrieve,
    Route,
    Strict,
    Sweep,
    Training,
)


class Method(Strict):
    """One personalisation method, as `catalog.toml` declares it."""

    about: str = ""
    source: str = ""
    share: Literal["everyone", "cluster", "persona"] = "everyone"
    parameters: Literal["none", "lora", "soft-prompt", "prefix", "user-embedding"]
    on: Name | None = None
    cluster: Cluster | None = None
    merge: Merge | None = None
    mixture: Mixture | None = None
    route: Route | None = None
    endpoint: Endpoint | None = None
    swap: bool = Field(False, description="serve every persona as another one: a control")
    prompt: Literal["none", "description", "preferences"] = "none"
    retrieve: Retrieve | None = None
    lora: Lora = Lora()
    tokens: int = Field(10, ge=1, le=512, description="of a soft prompt, a prefix or a user embedding")
    constrain: Constrain | None = None
    multitask: Multitask | None = None
    meta: Meta | None = None
    augment: Augment | None = None
    sweep: Sweep = Sweep()
    training: dict[str, Any] = Field(default_factory=dict, description="what differs from the study's")

    @field_validator("training")
    @classmethod
    def _known_training_keys(cls, training: dict[str, Any]) -> dict[str, Any]:
        Training(**training)
        return training

    @property
    def stands_on(self) -> tuple[str, ...]:
        """The methods that have to be there before it."""
        among = self.route.among if self.route else ()
        named = (self.on, self.merge and self.merge.of, self.mixture and self.mixture.of, *among)
        return tuple(name for name in named if name)

    @property
    def learns(self) -> bool:
        """Whether parameters are trained for it."""
        return self.parameters != "none"

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        adds = self.prompt != "none" or self.retrieve is not None
        whole = [name for name in ("merge", "mixture", "route", "endpoint") if getattr(self, name)]
        if len(whole) > 1:
            raise ValueError(f"a method is one of them: {' or '.join(whole)}; leave the others out")
        if whole and (self.learns or self.on or self.swap):
            raise ValueError(f"'{whole[0]}' makes a whole method of others; leave 'parameters', 'on' and 'swap' out")
        if whole and adds and whole != ["endpoint"]:
            raise ValueError(f"'{whole[0]}' adds no text; let another method with 'prompt' or 'retrieve' stand on it")
        if self.on and not self.learns and not adds and not self.swap:
            raise ValueError(
                "it stands on another method and adds nothing; learn something, or add 'prompt' or 'retrieve'"
            )
        if self.swap and (self.learns or adds or not self.on):
            raise ValueError("'swap' serves what it stands on to others: say 'on', and leave the rest out")
        compares = self.share == "cluster" or (self.merge is not None and self.merge.compares)
        if self.cluster and not compares:
            raise ValueError("'cluster' is for share = 'cluster' or a merge of those who are alike; leave it out")
        if self.share != "everyone" and not self.learns:
            raise ValueError("'share' says who shares what is learned, but nothing is; leave it out")
        return self

    @model_validator(mode="after")
    def _settings_of_what_is_learned(self) -> Self:
        lora = self.parameters == "lora"
        beside = self.parameters == "user-embedding"
        if not (lora or beside) and ("lora" in self.model_fields_set or self.sweep.rank):
            raise ValueError(f"'lora' and 'sweep.rank' are for parameters = 'lora', not '{self.parameters}'")
        if (lora or not self.learns) and "tokens" in self.model_fields_set:
            raise ValueError("'tokens' is for parameters = 'soft-prompt', 'prefix' or 'user-embedding'")
        if not self.learns and self.sweep != Sweep():
            raise ValueError("a method that learns nothing has nothing to sweep; leave out 'sweep'")
        for name in ("constrain", "multitask", "meta"):
            if getattr(self, name) and not lora:
                raise ValueError(f"'{name}' is for parameters = 'lora', not '{self.parameters}'")
        if self.augment and not self.learns:
            raise ValueError("'augment' makes more to learn from, but nothing is learned; leave it out")
        if self.sweep.pull and not self.constrain:
            raise ValueError("'sweep.pull' is for a method with 'constrain'")
        if self.meta and (self.share == "everyone" or self.on or self.sweep.rank):
            raise ValueError("'meta' is for the LoRAs of personas or clusters, on the plain base, all of one rank")
        return self

    @model_validator(mode="after")
    def _nothing_is_said_in_vain(self) -> Self:
        weighs = self.mixture is not None or (self.merge is not None and self.merge.weights == "learned")
        if self.training and not (self.learns or weighs):
            raise ValueError("'training' says how it trains, but nothing is trained; leave it out")
        if "sweep" in self.model_fields_set and self.sweep == Sweep():
            raise ValueError("'sweep' names no setting to try; give it a list, or leave it out")
        if self.constrain and not self.constrain.model_fields_set and not self.sweep.pull:
            raise ValueError("'constrain' holds nothing yet; give it 'pull' or 'distil', or leave it out")
        return self

"""Methods and studies as data: the declarations a user writes, validated."""

from __future__ import annotations

import difflib
import tomllib
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from lab.errors import LabError
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
    Seed,
    Strict,
    Sweep,
    Training,
)
from lab.methods.variants import spread_lists

SplitName = Literal["train", "val", "test"]


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
        clusters = self.share == "cluster" or (self.merge is not None and self.merge.within == "cluster")
        if self.cluster and not clusters:
            raise ValueError("'cluster' is for share = 'cluster' or a merge within clusters; leave it out")
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


class Study(Strict):
    """A dataset, a base model, methods and seeds: what `lab run` carries out."""

    name: Name
    data: str = Field(min_length=1, description="the name of an imported data set, or a folder")
    base: str = Field(min_length=1)
    methods: tuple[Name, ...] = Field(("base", "unified", "persona"), min_length=1)
    personas: int | None = Field(None, ge=1, le=10**9, description="only the first so many personas")
    dialogues: int | None = Field(None, ge=3, le=10**9, description="only the first so many dialogues of each persona")
    split: tuple[float, float, float] = Field((0.6, 0.2, 0.2), description="shares of train, val and test, by time")
    seeds: tuple[Seed, ...] = Field((0,), min_length=1)
    evaluate: tuple[SplitName, ...] = Field(("test",), min_length=1)
    max_new_tokens: int = Field(64, ge=1, le=4096, description="longest answer when evaluating")
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    training: Training = Training()
    method: dict[Name, Method] = Field(default_factory=dict, description="methods of this study's own")

    @field_validator("split")
    @classmethod
    def _shares(cls, split: tuple[float, float, float]) -> tuple[float, float, float]:
        if not min(split) > 0 or abs(sum(split) - 1) > 1e-6:
            raise ValueError("three positive shares that add up to 1 are needed")
        return split

    def declared(self) -> dict[str, Method]:
        """The catalogue with this study's own methods on top."""
        return catalog() | self.method


def sentence(error: ValidationError, where: str) -> LabError:
    """The first fault of a validation, told as one sentence with a near miss where there is one."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    within = first.get("ctx", {}).get("error")
    if isinstance(within, ValidationError):  # of a table that is checked by a model of its own
        first = within.errors()[0]
        path += [str(part) for part in first["loc"]]
    key = ".".join(part for part in path if part != "[key]")  # of a table whose names are the user's own
    if first["type"] == "extra_forbidden":
        known = _keys_beside(path)
        near = difflib.get_close_matches(path[-1], known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}."
        return LabError(f"{where}: there is no key '{key}'; {hint}")
    if first["type"] == "missing":
        return LabError(f"{where}: the key '{key}' is missing; add it.")
    simple = isinstance(first["input"], str | int | float | list | tuple)
    got = f", but got {first['input']!r}" if simple else ""
    says = first["msg"].removeprefix("Value error, ")
    if first["type"] == "string_pattern_mismatch":  # only names have a pattern
        says = "use 1 to 80 letters, digits and . _ + - with a letter or digit first"
    return LabError(f"{where}: '{key}': {says}{got}.")


def _keys_beside(path: list[str]) -> list[str]:
    model: type[BaseModel] = Study
    inner: dict[str, type[BaseModel]] = {"training": Training, "lora": Lora, "sweep": Sweep}
    inner |= {"cluster": Cluster, "merge": Merge, "retrieve": Retrieve, "mixture": Mixture, "route": Route}
    inner |= {"constrain": Constrain, "multitask": Multitask, "meta": Meta, "augment": Augment, "endpoint": Endpoint}
    if "method" in path[:-1]:
        model = Method
    for part in path[:-1]:
        model = inner.get(part, model)
    return list(model.model_fields)


@lru_cache(maxsize=1)
def catalog() -> dict[str, Method]:
    """Every method the lab comes with, by name."""
    return {name: Method(**table) for spread in _catalog_tables().values() for name, table in spread.items()}


@lru_cache(maxsize=1)
def _catalog_tables() -> dict[str, dict[str, dict[str, Any]]]:
    """Declared name → the methods it stands for."""
    text = resources.files("lab.methods").joinpath("catalog.toml").read_text("utf-8")
    return {name: spread_lists(name, table) for name, table in tomllib.loads(text)["method"].items()}


def parse_study(content: dict[str, Any], where: str) -> Study:
    """A study from its keys; a name that stands for several methods means all of them.

    Raises:
        LabError: an unknown, missing or ill-fitting key, an unknown method, or methods that stand on
            each other in a circle.
    """
    own = content.get("method", {})
    tables = {name: spread_lists(name, table) for name, table in own.items()} if _is_tables(own) else {}
    families = {name: tuple(spread) for name, spread in (_catalog_tables() | tables).items()}
    content = content | ({"method": {n: t for spread in tables.values() for n, t in spread.items()}} if tables else {})
    if isinstance(names := content.get("methods"), list | tuple):
        content["methods"] = [one for name in names for one in families.get(name, (name,))]
    try:
        study = Study(**content)
    except ValidationError as error:
        raise sentence(error, where) from None
    for name in study.methods:
        _check_method(study.declared(), families, name, where, ())
    return study


def _is_tables(own: Any) -> bool:
    return isinstance(own, dict) and all(isinstance(table, dict) for table in own.values())


def _check_method(
    declared: dict[str, Method], families: dict[str, tuple[str, ...]], name: str, where: str, above: tuple[str, ...]
) -> None:
    """Refuse a method that is not there or that stands on itself."""
    if name in above:
        circle = " → ".join([*above, name])
        raise LabError(f"{where}: methods stand on each other in a circle: {circle}; break it.")
    if name not in declared:
        if name in families:
            raise LabError(f"{where}: '{name}' is several methods; name one of {', '.join(families[name])}.")
        near = difflib.get_close_matches(name, declared, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known methods: {', '.join(declared)}."
        raise LabError(f"{where}: there is no method '{name}'; {hint}")
    for under in declared[name].stands_on:
        _check_method(declared, families, under, where, (*above, name))
    _check_shares(declared, name, where)
    _check_weights_are_here(declared, name, where)


def _check_shares(declared: dict[str, Method], name: str, where: str) -> None:
    """Who shares what is learned must share what it stands on."""
    under = declared.get(declared[name].on or "")
    if under is None or not declared[name].learns:
        return
    wide, narrow = _SHARES.index(declared[name].share), _SHARES.index(_served_to(declared, under))
    if wide < narrow:
        raise LabError(
            f"{where}: '{name}' is shared by {declared[name].share}, but '{declared[name].on}', which it stands on, "
            f"differs by {_SHARES[narrow]}; let it stand on a method that is shared as widely."
        )


def _check_weights_are_here(declared: dict[str, Method], name: str, where: str) -> None:
    """Nothing is learned on top of a model that runs elsewhere, nor out of it."""
    method = declared[name]
    far = _endpoint_under(declared, name)
    if far and far != name and (method.learns or method.merge or method.mixture):
        raise LabError(
            f"{where}: '{name}' learns from weights, but those of '{far}', which it stands on, are behind an endpoint; "
            "let it stand on a method of the base model, or add only 'prompt' or 'retrieve'."
        )


def _endpoint_under(declared: dict[str, Method], name: str) -> str | None:
    """The first method with an endpoint among this one and all that it stands on."""
    if declared[name].endpoint:
        return name
    return next(filter(None, (_endpoint_under(declared, under) for under in declared[name].stands_on)), None)


_SHARES = ("everyone", "cluster", "persona")  # from wide to narrow


def _served_to(declared: dict[str, Method], method: Method) -> str:
    """Who has one and the same adapters under this method."""
    below = declared.get(method.on or "")
    whole = method.merge or method.mixture or method.route or method.swap
    own = "persona" if whole or method.parameters == "user-embedding" else method.share
    shares = [own if whole or method.learns else "everyone"]
    return max([*shares, *([_served_to(declared, below)] if below else [])], key=_SHARES.index)


def read_study(path: Path, overrides: dict[str, Any], defaults: dict[str, Any]) -> Study:
    """A study from a TOML file, over `defaults` and under `overrides`; the file's stem names it.

    Raises:
        LabError: the file is not there, not TOML, or says something that does not fit.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise LabError(f"{path}: there is no such study file; check the path.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LabError(f"{path}: this is not a readable TOML file ({error}); mend it.") from None
    return parse_study({"name": path.stem} | defaults | content | overrides, str(path))

"""Methods and studies as data: the declarations a user writes, validated."""

from __future__ import annotations

import difflib
import tomllib
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from lab.errors import LabError

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
SplitName = Literal["train", "val", "test"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Lora(_Strict):
    """A low-rank adapter; the defaults are the published ones."""

    rank: int = Field(8, ge=1, le=1024)
    alpha: float = Field(16.0, gt=0)
    dropout: float = Field(0.05, ge=0, lt=1)
    targets: tuple[str, ...] = ("q_proj", "v_proj")


class Training(_Strict):
    """How a group trains; the defaults are the published ones."""

    learning_rate: float = Field(5e-4, gt=0)
    epochs: int = Field(3, ge=1)
    batch_size: int = Field(4, ge=1, description="dialogues in a step of one group")
    warmup_ratio: float = Field(0.1, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    max_length: int = Field(1024, ge=16, description="tokens; longer dialogues lose their oldest messages")
    patience: int | None = Field(
        None, ge=1, description="stop a group after so many validations without a better val loss"
    )


class Sweep(_Strict):
    """Settings to try, every combination as groups of the same pass; the lowest mean val loss over groups wins."""

    learning_rate: tuple[Annotated[float, Field(gt=0)], ...] = ()
    rank: tuple[Annotated[int, Field(ge=1, le=1024)], ...] = Field((), description="alpha follows: alpha / rank stays")
    seed: tuple[int, ...] = ()


class Method(_Strict):
    """One personalisation method, as `catalog.toml` declares it."""

    about: str = ""
    source: str = ""
    share: Literal["everyone", "persona"] = "everyone"
    parameters: Literal["none", "lora", "soft-prompt", "prefix"]
    on: Name | None = None
    lora: Lora = Lora()
    tokens: int = Field(10, ge=1, le=512, description="of a soft prompt or prefix")
    sweep: Sweep = Sweep()
    training: dict[str, Any] = Field(default_factory=dict, description="what differs from the study's")

    @field_validator("training")
    @classmethod
    def _known_training_keys(cls, training: dict[str, Any]) -> dict[str, Any]:
        Training(**training)
        return training

    @model_validator(mode="after")
    def _something_to_stand_on(self) -> Self:
        if self.parameters == "none" and self.on is not None:
            raise ValueError("a method that learns nothing cannot stand on another; leave out 'on' or learn something")
        return self

    @model_validator(mode="after")
    def _settings_of_what_is_learned(self) -> Self:
        lora = self.parameters == "lora"
        if not lora and ("lora" in self.model_fields_set or self.sweep.rank):
            raise ValueError(f"'lora' and 'sweep.rank' are for parameters = 'lora', not '{self.parameters}'")
        if (lora or self.parameters == "none") and "tokens" in self.model_fields_set:
            raise ValueError("'tokens' is for parameters = 'soft-prompt' or 'prefix'")
        if self.parameters == "none" and self.sweep != Sweep():
            raise ValueError("a method that learns nothing has nothing to sweep; leave out 'sweep'")
        return self


class Study(_Strict):
    """A dataset, a base model, methods and seeds: what `lab run` carries out."""

    name: Name
    data: str = Field(min_length=1, description="the name of an imported data set, or a folder")
    base: str = Field(min_length=1)
    methods: tuple[Name, ...] = Field(("base", "unified", "persona"), min_length=1)
    personas: int | None = Field(None, ge=1, description="only the first so many personas")
    dialogues: int | None = Field(None, ge=3, description="only the first so many dialogues of each persona")
    split: tuple[float, float, float] = Field((0.6, 0.2, 0.2), description="shares of train, val and test, by time")
    seeds: tuple[int, ...] = Field((0,), min_length=1)
    evaluate: tuple[SplitName, ...] = Field(("test",), min_length=1)
    max_new_tokens: int = Field(64, ge=1, le=4096, description="longest answer when evaluating")
    dtype: Literal["auto", "bfloat16", "float32"] = "auto"
    training: Training = Training()
    method: dict[Name, Method] = Field(default_factory=dict, description="methods of this study's own")

    @field_validator("split")
    @classmethod
    def _shares(cls, split: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(split) <= 0 or abs(sum(split) - 1) > 1e-6:
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
    key = ".".join(path)
    if first["type"] == "extra_forbidden":
        known = _keys_beside(path)
        near = difflib.get_close_matches(path[-1], known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"known keys: {', '.join(known)}."
        return LabError(f"{where}: there is no key '{key}'; {hint}")
    if first["type"] == "missing":
        return LabError(f"{where}: the key '{key}' is missing; add it.")
    simple = isinstance(first["input"], str | int | float | list | tuple)
    got = f", but got {first['input']!r}" if simple else ""
    return LabError(f"{where}: '{key}': {first['msg'].removeprefix('Value error, ')}{got}.")


def _keys_beside(path: list[str]) -> list[str]:
    model: type[BaseModel] = Study
    inner: dict[str, type[BaseModel]] = {"training": Training, "lora": Lora, "sweep": Sweep}
    if "method" in path[:-1]:
        model = Method
    for part in path[:-1]:
        model = inner.get(part, model)
    return list(model.model_fields)


@lru_cache(maxsize=1)
def catalog() -> dict[str, Method]:
    """Every method the lab comes with, by name."""
    text = resources.files("lab.methods").joinpath("catalog.toml").read_text("utf-8")
    return {name: Method(**declaration) for name, declaration in tomllib.loads(text)["method"].items()}


def parse_study(content: dict[str, Any], where: str) -> Study:
    """A study from its keys.

    Raises:
        LabError: an unknown, missing or ill-fitting key, an unknown method, or methods that stand on
            each other in a circle.
    """
    try:
        study = Study(**content)
    except ValidationError as error:
        raise sentence(error, where) from None
    for name in study.methods:
        _check_method(study, name, where)
    return study


def _check_method(study: Study, name: str, where: str) -> None:
    declared = study.declared()
    seen: list[str] = []
    current: str | None = name
    while current is not None:
        if current in seen:
            circle = " → ".join([*seen, current])
            raise LabError(f"{where}: methods stand on each other in a circle: {circle}; break it.")
        if current not in declared:
            near = difflib.get_close_matches(current, declared, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known methods: {', '.join(declared)}."
            raise LabError(f"{where}: there is no method '{current}'; {hint}")
        seen.append(current)
        current = declared[current].on


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

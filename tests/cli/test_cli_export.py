"""`lab export`: a persona's recipe in a folder that is never overwritten by mistake."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
import torch
from planned import claim, own_lab
from typer.testing import CliRunner

from lab.cli.app import app
from lab.cli.export import place_of
from lab.data.formats.chat import write_chat
from lab.data.types import Dataset, Dialogue, Message, Persona
from lab.db import jobs
from lab.db.jobs import Claim, Outcome
from lab.db.migrate import migrate
from lab.errors import LabError
from lab.methods.recipe import AdapterRef, Gated, Recipe, RecipeBook, write_book
from lab.models.lora import Adapter, LoraConfig
from lab.models.peft_format import save_peft
from lab.tasks.manifest import write_manifest
from lab.tasks.submit import submit

PERSONAS = ("anna-lee", "bob")
METHODS = ["base", "unified", "cluster-kmeans", "mixture-soft", "endpoint", "hybrid"]
EXPORT = ("homes-1", "bob", "--method", "unified")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A study of which every job but hybrid's training has succeeded, with adapters of one layer each."""
    home = tmp_path_factory.mktemp("lab")
    with own_lab(home) as artifacts:
        migrate()
        (home / "homes").mkdir()
        write_chat(_homes(), home / "homes")
        submit(None, {"name": "homes-1", "data": str(home / "homes"), "base": "tiny", "methods": METHODS})
        while (claimed := claim()) is not None:
            if claimed.kind == "train" and "under" in claimed.spec.get("inputs", {}):
                jobs.fail(claimed.lease, "it diverged", for_good=True)
            else:
                _succeed(artifacts, claimed)
        yield home


@pytest.fixture
def out(home: Path) -> Path:
    """The folder that is exported to, which is not there yet."""
    folder = home / "out"
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def export(*words: str) -> str:
    """Run `lab export WORDS --to out`; gives what it said."""
    result = CliRunner().invoke(app, ["export", *words, "--to", "out"])
    if result.exception is not None:
        raise result.exception
    return result.output


def refused(*words: str) -> str:
    """Run it; it must refuse. Gives the one sentence."""
    with pytest.raises(LabError) as caught:
        export(*words)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def _homes() -> Dataset:
    said = (Message("user", "warmer"), Message("assistant", "Setting the AC to 22 degrees."))
    dialogues = tuple(
        Dialogue(f"{persona}-{day}", persona, datetime(2026, 1, day, tzinfo=UTC), {}, said)
        for persona in PERSONAS
        for day in range(1, 6)
    )
    return Dataset(tuple(map(Persona, PERSONAS)), dialogues)


def _succeed(artifacts: Path, claimed: Claim) -> None:
    name = f"{claimed.lease.job}/{claimed.lease.attempt}"
    folder = artifacts / name
    folder.mkdir(parents=True)
    if claimed.kind in ("recipes", "train", "mixture"):
        write_book(_book(claimed, folder, name), folder)
    jobs.succeed(claimed.lease, Outcome(name, write_manifest(folder, {}), {}))


def _book(claimed: Claim, folder: Path, name: str) -> RecipeBook:
    if "endpoint" in claimed.spec:
        return {persona: Recipe("tiny", endpoint=claimed.spec["endpoint"]) for persona in PERSONAS}
    adapters: tuple[AdapterRef, ...] = ()
    if claimed.kind == "train":
        site = "model.layers.0.self_attn.q_proj"
        adapter = Adapter(LoraConfig(1, 1.0, 0.0, ("q_proj",)), {site: torch.ones(1, 3)}, {site: torch.ones(2, 1)})
        save_peft(adapter, folder / "adapters/0000", "tiny")
        label = "cluster-kmeans/cluster 0" if claimed.spec["share"] == "cluster" else "unified"
        adapters = (AdapterRef(label, f"{name}/adapters/0000", adapter.digest()),)
    gated = None
    if claimed.kind == "mixture":
        experts = tuple(AdapterRef(f"cluster-kmeans/cluster {n}", "nowhere", "d" * 64) for n in range(2))
        gated = Gated(experts, name, "d" * 64)
    return {persona: Recipe("tiny", adapters, gated=gated) for persona in PERSONAS}


def test_one_persona_is_a_folder_with_weights_prompt_readme_and_recipe(out):
    assert str(out) in export(*EXPORT)
    assert files(out) == {
        "lora/adapter_config.json",
        "lora/adapter_model.safetensors",
        "prompt.txt",
        "README.md",
        "recipe.json",
    }
    assert orjson.loads((out / "recipe.json").read_bytes())["persona"] == "bob"


def test_all_personas_are_a_folder_each(out):
    export("homes-1", "--all", "--method", "base")
    assert files(out) == {f"{who}/{name}" for who in PERSONAS for name in ("prompt.txt", "README.md", "recipe.json")}


def test_nothing_is_overwritten_but_an_earlier_export_if_so_asked(out):
    export(*EXPORT)
    assert "out is there already; choose another folder, or --replace" in refused(*EXPORT)
    export("homes-1", "--all", "--method", "base", "--replace")
    assert not (out / "lora").exists()
    export(*EXPORT, "--replace")
    assert (out / "lora").is_dir()
    (out / "thesis.tex").write_text("years of work")
    assert "holds something else than an export" in refused(*EXPORT, "--replace")
    assert (out / "thesis.tex").read_text() == "years of work"


def test_an_empty_folder_may_be_there_and_a_file_may_not(out):
    out.mkdir()
    export("homes-1", "bob", "--method", "base")
    assert (out / "prompt.txt").is_file()
    shutil.rmtree(out)
    out.write_text("a file")
    try:
        assert "is there already" in refused(*EXPORT)
        assert "holds something else" in refused(*EXPORT, "--replace")
    finally:
        out.unlink()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("homes-2", "bob", "--method", "unified"), "there is no study 'homes-2'; did you mean 'homes-1'?"),
        (("other", "bob", "--method", "unified"), "there is no study 'other'; there are: homes-1."),
        (("homes-1", "ana-lee", "--method", "base"), "'homes-1' has no persona 'ana-lee'; did you mean 'anna-lee'?"),
        (("homes-1", "zoe", "--method", "base"), "study 'homes-1' has no persona 'zoe'; it has: anna-lee, bob."),
        (("homes-1", "bob", "--method", "unifed"), "has no method 'unifed'; did you mean 'unified'?"),
        (("homes-1", "bob", "--method", "hybrid"), "no recipe for method 'hybrid' yet"),
        (("homes-1", "--method", "unified"), "name one persona, or say --all"),
        (("homes-1", "bob", "--all", "--method", "unified"), "name one persona, or say --all"),
        (("homes-1", "bob", "--method", "mixture-soft"), "that trained them, 'cluster-kmeans', instead"),
        (("homes-1", "bob", "--method", "endpoint"), "is served by http://localhost:8000/v1"),
    ],
)
def test_what_cannot_be_exported_is_one_sentence(out, words, says):
    assert says in refused(*words)
    assert not out.exists()


def test_a_damaged_adapter_is_one_sentence(home, out, capfd):
    for weights in (home / "artifacts").glob("*/1/adapters/0000/adapter_model.safetensors"):
        weights.write_bytes(b"damaged")
    with pytest.raises(SystemExit):
        export(*EXPORT)
    (said,) = capfd.readouterr().err.strip().splitlines()
    assert said.startswith("lab: ")
    assert "not a readable safetensors file" in said
    assert not out.exists()


def test_where_no_folder_can_be_is_told_as_such(tmp_path: Path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    for place in (loop, tmp_path / ("x" * 300)):
        with pytest.raises(LabError, match="no folder can be there"):
            place_of(place)

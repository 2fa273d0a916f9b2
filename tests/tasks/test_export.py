"""An exported recipe is loaded by stock transformers and peft, and answers as the lab itself serves it."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
import torch
from tiny_model import save_base
from torch import Tensor

from lab.errors import LabError
from lab.methods.recipe import AdapterRef, Recipe, write_book
from lab.models.base import BaseModel, load_base
from lab.models.lora import Adapter, LoraConfig, attach
from lab.models.merge import merge
from lab.models.peft_format import save_peft
from lab.models.resident import Resident
from lab.models.serve import Row, generate
from lab.models.training import Servable
from lab.models.virtual import VirtualConfig, VirtualKind, initial_tokens
from lab.tasks.export import export
from lab.tasks.exported import Order

ABOUT = "The user: likes it warm."


class Lab:
    """A lab with a tiny base, adapters drawn at random, and recipe books of one persona."""

    def __init__(self, home: Path) -> None:
        self.home, self.root = home, home / "artifacts"
        save_base(home / "tiny")
        self.base: BaseModel = load_base(str(home / "tiny"), "cpu", "float32")
        self.resident = Resident(self.base)

    def lora(self, seed: int, rank: int = 3, targets: tuple[str, ...] = ("q_proj", "v_proj")) -> Adapter:
        generator = torch.Generator().manual_seed(seed)
        adapter = Adapter(LoraConfig(rank, 5.0, 0.0, targets))
        for site, layer in attach(self.base.model, targets).items():
            adapter.a[site] = torch.randn(rank, layer.in_features, generator=generator) * 0.2
            adapter.b[site] = torch.randn(layer.out_features, rank, generator=generator) * 0.2
        return adapter

    def virtual(self, kind: VirtualKind) -> Servable:
        start = initial_tokens(self.base.model, VirtualConfig(kind, 4), 0)
        noise = torch.randn(start.vectors.shape, generator=torch.Generator().manual_seed(1))
        return replace(start, vectors=start.vectors + 0.3 * noise)

    def kept(self, learned: Servable, name: str, weight: float = 1.0) -> AdapterRef:
        """An adapter as a training leaves it."""
        save_peft(learned, self.root / name, self.base.name)
        return AdapterRef(name, name, learned.digest(), weight)

    def exported(self, *adapters: AdapterRef, about: str = "", **more: object) -> Path:
        """The recipe of these adapters, exported."""
        recipe = Recipe(self.base.name, adapters, prompt="description" if about else "none", about=about, **more)
        (self.root / "book").mkdir(parents=True, exist_ok=True)
        write_book({"anna": recipe}, self.root / "book")
        to = self.home / "out"
        export(Order(str(self.root), str(self.home), "book", "s", "hybrid", {"anna": ""}, str(to)))
        return to

    def served(self, stack: tuple[tuple[Servable, float], ...]) -> Tensor:
        """The lab's own logits [t, vocabulary] of a text."""
        names = tuple((self.resident.add(learned), weight) for learned, weight in stack)
        virtual = self.resident.virtual_tokens(names)
        ids = torch.tensor([[-1] * virtual + IDS])
        cache = self.resident.cache([names]) if self.resident.prefix_tokens(names) else None
        soft = self.resident.soft([names])
        with torch.no_grad():
            hidden = self.resident.hidden(ids, self.resident.factors([names]), cache=cache, soft=soft)
            return self.resident.head.logits(hidden)[0, virtual:]


IDS = [5, 9, 20, 33, 47, 60, 71]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    torch.set_num_threads(1)
    return Lab(tmp_path)


def stock(folder: Path, base: Path) -> Tensor:
    """Logits of the same text from transformers and peft alone, as the README says to load them."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(base)
    names = re.findall(r'PeftModel\.from_pretrained\(model, "([^"]+)"\)', (folder / "README.md").read_text())
    for name in names:
        model = PeftModel.from_pretrained(model, folder / name)
        model = model.merge_and_unload() if name != names[-1] else model
    ids = torch.tensor([IDS])
    with torch.no_grad():
        return model.eval()(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0, -len(IDS) :]


def same(lab: Lab, folder: Path, *stack: tuple[Servable, float]) -> None:
    ours = lab.served(stack)
    torch.testing.assert_close(stock(folder, lab.home / "tiny"), ours, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(ours, lab.served(()), atol=1e-2)  # it does change what is said


# ---------------------------------------------------------------- what is loaded is what was served


def test_a_personas_lora(lab: Lab):
    own = lab.lora(1)
    same(lab, lab.exported(lab.kept(own, "own")), (own, 1.0))


def test_a_stack_is_one_lora_on_the_plain_base(lab: Lab):
    unified, own = lab.lora(1, targets=("q_proj", "v_proj", "up_proj")), lab.lora(2, rank=2)
    folder = lab.exported(lab.kept(unified, "unified"), lab.kept(own, "own"))
    same(lab, folder, (unified, 1.0), (own, 1.0))
    assert orjson.loads((folder / "lora/adapter_config.json").read_bytes())["r"] == 5


def test_a_weighted_merge(lab: Lab):
    merged = merge([lab.lora(1), lab.lora(2), lab.lora(3)], [0.5, 0.3, 0.2], "exact", seed=0)
    same(lab, lab.exported(lab.kept(merged, "merged")), (merged, 1.0))


def test_weights_of_the_recipe_itself(lab: Lab):
    one, two = lab.lora(1), lab.lora(2)
    folder = lab.exported(lab.kept(one, "one", 0.7), lab.kept(two, "two", -0.2))
    same(lab, folder, (one, 0.7), (two, -0.2))


@pytest.mark.parametrize("kind", ["soft-prompt", "prefix"])
def test_virtual_tokens_on_a_lora(lab: Lab, kind: VirtualKind):
    unified, tokens = lab.lora(1), lab.virtual(kind)
    folder = lab.exported(lab.kept(unified, "unified"), lab.kept(tokens, "tokens"))
    same(lab, folder, (unified, 1.0), (tokens, 1.0))
    assert {path.name for path in folder.iterdir() if path.is_dir()} == {"lora", kind}


def test_virtual_tokens_alone(lab: Lab):
    tokens = lab.virtual("soft-prompt")
    folder = lab.exported(lab.kept(tokens, "tokens"))
    same(lab, folder, (tokens, 1.0))
    assert not (folder / "lora").exists()


def test_the_code_of_the_readme_runs_and_answers_as_the_lab_does(lab: Lab):
    unified, tokens = lab.lora(1), lab.virtual("soft-prompt")
    references = (lab.kept(unified, "unified"), lab.kept(tokens, "tokens"))
    folder = lab.exported(*references, about=ABOUT)
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert len(code.splitlines()) <= 13
    said = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True).stdout
    messages = [
        {"role": "system", "content": (folder / "prompt.txt").read_text()},
        {"role": "user", "content": "Good evening."},
    ]
    stack = tuple((lab.resident.add(learned), 1.0) for learned in (unified, tokens))
    (answer,) = generate(lab.resident, [Row(messages, stack)], 64)
    whole = said.rstrip("\ufffd\n ").lstrip()  # the lab leaves out a cut character at the end
    assert whole == answer.text.strip() != ""


# ---------------------------------------------------------------- what is written beside the weights


def test_prompt_readme_and_recipe_say_what_it_is(lab: Lab):
    own = lab.lora(1)
    folder = lab.exported(lab.kept(own, "own"), about=ABOUT, weights="f" * 64)
    assert (folder / "prompt.txt").read_text().endswith(f"short sentences.\n\n{ABOUT}")
    text = (folder / "README.md").read_text()
    for said in ("anna under hybrid", str(lab.home / "tiny"), "f" * 64, own.digest(), "the persona's description"):
        assert said in text
    assert "Not exported" not in text
    content = orjson.loads((folder / "recipe.json").read_bytes())
    assert (content["persona"], content["method"], content["digests"]) == ("anna", "hybrid", {"lora": own.digest()})
    assert content["recipe"]["about"] == ABOUT


def test_retrieval_is_said_not_to_be_there(lab: Lab):
    folder = lab.exported(lab.kept(lab.lora(1), "own"), retrieve={"k": 3, "by": "similarity", "show": "examples"})
    assert "Not exported: for each dialogue the lab shows up to 3" in (folder / "README.md").read_text()


def test_the_plain_base_is_a_prompt_alone(lab: Lab):
    folder = lab.exported()
    assert {path.name for path in folder.iterdir()} == {"prompt.txt", "README.md", "recipe.json"}
    assert "peft" not in (folder / "README.md").read_text()


# ---------------------------------------------------------------- all or nothing


def _other_alpha(folder: Path) -> None:
    """Another alpha: the same weights, but not the same adapter."""
    file = folder / "adapter_config.json"
    file.write_bytes(orjson.dumps(orjson.loads(file.read_bytes()) | {"lora_alpha": 6.0}))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda folder: (folder / "adapter_model.safetensors").write_bytes(b"no"), "not a readable safetensors file"),
        (lambda folder: (folder / "adapter_config.json").unlink(), "not a readable adapter configuration"),
        (_other_alpha, "these are not the weights that were trained"),
    ],
)
def test_a_damaged_adapter_is_one_sentence_and_nothing_is_written(lab: Lab, damage, says):
    earlier = lab.exported()
    reference = lab.kept(lab.lora(1), "own")
    damage(lab.root / "own")
    before = (earlier / "README.md").read_bytes()
    with pytest.raises(LabError, match=says) as caught:
        lab.exported(reference)
    assert "\n" not in str(caught.value)
    assert (earlier / "README.md").read_bytes() == before
    assert [path.name for path in lab.home.iterdir() if path.name.startswith(".")] == []

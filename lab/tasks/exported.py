"""An exported recipe: what is asked for, which files it has, and its README with the code that loads it.

Light to import.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from lab.methods.recipe import Recipe

LORA, SOFT_PROMPT, PREFIX = "lora", "soft-prompt", "prefix"  # folders in PEFT's format
PROMPT, README, RECIPE = "prompt.txt", "README.md", "recipe.json"
FILES = frozenset((LORA, SOFT_PROMPT, PREFIX, PROMPT, README, RECIPE))

_ROWS = {
    LORA: "every LoRA of the recipe as one on the plain base",
    SOFT_PROMPT: "vectors before the first token (prompt tuning)",
    PREFIX: "keys and values before the first token in every layer (prefix tuning)",
}


@dataclass(frozen=True, slots=True)
class Order:
    """What to export: personas of a method's recipe book, each into a folder under `to` ("": `to` itself)."""

    root: str  # the artifacts folder
    cache: str  # where offline weights are
    book: str  # folder of the recipe book, relative to `root`
    study: str
    method: str
    personas: dict[str, str]
    to: str


@dataclass(frozen=True, slots=True)
class Part:
    """A folder in PEFT's format and the digest of its weights."""

    folder: str
    digest: str


@dataclass(frozen=True, slots=True)
class Exported:
    """One persona's recipe as it was exported; `base` is the name or path that transformers loads."""

    study: str
    persona: str
    method: str
    base: str
    recipe: Recipe
    parts: tuple[Part, ...]


def readme(about: Exported) -> str:
    """The whole file, in Markdown."""
    recipe = about.recipe
    weights = f", whose files have the fingerprint `{recipe.weights}`" if recipe.weights else ""
    paragraphs = [
        f"# {_plain(about.persona)} under {about.method}",
        f"From study {about.study}. The base model is `{recipe.base}`{weights}. Run in this folder:",
        f"```python\n{_code(about)}\n```",
        "\n".join(_contents(about)),
        "Where the lab knows the situation, it says so after the first two sentences of the system message: "
        '" Situation: time of day: evening; weather: rainy."',
    ]
    if recipe.retrieve:
        paragraphs.append(
            f"Not exported: for each dialogue the lab shows up to {recipe.retrieve['k']} of the persona's older "
            "dialogues in the system message. Without them this is the recipe's model, but not all that it is told."
        )
    return "\n\n".join(paragraphs) + "\n"


def _code(about: Exported) -> str:
    names = [part.folder for part in about.parts]
    lines = ["from transformers import AutoModelForCausalLM, AutoTokenizer", ""]
    if names:
        lines.insert(0, "from peft import PeftModel")
    lines += [
        f"base = {json.dumps(about.base, ensure_ascii=False)}",
        "tokenizer = AutoTokenizer.from_pretrained(base)",
        "model = AutoModelForCausalLM.from_pretrained(base)",
    ]
    for name in names:  # only one adapter can be active, so one that others follow is merged
        merged = "" if name == names[-1] else ".merge_and_unload()"
        lines.append(f'model = PeftModel.from_pretrained(model, "{name}"){merged}')
    lines += [
        f'system = {{"role": "system", "content": open("{PROMPT}", encoding="utf-8").read()}}',
        'messages = [system, {"role": "user", "content": "Good evening."}]',
        "inputs = tokenizer.apply_chat_template(messages, "
        'add_generation_prompt=True, return_tensors="pt", return_dict=True)',
        "answer = model.generate(**inputs, max_new_tokens=64, do_sample=False)",
        'print(tokenizer.decode(answer[0, inputs["input_ids"].shape[1]:], skip_special_tokens=True))',
    ]
    return "\n".join(lines)


def _contents(about: Exported) -> list[str]:
    rows = [f"- `{part.folder}/`: {_ROWS[part.folder]}; sha256 `{part.digest}`" for part in about.parts]
    told = {"none": "the assistant's role", "description": "its role and the persona's description"}
    prompt = told.get(about.recipe.prompt, "its role and what the persona's train dialogues show it to prefer")
    used = ", ".join(f"{one.name} × {one.weight:g}" for one in about.recipe.adapters)
    return [
        *rows,
        f"- `prompt.txt`: the system message: {prompt}",
        f"- `recipe.json`: the recipe as the lab keeps it{f' ({used})' if used else ''}",
    ]


def _plain(text: str) -> str:
    """Anybody's words as one line."""
    return " ".join(text.split())

"""Who answered: a real worker with a tiny random model, whose weights are swapped behind the screen's back.

The screen has to name the weights that gave the answer. What these answer is computed here too, so that a name is
known to be the right one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import tui_lab
from sqlmodel import col, update
from textual.pilot import Pilot
from tiny_model import random_model, save_base, tokenizer_of, train_tokenizer
from tui_chat import chat_screen, choose, to_chat
from tui_pilot import WIDE, opened, settled, shown, typed, until

from lab.db import jobs
from lab.db.engine import engine, writing
from lab.db.jobs import Outcome
from lab.db.studies import save_study
from lab.db.tables import Job, Study
from lab.methods.plan import PlannedJob
from lab.methods.recipe import AdapterRef, Recipe, write_book
from lab.models.base import load_base
from lab.models.lora import Adapter, LoraConfig
from lab.models.peft_format import load_peft, save_peft
from lab.models.resident import Resident
from lab.models.serve import Row, generate
from lab.models.training import Servable
from lab.models.virtual import VirtualConfig, VirtualTokens
from lab.settings import load_settings
from lab.tasks import queue
from lab.tasks.base_identity import fingerprint
from lab.tasks.local import ensure_running, shut_down
from lab.tasks.manifest import write_manifest
from lab.tasks.submit import import_data

METHODS = ("unified", "persona", "soft")
_TOKENS = 160  # of an answer, as a chat asks for
_SECONDS = 60  # until an answer, the first of which waits for torch


@pytest.fixture
def tiny(artifacts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A base model in a folder, and a lab in which a worker on the CPU may start."""
    for name, value in {"DEVICES": '["cpu"]', "HEARTBEAT_SECONDS": "0.2", "GRACE_SECONDS": "2"}.items():
        monkeypatch.setenv(f"LAB_{name}", value)
    monkeypatch.setenv("LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    load_settings.cache_clear()
    queue._sender.cache_clear()
    save_base(tmp_path / "tiny")
    yield tmp_path / "tiny"
    shut_down()
    queue._sender.cache_clear()


def lora(seed: int) -> Adapter:
    """Random factors, large enough to change every answer."""
    generator = torch.Generator().manual_seed(seed)
    config = LoraConfig(rank=2, alpha=8.0, targets=("q_proj", "v_proj"))
    model = random_model(len(tokenizer_of(train_tokenizer())))
    a, b = {}, {}
    for name, layer in model.named_modules():
        if name.rpartition(".")[2] in config.targets:
            a[name] = torch.randn(2, layer.in_features, generator=generator)
            b[name] = torch.randn(layer.out_features, 2, generator=generator)
    return Adapter(config, a, b)


def soft(seed: int) -> VirtualTokens:
    vectors = torch.randn(4, 32, generator=torch.Generator().manual_seed(seed))
    return VirtualTokens(VirtualConfig("soft-prompt", 4), vectors)


def study_of(data: Path, base: Path) -> None:
    """Three methods, whose jobs are not done yet."""
    dataset = import_data(str(data))
    spec = {"dtype": "float32", "personas": None, "dialogues": None, "split": [0.6, 0.2, 0.2], "method": {}}
    row = Study(name="swapped", spec=spec, dataset=dataset.digest, base=str(base))
    plan = [PlannedJob(name, "train", name, {"data": dataset.digest}, (), True, (name,)) for name in METHODS]
    save_study(row, plan, max_tries=1)


def train(base: Path, method: str, seed: int, attempt: int = 1) -> tuple[Path, list[Servable]]:
    """What a training leaves: adapters on disk and a book that names them, its manifest in the row."""
    job = METHODS.index(method) + 1
    artifact = f"{job}/{attempt}"
    folder = load_settings().artifacts / artifact
    learned: dict[str, Servable] = {"unified": lora(seed)}
    if method == "persona":
        learned["persona/maya"] = lora(seed + 1)
    if method == "soft":
        learned = {"soft/maya": soft(seed)}
    refs = []
    for name, one in learned.items():
        save_peft(one, folder / "adapters" / name, "tiny")
        refs.append(AdapterRef(name, f"{artifact}/adapters/{name}", one.digest()))
    recipe = Recipe(str(base), tuple(refs), weights=fingerprint(str(base)))
    write_book(dict.fromkeys(tui_lab.PERSONAS, recipe), folder)
    manifest = write_manifest(folder, {})
    if attempt == 1:
        taken = jobs.claim("work", "w", "cpu")
        assert taken is not None
        assert taken.lease.job == job
        assert jobs.succeed(taken.lease, Outcome(artifact, manifest, {}))
    else:
        with writing() as session:
            session.execute(update(Job).where(col(Job.id) == job).values(artifact=artifact, manifest=manifest))
    return folder, list(learned.values())


def computed(base: Path, messages: list[dict[str, str]], learned: list[Servable]) -> str:
    """What these weights answer, by themselves."""
    resident = Resident(load_base(str(base), "cpu", "float32"))
    stack = tuple((resident.add(one), 1.0) for one in learned)
    (answer,) = generate(resident, [Row(messages, stack)], _TOKENS)
    return answer.text


def told(words: str) -> list[dict[str, str]]:
    """What the model is given: nothing but the situation and the words."""
    from lab.methods.prompt import to_messages

    situation = {"time_of_day": "evening", "weather": "rainy", "day_of_week": "weekday"}
    return to_messages(situation, [{"role": "user", "content": words}])


async def answered(pilot: Pilot[None], words: str) -> str:
    """Begin anew, say this, and wait for all answers."""
    chat = chat_screen(pilot)
    chat.action_fresh()
    await typed(pilot, words)
    await pilot.press("enter")
    await until(pilot, lambda: chat.conversation.last is not None, _SECONDS)
    await until(pilot, lambda: not chat.conversation.writing, _SECONDS)
    await settled(pilot)
    return shown(pilot)


def texts(pilot: Pilot[None]) -> dict[str, str]:
    """Method → its last answer."""
    last = chat_screen(pilot).conversation.last
    assert last is not None
    return {method: answer.text for method, answer in last.answers.items()}


def errors(pilot: Pilot[None]) -> dict[str, str]:
    """Method → why it did not answer."""
    last = chat_screen(pilot).conversation.last
    assert last is not None
    return {method: answer.error for method, answer in last.answers.items()}


async def test_the_screen_names_the_weights_that_answered_whatever_is_swapped(
    artifacts: Path, data: Path, tiny: Path
) -> None:
    study_of(data, tiny)
    folders, first = {}, {}
    for number, method in enumerate(METHODS):
        folders[method], first[method] = train(tiny, method, 10 * number)
    ensure_running()
    async with opened(WIDE) as pilot:
        await to_chat(pilot)
        await choose(pilot, *METHODS)

        screen = await answered(pilot, "Hello")
        assert texts(pilot) == {method: computed(tiny, told("Hello"), first[method]) for method in METHODS}
        assert f"unified@{name(first['unified'][0])}" in screen
        assert f"unified@{name(first['persona'][0])} + persona/maya@{name(first['persona'][1])}" in screen
        assert f"soft/maya@{name(first['soft'][0])}" in screen

        # Another training behind the row: the same method, other weights; the executor is as warm as it was.
        _, second = train(tiny, "unified", 500, attempt=2)
        screen = await answered(pilot, "Hello")
        assert texts(pilot)["unified"] == computed(tiny, told("Hello"), second)
        assert f"unified@{name(second[0])}" in screen
        assert f"unified@{name(first['unified'][0])}" not in screen

        # Other weights in the file of a soft prompt that is in memory: that answers still, and is named.
        file = folders["soft"] / "adapters" / "soft" / "maya"
        save_peft(soft(900), file, "tiny")
        assert load_peft(file).digest() != first["soft"][0].digest()
        screen = await answered(pilot, "Hello")
        assert texts(pilot)["soft"] == computed(tiny, told("Hello"), first["soft"])
        assert f"soft/maya@{name(first['soft'][0])}" in screen

        # An executor that has to read that file says what is wrong, and names nobody.
        shut_down()
        ensure_running()
        screen = await answered(pilot, "Hello")
        assert "these are not the weights that were trained" in errors(pilot)["soft"]
        assert "soft/maya@" not in screen
        assert f"unified@{name(second[0])}" in screen

        # Another base model under everything: nobody answers.
        random_model(len(tokenizer_of(train_tokenizer())), seed=1).save_pretrained(tiny)
        screen = await answered(pilot, "Hello")
        assert set(texts(pilot).values()) == {""}
        assert all("is not the one of this study any more" in error for error in errors(pilot).values())
        assert "@" not in screen.partition("Hello")[2]
    engine().dispose()


def name(learned: Servable) -> str:
    """As the screen shows a digest."""
    return learned.digest()[:6]

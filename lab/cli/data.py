"""`lab data`: bring data sets in, make them, check them and look at them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.panel import Panel
from rich.table import Table

from lab.cli.output import PAGE, console, first_of, marked, print_json, table
from lab.errors import LabError

if TYPE_CHECKING:
    from lab.data.measure import Measures
    from lab.data.split import Split
    from lab.data.types import Dataset, Dialogue, Persona

_SHOWN = 60  # characters of a key

app = typer.Typer(help="Import, generate, list, check and show data sets.", no_args_is_help=True)

Source = Annotated[str, typer.Argument(help="A folder, a kept data set's name or a Hugging Face name.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("import")
def import_(
    source: Source,
    name: Annotated[str | None, typer.Option(help="Name to keep it under; the source's last part if left out.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="In place of another of that name; studies keep what they began with.")
    ] = False,
    json: Json = False,
) -> None:
    """Check a data set and keep it in the lab's own format."""
    from lab.data.load import left_out, load
    from lab.data.store import keep
    from lab.data.types import digest
    from lab.settings import load_settings

    dataset = load(source)
    chosen = name or Path(source).expanduser().resolve().name
    folder = keep(dataset, load_settings().artifacts / "data", chosen, replace=replace)
    ignored = left_out(source)
    if json:
        facts = {"name": chosen, "folder": str(folder), "digest": digest(dataset), "left_out": ignored}
        print_json(facts | _size(dataset))
        return
    if ignored:
        keys = first_of([f"{key[:_SHOWN]} ({count:,})" for key, count in ignored.most_common()])
        console.print(f"left out, for the lab does not know these keys (how often): {keys}", soft_wrap=True)
    console.print(f"kept [bold]{marked(chosen)}[/]: {_size_text(dataset)} in {marked(str(folder))}", markup=True)
    console.print(f"run a study on it with `lab run --data {marked(chosen)}`.", markup=True)


@app.command()
def generate(
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    personas: Annotated[int, typer.Option(help="How many personas.")] = 200,
    dialogues: Annotated[int, typer.Option(help="How many dialogues each.")] = 50,
    turns: Annotated[float, typer.Option(help="Turns (user and assistant) of a dialogue, on average.")] = 3.2,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    replace: Annotated[bool, typer.Option("--replace", help="In place of what was generated there before.")] = False,
    json: Json = False,
) -> None:
    """Make a data set in the EdgeWisePersona format."""
    from lab.data.generate import generate_folder
    from lab.data.types import digest

    dataset = generate_folder(out, personas, dialogues, turns, seed, replace=replace)
    if json:
        print_json({"folder": str(out), "digest": digest(dataset)} | _size(dataset))
        return
    console.print(f"wrote {_size_text(dataset)} to {marked(str(out))}", markup=True)
    console.print(
        f"look at it with `lab data show {marked(str(out))}` and `lab data check {marked(str(out))}`.", markup=True
    )


@app.command("list")
def list_(json: Json = False) -> None:
    """List the data sets that are kept here, and those that studies were run on."""
    from lab.db.migrate import migrate
    from lab.tui.feeds.study_options import options

    migrate()
    found = options().sources
    if json:
        print_json([asdict(one) for one in found])
        return
    if not found:
        console.print("no data sets yet; `lab data import` keeps one, `lab data generate` makes one.")
        return
    numbers = ("personas", "dialogues")
    rows = [(one.name, f"{one.personas:,}", f"{one.dialogues:,}") for one in found]
    console.print(table(("data set", *numbers), rows, right=numbers))


@app.command()
def check(source: Source, json: Json = False) -> None:
    """Check every line, measure the data and prove that the default split leaks nothing; exit code 1 on faults."""
    from lab.data.measure import measure
    from lab.data.split import PARTS, check_leakage, split_by_time
    from lab.data.types import digest

    dataset = _load(source)
    split = split_by_time(dataset)
    leaks = check_leakage(dataset, split)
    measures = measure(dataset, split)
    if json:
        counts = {part: split.count(part) for part in PARTS}
        print_json({"digest": digest(dataset), "measures": measures.as_dict(), "split": counts, "leaks": leaks})
    else:
        _print_check(dataset, measures, split, leaks)
    if leaks:
        raise LabError(f"the split leaks: {leaks[0]}" + (f", and {len(leaks) - 1} more" if leaks[1:] else ""))


@app.command()
def show(
    source: Source,
    persona: Annotated[str | None, typer.Option(help="Persona id; the first if left out.")] = None,
    n: Annotated[int, typer.Option("-n", help="How many dialogues, the oldest first.", min=1)] = 3,
    json: Json = False,
) -> None:
    """Read a persona and its dialogues."""
    dataset = _load(source)
    found = _find(dataset, persona)
    dialogues = dataset.of(found.persona_id)[:n]
    if json:
        from lab.data.formats.chat import dialogue_record, persona_record

        records = [dialogue_record(dialogue) for dialogue in dialogues]
        print_json({"persona": persona_record(found), "dialogues": records})
        return
    console.print(_persona_panel(found), markup=True)
    for dialogue in dialogues:
        console.print(_dialogue_panel(dialogue), markup=True)


def _load(source: str) -> Dataset:
    """Load a folder or hub name, a data set the lab keeps under this name, or what a job wrote: <job>/<attempt>."""
    from lab.data.load import load
    from lab.data.store import locate
    from lab.db.migrate import migrate
    from lab.db.queries import manifest_of
    from lab.settings import load_settings
    from lab.store.artifacts import artifacts

    if re.fullmatch(r"\d+/\d+", source, re.ASCII) and not Path(source).exists():
        migrate()
        return load(str(artifacts().fetched(source, manifest_of(source))))
    return load(locate(source, load_settings().artifacts / "data"))


def _find(dataset: Dataset, persona_id: str | None) -> Persona:
    if persona_id is None:
        return dataset.personas[0]
    for persona in dataset.personas:
        if persona.persona_id == persona_id:
            return persona
    known = first_of([persona.persona_id for persona in dataset.personas])
    raise LabError(f"no persona {persona_id!r} in this data set; it has {known}")


def _size(dataset: Dataset) -> dict[str, int]:
    return {"personas": len(dataset.personas), "dialogues": len(dataset.dialogues)}


def _size_text(dataset: Dataset) -> str:
    return f"{len(dataset.personas):,} personas, {len(dataset.dialogues):,} dialogues"


def _print_check(dataset: Dataset, measures: Measures, split: Split, leaks: list[str]) -> None:
    console.print(table(("measure", "value", "note"), _rows(measures), right=("value",)))
    parts = ", ".join(f"{part} {split.count(part):,}" for part in ("train", "val", "test"))
    console.print(f"\nsplit by time within each persona: {parts}")
    if leaks:
        console.print(f"leakage: {len(leaks)} faults", style="red")
        for leak in leaks[:20]:
            console.print(f"  {marked(leak)}", markup=True)
    else:
        console.print("leakage: none", style="green")
    console.print(f"every line is sound: {_size_text(dataset)}")


def _rows(measures: Measures) -> Iterable[tuple[str, str, str]]:
    yield "personas", f"{measures.n_personas:,}", ""
    yield "dialogues", f"{measures.n_dialogues:,}", ""
    yield "turns per dialogue", f"{measures.turns_per_dialogue:.2f}", "a turn is a user and an assistant message"
    yield "unique assistant turns", f"{measures.unique_assistant_turns:.1%}", "of all assistant turns"
    yield "unique user turns", f"{measures.unique_user_turns:.1%}", "of all user turns"
    yield "distinct-2", f"{measures.distinct_2:.3f}", "distinct word pairs over all, assistant turns"
    for task_type, share in measures.task_types.items():
        yield task_type, f"{share:.1%}", "of all dialogues"
    if measures.routine_share is not None:
        yield "routine-driven", f"{measures.routine_share:.1%}", "of all dialogues"
    found = measures.identification
    if found is not None:
        note = f"a linear classifier names the persona of a test dialogue; chance {found.chance:.1%}"
        yield "told apart, user text", f"{found.user:.1%}", note
        yield "told apart, assistant text", f"{found.assistant:.1%}", note


def _persona_panel(persona: Persona) -> Panel:
    body = Table.grid(padding=(0, 2))
    body.add_column(style="bold", max_width=24, overflow="fold")
    body.add_column()
    if persona.description:
        body.add_row("who", marked(persona.description))
    for routine in persona.routines or ():
        label = marked(str(routine.get("name", "routine")))
        triggers = _words(routine.get("triggers", {}))
        body.add_row(label, marked(f"{triggers} → {_actions_text(routine.get('actions', {}))}"))
    title = f"{persona.persona_id} {persona.name or ''}".strip()
    return Panel(body, title=marked(title), title_align="left", width=min(console.width, PAGE))


def _dialogue_panel(dialogue: Dialogue) -> Panel:
    body = Table.grid(padding=(0, 1))
    body.add_column(no_wrap=True)
    body.add_column()
    context = ", ".join(str(value) for value in dialogue.context.values())
    facts = (dialogue.started_at.strftime("%Y-%m-%d %H:%M"), context, dialogue.task_type or "")
    body.add_row("[dim]when[/]", f"[dim]{marked(' · '.join(fact for fact in facts if fact))}[/]")
    styles = {"user": "cyan", "assistant": "green"}
    for message in dialogue.messages:
        body.add_row(f"[{styles.get(message.role, 'dim')}]{message.role}[/]", marked(message.content))
        if message.actions:
            body.add_row("", f"[dim]{marked(_actions_text(message.actions))}[/]")
    return Panel(body, title=marked(dialogue.dialogue_id), title_align="left", width=min(console.width, PAGE))


def _words(triggers: Any) -> str:
    """What sets a routine off; data may say it in any form."""
    return ", ".join(map(str, triggers.values())) if isinstance(triggers, dict) else str(triggers)


def _actions_text(actions: Any) -> str:
    """`ac temperature 22, mode heat; lights brightness 40`."""
    if not isinstance(actions, dict):
        return str(actions)
    return "; ".join(
        f"{device} " + ", ".join(f"{name} {value}" for name, value in settings.items())
        for device, settings in actions.items()
        if isinstance(settings, dict)
    )

"""`lab picks`: what people preferred in blind rounds of the Chat screen."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from lab.cli.output import console, marked, print_json, table
from lab.db.migrate import migrate
from lab.db.picks import PickRow, picks
from lab.db.queries import get_study
from lab.metrics.preference import Choice, Preference, preferences


def picks_of(
    study: Annotated[str | None, typer.Argument(help="Name of the study; the newest if left out.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print every pick and the table as JSON.")] = False,
) -> None:
    """Which method people preferred, from the blind rounds of the Chat screen."""
    migrate()
    row = get_study(study)
    found = picks(row.name)
    counted = preferences([_choice(pick) for pick in found])
    if json:
        print_json({"study": row.name, "picks": [asdict(one) for one in found], "methods": list(map(asdict, counted))})
        return
    if not found:
        console.print(f"nothing was picked in {marked(row.name)} yet: Chat, two methods, b for blind", markup=True)
        return
    personas = len({pick.persona_id for pick in found})
    people = "1 persona" if personas == 1 else f"{personas} personas"
    console.print(f"[bold]{marked(row.name)}[/]  {len(found)} blind rounds with {people}", markup=True)
    columns = ("wins", "ties", "losses", "win rate", "chance", "strength")
    console.print(table(("method", *columns), [_cells(one) for one in counted], right=columns))
    console.print("win rate: of the decided rounds, with Wilson's 95% interval; chance: picking at random")
    if any(one.strength is not None for one in counted):
        console.print("strength: estimated share of picks if all stood side by side (Bradley-Terry)")


def _choice(pick: PickRow) -> Choice:
    return Choice(tuple(one.method for one in pick.shown), pick.picked)


def _cells(one: Preference) -> tuple[str, ...]:
    rate = "–" if one.rate is None else f"{one.rate:.0%}"
    if one.interval is not None:
        rate += f" [{one.interval.low:.0%} {one.interval.high:.0%}]"
    shares = ["" if value is None else f"{value:.0%}" for value in (one.chance, one.strength)]
    return (one.method, str(one.wins), str(one.ties), str(one.losses), rate, *shares)

"""`lab methods`: the catalogue, and what a method would run."""

from __future__ import annotations

from typing import Annotated

import tomli_w
import typer
from rich.text import Text

from lab.cli.output import console, print_json, table
from lab.db.queries import split_of, titled
from lab.methods.method import Method
from lab.methods.plan import plan
from lab.methods.spec import catalog, parse_study

app = typer.Typer(help="List and explain the methods.", invoke_without_command=True)
Json = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


@app.callback()
def methods(context: typer.Context, json: Json = False) -> None:
    """List the methods that the lab comes with; `lab methods show NAME` explains one."""
    if context.invoked_subcommand is not None:
        return
    if json:
        print_json([{"name": name} | _declaration(method) for name, method in catalog().items()])
        return
    rows = [(name, method.about, method.source) for name, method in catalog().items()]
    console.print(table(("method", "what it is", "source"), rows, spare=("source",)))


@app.command()
def show(name: Annotated[str, typer.Argument(help="A method's name.")], json: Json = False) -> None:
    """Print a method's declaration, ready for a study file, and the jobs it would run."""
    # The plan needs a study, but neither its data nor its base model: it only names them.
    study = parse_study({"name": "any", "data": "any", "base": "any", "methods": [name]}, "lab methods")
    jobs = plan(study, "")
    known = {job.key: number for number, job in enumerate(jobs, 1)}
    steps = [(job.kind, job.method, split_of(job.spec), [known[key] for key in job.parents]) for job in jobs]
    if json:
        found = {one: _declaration(study.declared()[one]) for one in study.methods}
        told = [
            {"kind": kind, "method": method, "split": split, "after": after} for kind, method, split, after in steps
        ]
        print_json({"methods": found, "jobs": told})
        return
    for one in study.methods:
        text = tomli_w.dumps({"method": {one: _declaration(study.declared()[one])}})
        console.print(Text(text.strip()), end="\n\n", soft_wrap=True)
    rows = [
        (str(number), kind, titled(method, split, ""), ", ".join(map(str, after)))
        for number, (kind, method, split, after) in enumerate(steps, 1)
    ]
    console.print(table(("job", "kind", "method", "after"), rows, right=("job",)))


def _declaration(method: Method) -> dict[str, object]:
    """What the method says for itself, without what is so because nothing was said."""
    return method.model_dump(mode="json", exclude_unset=True)

"""One persona in full: which method serves it best and why, who it is, what it likes and keeps to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from lab.safe import one_line
from lab.tui.format import counted, fraction, interval_bar, p_value, percent, signed
from lab.tui.text import Line, fit, width, wrap_spans
from lab.tui.widgets.persona_map import letter
from lab.tui.widgets.spread import Scale, scale_of

if TYPE_CHECKING:
    from lab.tui.feeds.personas import PersonasView, PersonDetail
    from lab.tui.feeds.serving import Routed, Served

_BAR = 22  # cells of an interval
_DEEP = 3  # levels of a preference that are told


def person_about(detail: PersonDetail, view: PersonasView, cells: int) -> list[Line]:
    """Everything about the persona under the cursor."""
    persona = detail.persona
    name = f"{one_line(persona.persona_id)}  {one_line(persona.name or '')}"
    lines: list[Line] = [((name, "strong"),)]
    lines += wrap_spans([(persona.description or "no description", "" if persona.description else "dim")], cells)
    lines += [(), *_serving(detail, view, cells)]
    for title, value in (("likes", persona.preferences), ("routines", persona.routines)):
        if value:
            lines += [(), ((title, "head"),), *_told(value, cells)]
    for sentence in view.missing:
        lines += wrap_spans([(sentence, "warn")], cells)
    return lines


# ---------------------------------------------------------------- which method, and why


def _serving(detail: PersonDetail, view: PersonasView, cells: int) -> Iterator[Line]:
    yield (("which method, by val alone", "head"),)
    if detail.error:
        yield from wrap_spans([(detail.error, "bad")], cells)
    elif not view.judged:
        yield from wrap_spans(_UNJUDGED, cells)
    elif not detail.served:
        yield (("no val dialogue of this persona has been answered yet", "dim"),)
    else:
        yield from wrap_spans(verdict(detail), cells)
        yield from _methods(detail.served, cells)
    for one in detail.routed:
        yield from wrap_spans(_route(one), cells)
    yield from wrap_spans(_amount(detail), cells)
    yield from _fellows(detail, cells)


_UNJUDGED: Line = (
    ("this study has no val scores yet, and test may choose nothing: ", "dim"),
    ('evaluate = ["val", "test"]', "accent"),
    (" in the study file gives them", "dim"),
)


def verdict(detail: PersonDetail) -> Line:
    """The method with the best val score, and whether its lead over unified is more than chance."""
    best = detail.served[0]
    said: Line = ((f"{one_line(best.method)} ", "strong"), (f"scores highest, {fraction(best.score)}", ""))
    rivals = len(detail.served) - 1
    if best.method == "unified":
        return (*said, (": nothing personal did better", "dim"))
    if best.versus is None or rivals < 1:
        return (*said, (": there is nothing to compare it with", "dim"))
    n, p = counted(best.versus.comparison.n, "dialogue"), p_value(best.versus.p_holm)
    over = f", {signed(best.versus.comparison.difference)} over unified on {n}, p {p} of {rivals} (Holm): "
    if best.versus.gains:
        return (*said, (over, ""), ("more than chance", "good"))
    return (*said, (over, ""), ("may be chance; unified is the safe choice", "warn"))


def _methods(found: Iterable[Served], cells: int) -> Iterator[Line]:
    """Every method with its interval over the dialogues, the best first."""
    rows = list(found)
    ends = [
        end for one in rows for end in (one.score, *((one.interval.low, one.interval.high) if one.interval else ()))
    ]
    scale = scale_of(ends)
    name = min(max(width([(one_line(one.method), "")]) for one in rows), max(cells - _BAR - 32, 8))
    head = f"{'':{name}}  score  {'95% over dialogues':{_BAR}}  Δ unified  p (Holm)   n"
    yield ((head[:cells], "head"),)
    for place, one in enumerate(rows):
        versus = one.versus
        tone = "second" if versus is None else "good" if versus.gains else "bad" if versus.loses else ""
        yield (
            (fit(one_line(one.method), name), "strong" if place == 0 else ""),
            (f"  {fraction(one.score):>5}  ", ""),
            (_interval(one, scale), tone),
            (f"  {signed(versus.comparison.difference) if versus else '–':>9}", tone),
            (f"  {p_value(versus.p_holm) if versus else '–':>8}", ""),
            (f"  {one.n:>2}", "dim"),
        )


def _interval(one: Served, scale: Scale) -> str:
    low, high = (one.interval.low, one.interval.high) if one.interval else (one.score, one.score)
    return interval_bar(one.score, low, high, scale, _BAR)


def _route(one: Routed) -> Line:
    said: Line = (
        ("router ", "head"),
        (f"{one_line(one.router)} ", ""),
        ("chose ", "dim"),
        (one_line(one.chosen), "strong"),
    )
    if one.gain is None:
        return (*said, (f" (by {one_line(one.how)})", "dim"))
    sd = "" if one.gain.sd is None else f" ± {fraction(one.gain.sd)}"
    return (*said, (f", thought to add {signed(one.gain.gain)}{sd} on val", "dim"))


def _amount(detail: PersonDetail) -> Line:
    if not detail.parts:
        return (("dialogues ", "head"), ("being read…", "dim"))
    parts = ", ".join(f"{n} {part}" for part, n in detail.parts.items())
    every = f"all have {detail.most}" if detail.least == detail.most else f"others have {detail.least} to {detail.most}"
    return (("dialogues ", "head"), (parts, ""), (f"  ({every} to train on)", "dim"))


def _fellows(detail: PersonDetail, cells: int) -> Iterator[Line]:
    """Its cluster and the personas that are most like it, with the method that serves each best."""
    if detail.cluster is not None:
        favourites = [f"{one_line(name)} {percent(n / detail.fellows)}" for name, n in detail.favourites]
        told = f"{letter(detail.cluster)}, {counted(detail.fellows, 'persona')}"
        best = f"; best there: {', '.join(favourites)}" if favourites else ""
        yield from wrap_spans([("cluster ", "head"), (told, ""), (best, "dim")], cells)
    if detail.near:
        near = [f"{one_line(one.persona_id)}{f' ({one_line(one.best)})' if one.best else ''}" for one in detail.near]
        yield from wrap_spans([("most like it ", "head"), (", ".join(near), "")], cells)


# ---------------------------------------------------------------- what the data say


def _told(value: object, cells: int) -> list[Line]:
    """Preferences and routines, a line for each."""
    rows = [*value] if isinstance(value, (list, tuple)) else [value]
    if isinstance(value, Mapping):
        rows = [{key: one} for key, one in value.items()]
    return [line for row in rows for line in wrap_spans([("· ", "faint"), (words(row), "")], cells)]


def words(value: Any, depth: int = 0) -> str:
    """JSON as words: `time of day evening → lights brightness 40, color warm`."""
    if isinstance(value, Mapping):
        if depth == 0 and {"triggers", "actions"} <= value.keys():
            return f"{words(value['triggers'], 1) or 'always'} → {words(value['actions'], 1)}"
        if depth >= _DEEP:
            return "…"
        return ", ".join(_pair(str(key), one, depth) for key, one in value.items() if one not in (None, "", {}, []))
    if isinstance(value, (list, tuple)):
        return ", ".join(words(one, depth + 1) for one in value)
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else one_line(value)


def _pair(key: str, value: Any, depth: int) -> str:
    return f"{one_line(key).replace('_', ' ')} {words(value, depth + 1)}"

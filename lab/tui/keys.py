"""Other keys for the screen, from `[keys]` in the settings: checked as a whole before anything is drawn."""

from __future__ import annotations

import difflib
import pkgutil
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module

from textual.app import App
from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import KEY_NAME_REPLACEMENTS, Keys
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from lab.errors import LabError

_WHERE = "[keys] in the settings"
_KEPT = frozenset(
    {f"ctrl+{letter}" for letter in "cshijmqz"} | {"f11", "shift+enter"}  # by terminals, or not told from others
)
_NAMES = frozenset({key.value for key in Keys} | set(KEY_NAME_REPLACEMENTS.values()))


@dataclass(frozen=True, slots=True)
class Bound:
    """What a key does in one place."""

    id: str
    key: str
    description: str
    place: type[DOMNode]

    def meets(self, other: Bound) -> bool:
        """Whether both may be waiting for keys at the same time."""
        mine, others = self.place, other.place
        if issubclass(mine, others) or issubclass(others, mine):
            return True
        if issubclass(mine, ModalScreen) or issubclass(others, ModalScreen):
            return False  # its keys are the only ones
        return _kind(mine) is not _kind(others)


def keymap(wanted: Mapping[str, str]) -> dict[str, str]:
    """Binding id → its keys, as Textual takes them.

    Raises:
        LabError: an id that does not exist, a key that does not, one that terminals keep, or one for two things.
    """
    if not wanted:
        return {}
    bindings = list(bound())
    known = sorted({one.id for one in bindings})
    given: dict[str, list[str]] = {}
    for name, keys in wanted.items():
        if name not in known:
            raise _unknown(name, known)
        given[name] = [_key(part.strip(), name) for part in keys.split(",")]
    _check_clashes(bindings, given)
    return {name: ",".join(keys) for name, keys in given.items()}


def bound() -> Iterator[Bound]:
    """Every binding that has an id, of the app, its screens and their widgets; one for each of its keys."""
    from lab.tui import app, screens, widgets

    places: dict[type[DOMNode], None] = {app.LabApp: None}
    for package in (screens, widgets):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            found = vars(import_module(module.name)).values()
            places |= {one: None for one in found if isinstance(one, type) and issubclass(one, DOMNode)}
    for place in places:
        for binding in Binding.make_bindings(place.__dict__.get("BINDINGS", ())):
            if binding.id and place.__module__.startswith("lab."):
                yield Bound(binding.id, binding.key, binding.description, place)


def _kind(place: type[DOMNode]) -> type[DOMNode]:
    return next((kind for kind in (App, Screen) if issubclass(place, kind)), Widget)


def _key(key: str, name: str) -> str:
    """The key by its name in Textual."""
    *modifiers, last = key.split("+") if key != "+" else [key]
    known = len(last) == 1 or last in _NAMES or _is_character(last)
    if not known or not set(modifiers) <= {"ctrl", "shift", "alt", "super"}:
        raise LabError(f"{_WHERE}: {key!r} for {name} is no key; write x, X, f5, ctrl+x, space, comma or slash.")
    if key in _KEPT or "alt" in modifiers:
        raise LabError(f"{_WHERE}: {key} for {name} does not reach the lab in every terminal; choose another key.")
    named = next(iter(Binding.make_bindings([Binding(last, "")]))).key
    return "+".join([*modifiers, named])


def _is_character(name: str) -> bool:
    try:
        unicodedata.lookup(name.replace("_", " ").upper())
    except KeyError:
        return False
    return True


def _unknown(name: str, known: list[str]) -> LabError:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}."
    return LabError(f"{_WHERE}: there is no binding {name!r}; {hint}")


def _check_clashes(bindings: list[Bound], given: Mapping[str, list[str]]) -> None:
    """Only what was given is looked at: what the lab has by itself may share a key on purpose."""
    in_force = [one for one in bindings if one.id not in given]
    in_force += [
        Bound(one.id, key, one.description, one.place)
        for one in {(one.id, one.place): one for one in bindings if one.id in given}.values()
        for key in given[one.id]
    ]
    for one in in_force:
        for other in in_force:
            if one.id in given and one.id != other.id and one.key == other.key and one.meets(other):
                raise LabError(
                    f"{_WHERE}: {one.key} is given to {one.id} ({one.description}), but {other.id} "
                    f"({other.description}) has it; choose another key, or give {other.id} one too."
                )

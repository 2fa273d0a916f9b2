"""The personas of a study: who they are, where they stand to each other, and which method serves each best."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from lab.data.split import PARTS, Split
from lab.data.types import Dataset, Dialogue, Persona
from lab.db.queries import StudyRow
from lab.errors import LabError
from lab.report.study_data import data_of, personas_of
from lab.tui.feeds.later import Later
from lab.tui.feeds.persona_maps import PersonaMap, behaviour_map, clusterings
from lab.tui.feeds.serving import Choices, Routed, Served, choices_of, served

_NEAR = 4  # personas
_KEPT = 64  # personas whose val dialogues stay read
_MOMENT = 0.15  # seconds: few dialogues are read in that, and nothing is shown twice

Data = tuple[Dataset, Split]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A study's personas, the one under the cursor in detail, on the map of this number."""

    study: StudyRow | None
    persona: str = ""
    map: int = 0
    reading: bool = False  # its dialogues too


@dataclass(frozen=True, slots=True)
class PersonRow:
    """One persona in the list; cluster and best method where the study tells."""

    persona_id: str
    name: str
    description: str
    cluster: int | None
    best: str
    gain: float | None  # of the best over unified, on val

    @property
    def words(self) -> str:
        """What a search looks in."""
        return f"{self.persona_id} {self.name} {self.description} {self.best}".lower()


@dataclass(frozen=True, slots=True)
class Near:
    """A persona that is much like another one."""

    persona_id: str
    distance: float
    best: str


@dataclass(frozen=True, slots=True)
class PersonDetail:
    """One persona in full."""

    persona: Persona
    parts: dict[str, int]  # train, val, test → its dialogues; empty until they are read
    most: int  # train dialogues that any persona has
    least: int
    served: tuple[Served, ...]  # the best first
    routed: tuple[Routed, ...]
    near: tuple[Near, ...]
    cluster: int | None
    fellows: int  # personas in its cluster, itself included
    favourites: tuple[tuple[str, int], ...]  # method → how many of the cluster it serves best
    error: str  # why the val dialogues could not be read


@dataclass(frozen=True, slots=True)
class PersonasView:
    """What there is to show."""

    wanted: Wanted
    rows: tuple[PersonRow, ...] = ()
    map: PersonaMap | None = None
    maps: int = 0
    reading: bool = False  # the dialogues are being read
    laying: bool = False  # the map is being laid out, for which they have to be read
    judged: bool = False  # whether the study has val scores
    detail: PersonDetail | None = None
    dialogues: tuple[tuple[str, Dialogue], ...] = ()  # (part, dialogue), oldest first
    missing: tuple[str, ...] = ()


@dataclass
class PersonasFeed:
    """Reads a study anew when jobs of it have ended, and a persona when it comes under the cursor."""

    _of: tuple[object, ...] = ()
    _choices: Choices | None = None
    _data: Later[Data] | None = None
    _data_of: tuple[object, ...] = ()
    _maps: list[PersonaMap] = field(default_factory=list)
    _missing: tuple[str, ...] = ()
    _behaviour: Later[PersonaMap] | None = None
    _details: OrderedDict[tuple[object, ...], PersonDetail] = field(default_factory=OrderedDict)
    _rows: tuple[PersonRow, ...] = ()
    _rows_of: object = None
    _view: PersonasView | None = None
    _view_of: tuple[object, ...] = ()

    def read(self, wanted: Wanted) -> PersonasView:
        """The present view; the same object as before if nothing changed."""
        study = wanted.study
        if study is None:
            return PersonasView(wanted)
        choices, data = self._start(study), self._read_data(study)
        maps, laying = self._laid_out(study, data)
        shown = maps[wanted.map % len(maps)] if maps else None
        of = (*self._of, wanted.persona, wanted.reading, id(shown), laying, data is None)
        if self._view is None or of != self._view_of:
            self._view_of = of
            self._view = PersonasView(
                wanted,
                self._listed(study, choices, shown),
                shown,
                len(maps),
                data is None,
                laying,
                bool(choices.candidates),
                self._detail(study, wanted.persona, choices, shown, data),
                _dialogues(data, wanted.persona) if data and wanted.reading else (),
                self._told(),
            )
        return self._view

    def _start(self, study: StudyRow) -> Choices:
        """Forget what was read of another study, or before other jobs ended."""
        of = (study.id, study.n_jobs, tuple(sorted(study.counts.items())))
        if of != self._of or self._choices is None:
            missing: list[str] = []
            self._choices, self._maps = choices_of(study), clusterings(study, missing)
            self._missing, self._of = (*self._choices.missing, *missing), of
            self._details.clear()
        return self._choices

    def _read_data(self, study: StudyRow) -> Data | None:
        """Every dialogue and its part of the split, or nothing as long as they are being read.

        Raises:
            LabError: they cannot be read.
        """
        of = (study.dataset, study.spec["personas"], study.spec["dialogues"], study.spec["split"])
        if self._data is None or of != self._data_of:
            self._data, self._data_of, self._behaviour = Later(lambda: data_of(study)), of, None
            self._data.wait(_MOMENT)
        if self._data.error:
            why, self._data = self._data.error, None  # they may be there the next time
            raise LabError(why)
        return self._data.value

    def _laid_out(self, study: StudyRow, data: Data | None) -> tuple[list[PersonaMap], bool]:
        """The clusterings or, where there is none, how the personas behave: that takes seconds the first time."""
        if self._maps:
            return self._maps, False
        if data is None:
            return [], True
        if self._behaviour is None:
            self._behaviour = Later(lambda: behaviour_map(study))
        laying = not self._behaviour.done  # asked first: what ends in between is laid out the next time
        found = self._behaviour.value
        return [found] if found is not None else [], laying

    def _told(self) -> tuple[str, ...]:
        error = self._behaviour.error if self._behaviour and not self._maps else ""
        return (*self._missing, error) if error else self._missing

    def _listed(self, study: StudyRow, choices: Choices, shown: PersonaMap | None) -> tuple[PersonRow, ...]:
        of = (self._of, id(shown))
        if of != self._rows_of:
            labels = shown.labels if shown else {}
            self._rows_of = of
            self._rows = tuple(
                PersonRow(
                    one.persona_id,
                    one.name or "",
                    one.description,
                    labels.get(one.persona_id),
                    choices.best(one.persona_id),
                    choices.gain(one.persona_id),
                )
                for one in personas_of(study)
            )
        return self._rows

    # ------------------------------------------------------------ one persona

    def _detail(
        self, study: StudyRow, name: str, choices: Choices, shown: PersonaMap | None, data: Data | None
    ) -> PersonDetail | None:
        of = (name, id(shown), data is None)
        if of not in self._details:
            found = _detail(study, name, choices, shown, data)
            if found is None:
                return None
            self._details[of] = found
            while len(self._details) > _KEPT:
                self._details.popitem(last=False)
        return self._details[of]


def _detail(
    study: StudyRow, name: str, choices: Choices, shown: PersonaMap | None, data: Data | None
) -> PersonDetail | None:
    persona = next((one for one in personas_of(study) if one.persona_id == name), None)
    if persona is None:
        return None
    error: str = ""
    ranked: tuple[Served, ...] = ()
    try:
        ranked = served(study, name, choices)
    except LabError as why:
        error = str(why)
    labels = shown.labels if shown else {}
    label = labels.get(name)
    fellows = [one for one, own in labels.items() if own == label] if label is not None else []
    near = shown.nearest(name, _NEAR) if shown else []
    split = data[1].personas if data else {}
    sizes = [len(one.train) for one in split.values()]
    return PersonDetail(
        persona,
        {part: len(split[name].part(part)) for part in PARTS} if name in split else {},
        max(sizes, default=0),
        min(sizes, default=0),
        ranked,
        tuple(choices.routed(name)),
        tuple(Near(one, distance, choices.best(one)) for one, distance in near),
        label,
        len(fellows),
        tuple(choices.favourites(fellows)),
        error,
    )


def _dialogues(read: Data, persona: str) -> tuple[tuple[str, Dialogue], ...]:
    """All of a persona's dialogues with the part each is in; "" for those that no part uses."""
    data, split = read
    own = split.personas.get(persona)
    if own is None:
        return ()
    parts = {key: part for part in PARTS for key in own.part(part)}
    return tuple((parts.get(one.dialogue_id, ""), one) for one in data.of(persona))

"""Conversations kept under the artifacts folder: `chats/<study>/<when>-<persona>`, as JSON and as Markdown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.settings import load_settings
from lab.tasks.leftovers import CHATS
from lab.tui.chat.saved import Saved, from_json, to_json, to_markdown

_NOT_IN_NAMES = re.compile(r"[^\w.-]+")
_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True)
class Kept:
    """A conversation in a file, or why it cannot be read."""

    file: Path
    saved: Saved | None
    fault: str = ""


def save(saved: Saved) -> Path:
    """Write both files; gives the JSON's.

    Raises:
        LabError: they cannot be written.
    """
    conversation = saved.conversation
    folder = _folder(conversation.study)
    name = f"{saved.saved_at:%Y-%m-%d-%H%M%S}-{_plain(conversation.persona)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = 1
        while (folder / f"{name}.json").exists():  # two in a second
            number += 1
            name = f"{name.rpartition('~')[0] or name}~{number}"
        for suffix, content in ((".md", to_markdown(saved).encode()), (".json", to_json(saved))):
            partial = folder / f".{name}{suffix}.partial"
            partial.write_bytes(content)
            partial.replace(folder / f"{name}{suffix}")
    except OSError as error:
        raise LabError(f"{folder}: the conversation was not saved ({error.strerror}); mend that.") from None
    return folder / f"{name}.json"


def kept(study: str) -> list[Kept]:
    """The study's conversations, newest first; files that are none say why."""
    return [_read(file, study) for file in sorted(_folder(study).glob("*.json"), reverse=True)]


def _read(file: Path, study: str) -> Kept:
    try:
        saved = from_json(file.read_bytes(), file.name)
    except LabError as error:
        return Kept(file, None, str(error))
    except OSError as error:
        return Kept(file, None, f"{file.name} cannot be read ({error.strerror})")
    if saved.conversation.study != study:
        return Kept(file, None, f"{file.name} is of study '{saved.conversation.study}'")
    return Kept(file, saved)


def _folder(study: str) -> Path:
    return load_settings().artifacts / CHATS / _plain(study)


def _plain(name: str) -> str:
    """As a file may be called: `..` is no name."""
    return _NOT_IN_NAMES.sub("_", name)[:_LONGEST_NAME].strip(".") or "_"

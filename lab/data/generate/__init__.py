"""A seeded generator of personas and their smart-home dialogues."""

from lab.data.generate.folder import generate_folder
from lab.data.generate.generate import generate

__all__ = ["generate", "generate_folder"]

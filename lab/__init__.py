"""Persona Lab: does personalising a small language model beat one model trained on everybody?"""

__version__ = "0.1.0"

"""Personas, dialogues and their splits."""

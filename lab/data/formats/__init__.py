"""Readers and writers of the dialogue formats the lab knows."""

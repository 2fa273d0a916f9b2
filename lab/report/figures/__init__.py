"""Figures of a report: plain values in, a Matplotlib figure out; one kind a file."""

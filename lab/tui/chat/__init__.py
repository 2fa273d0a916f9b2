"""The Chat screen's own parts: conversations as plain values, and what the screen does with them, one idea a file."""

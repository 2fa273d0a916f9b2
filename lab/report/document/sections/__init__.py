"""The sections of a report, a few of one kind in a file: evidence in, blocks and figures out."""

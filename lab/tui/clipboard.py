"""The clipboard of whoever sits at the terminal, through SSH, tmux and GNU screen: OSC 52.

A terminal that knows OSC 52 takes `ESC ] 52 ; c ; <base64> BEL` into its clipboard. tmux and GNU screen stand between:
what is not for them they let through inside a device control string of their own. Plain sequences are sent as well,
for a tmux whose `set-clipboard` is on takes those itself.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping

from lab.errors import LabError

_ESC, _BEL, _END = "\x1b", "\a", "\x1b\\"
_LONGEST = 74_994  # bytes of text: more, in base64, some terminals drop without a word
_SCREEN_CELLS = 240  # characters of one string: GNU screen keeps no more than 256, its own included


def osc52(text: str, environment: Mapping[str, str]) -> str:
    """What to write to the terminal to have the text in its clipboard.

    Raises:
        LabError: the text is longer than terminals take.
    """
    content = text.encode("utf-8", "replace")
    if len(content) > _LONGEST:
        raise LabError(
            f"{len(content):,} bytes are too much for a terminal's clipboard, which takes {_LONGEST:,}; save it instead"
        )
    plain = f"{_ESC}]52;c;{base64.b64encode(content).decode()}{_BEL}"
    if environment.get("TMUX"):
        return plain + in_tmux(plain)
    if environment.get("STY") or environment.get("TERM", "").startswith("screen"):
        return in_screen(plain)
    return plain


def in_tmux(sequence: str) -> str:
    """The sequence, let through by tmux (where `allow-passthrough` is on): every escape in it is doubled."""
    return f"{_ESC}Ptmux;{sequence.replace(_ESC, _ESC * 2)}{_END}"


def in_screen(sequence: str) -> str:
    """The sequence, let through by GNU screen piece by piece; the terminal gets the pieces as one."""
    pieces = [sequence[at : at + _SCREEN_CELLS] for at in range(0, len(sequence), _SCREEN_CELLS)]
    return "".join(f"{_ESC}P{piece}{_END}" for piece in pieces)

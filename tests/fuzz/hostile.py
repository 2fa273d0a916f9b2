"""What an attacker, a bad disk or bad luck would write: hypothesis strategies for texts, values, trees and bytes.

Every payload that would run as code of some language makes the file `CANARY` or names the marker, so that running it
cannot go unnoticed (`watch.py`).
"""

from __future__ import annotations

import json
import os
import pickle
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

MARKER = "zxcanary"
CANARY = Path(tempfile.gettempdir()) / f"{MARKER}-{os.getpid()}"


class _Bomb:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {CANARY}",)


PICKLES = [pickle.dumps(_Bomb(), protocol) for protocol in (0, 2, 4)]

CODE = [
    f"__import__('os').system('touch {CANARY}')",
    f"$(touch {CANARY})",
    f"`touch {CANARY}`",
    f"; touch {CANARY} #",
    f"!!python/object/apply:os.system ['touch {CANARY}']",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}" + MARKER,
    f"{{{{ cycler.__init__.__globals__.os.popen('touch {CANARY}').read() }}}}",
    f"{{% for x in ().__class__.__base__.__subclasses__() %}}{{{{ x }}}}{MARKER}{{% endfor %}}",
    f"{MARKER}:{MARKER}.run",
    "torch.load",
    "%s%n{0.__class__}" + MARKER,
]
PATHS = [
    "../../../../../../tmp/x", "/etc/passwd", "..", ".", "", "~root", "~nobody-here/x", "a/../../b", "C:\\x\\y",
    "\\\\host\\share", "file:///etc/passwd", "a" * 300, "con", "-rf", "a\0b", "//host/x", "data/../../x",
]  # fmt: skip
TERMINAL = [
    "\x1b[2J\x1b[H", "\x1b[31mred", "\x1b]52;c;aGFja2Vk\x07", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\link",
    "\x1bP+q544e\x1b\\", "\x9b31m", "\x9d52;c;aGk=\x9c", "\x90q\x9c", "\x1b[?1049h", "\x1b[6n", "\x1bc", "a\rb",
    "\b" * 9, "\x07", "tab\ttab", "line\nline", "\x0b\x0c\x85", "\x7f", "\u2028\u2029", "\0",
    "\u202eesrever", "\u2066x\u2069", "\u200b\u200d\ufeff", "\U000e0041\U000e007f", "\ufff9a\ufffb",
]  # fmt: skip
MARKUP = ["[red]x[/red]", "[@click=app.quit]x[/]", "[link=http://x]y[/link]", "[/]", "[bold", "\\[", ":smile:", "$x"]
SHAPES = [
    "e" + "\u0301" * 2000,
    "x" * 50_000,
    "漢" * 500,
    "👨‍👩‍👧‍👦" * 50,
    " " * 500,
    "\n" * 300,
    "ﷺ" * 40,
    "\u0e33" * 60,
]
NUMBERS = [0, -1, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 1e308, -1e308, 1e-320, 5e-324, 0.1]

words = st.one_of(
    st.sampled_from([*CODE, *PATHS, *TERMINAL, *MARKUP]),
    st.sampled_from(SHAPES),
    st.text(max_size=30),
    st.lists(st.sampled_from([*TERMINAL, *MARKUP, "a", " ", "漢"]), max_size=6).map("".join),
)
"""Texts, some with half characters, which JSON can carry and UTF-8 cannot."""

texts = words.map(lambda text: text.encode("utf-8", "replace").decode())
"""Texts that UTF-8 can carry."""

finite = st.one_of(st.sampled_from(NUMBERS), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False))
integers = st.one_of(st.sampled_from([0, 1, -1, 2**31, 2**63 - 1, -(2**63)]), st.integers(-(2**63), 2**63 - 1))
reals = st.one_of(st.sampled_from([0.0, 0.5, 1.0, 1e308, -1e308, 5e-324, float("inf"), float("-inf")]), st.floats(0, 1))

scalars = st.one_of(st.none(), st.booleans(), finite, texts, st.just(float("nan")), st.just(10**30))


def _grown(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3))


values = st.recursive(scalars, _grown, max_leaves=6)
"""Any JSON value, and a few that JSON does not have."""


def _deep(kind: str, depth: int) -> Any:
    found: Any = 0
    for _ in range(depth):
        found = [found] if kind == "list" else {"a": found}
    return found


deep = st.builds(_deep, st.sampled_from(["list", "dict"]), st.sampled_from([20, 300, 900]))


# ---------------------------------------------------------------- mutation


def _places(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value of a tree."""
    found = [path]
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        found += _places(value, (*path, key))
    return found


def _at(tree: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


@st.composite
def mutated(draw: Any, tree: Any) -> Any:
    """The tree with one to three of its values or keys replaced, dropped, doubled or added to."""
    tree = json.loads(json.dumps(tree))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(_places(tree)))
        if not path:
            if draw(st.integers(0, 20)) == 0:
                return draw(values)
            continue
        above, key = _at(tree, path[:-1]), path[-1]
        what = draw(st.sampled_from(["replace", "replace", "drop", "add", "rename", "deepen"]))
        if what == "replace":
            above[key] = draw(values)
        elif what == "deepen":
            above[key] = draw(deep)
        elif what == "drop":
            del above[key]
        elif isinstance(above, list):
            above.insert(key, above[key] if what == "rename" else draw(values))
        else:
            above[draw(texts)] = above.pop(key) if what == "rename" else draw(values)
    return tree


@st.composite
def damaged(draw: Any, content: bytes) -> bytes:
    """The bytes, often as they are; or cut, with some of them replaced, or with others among them."""
    for _ in range(draw(st.sampled_from([0, 0, 1, 3]))):
        at = draw(st.integers(0, len(content)))
        what = draw(st.sampled_from(["cut", "byte", "insert", "repeat"]))
        if what == "cut":
            content = content[:at]
        elif what == "byte":
            content = content[:at] + bytes([draw(st.integers(0, 255))]) + content[at + 1 :]
        elif what == "insert":
            content = content[:at] + draw(garbage) + content[at:]
        else:
            content = content[:at] + content[at : at + 40] * 3 + content[at:]
    return content


garbage = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xef\xbb\xbf", b"\r\n", b"9" * 5000]
    ),
    st.sampled_from([b"[" * 3000, b'{"a":' * 3000, b'"' + b"\\u0000" * 20, b'"\\ud800"', *PICKLES]),
    words.map(lambda text: text.encode("utf-8", "surrogatepass")),
)
"""Bytes of no form."""


def as_json(tree: Any) -> bytes:
    """JSON as Python writes it: with NaN, Infinity and numbers without end, half characters as escapes."""
    return json.dumps(tree).encode()


@st.composite
def json_like(draw: Any, *trees: Any) -> bytes:
    """JSON that was one of these trees, before somebody changed it."""
    tree = draw(mutated(draw(st.sampled_from(trees))))
    return draw(damaged(as_json(tree)))


@st.composite
def lines_like(draw: Any, lines: list[Any]) -> bytes:
    """JSON Lines that were these, before somebody changed some of them."""
    found = [draw(json_like(line)) if draw(st.integers(0, 2)) == 0 else as_json(line) for line in lines]
    return draw(damaged(draw(st.sampled_from([b"\n", b"\n", b"\r\n", b"\n\n"])).join(found) + b"\n"))

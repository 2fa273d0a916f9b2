"""Dialogues as tokens, and which of the tokens the assistant wrote, found from the chat template itself.

A template may add a default system message, trim contents, merge messages or drop parts of earlier turns, so
an answer's text cannot be searched for in the rendered dialogue. Instead each assistant message is rendered
a second time with its content replaced by one character that occurs nowhere: what stands before and after
that character is the template's, and everything between them in the real rendering is the answer. What the
template puts between the opened turn and the answer (a space, an empty reasoning block) is the assistant's to
write too.

A message is a mapping with "role" (system, user, assistant, tool) and "content"; other keys are not shown to
the template. A tokenizer without a template gets `PLAIN_TEMPLATE`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from transformers import PreTrainedTokenizerBase

from lab.errors import LabError

Message = Mapping[str, Any]

PLAIN_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}{{ m.role + ':\n' + m.content }}"
    "{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant:\n' }}{% endif %}"
)
"""For base models: each message is `role:`, a line break and its content; EOS ends an assistant's turn."""

# Some templates (Llama 3's) print today's date unless told one; a prompt must not change overnight.
_DATE = "26 Jul 2024"
_PRIVATE_USE = range(0xE000, 0xF900)  # code points Unicode leaves without meaning


class EncodedDialogue(NamedTuple):
    """A dialogue as tokens; the three lists are equally long."""

    ids: list[int]
    supervised: list[bool]  # tokens the assistant writes: an answer and the end of its turn
    turn: list[int]  # index in `messages` of the assistant message a supervised token belongs to, else -1


class TurnEnd(NamedTuple):
    """How the template ends an assistant's turn."""

    text: str
    token_id: int | None  # the special token `text` ends with; None if the end is ordinary text


def render(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], add_generation_prompt: bool = False) -> str:
    """Write `messages` as the template does; with a generation prompt the assistant's turn is opened."""
    return _apply(tokenizer, _for_template(tokenizer, messages), add_generation_prompt)


def encode_prompt(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], max_length: int | None = None
) -> list[int]:
    """Token ids of `messages` with the assistant's turn opened, at most the last `max_length` of them.

    A prompt that is too long loses its oldest exchanges, as in `encode_dialogue`.
    """
    if max_length is None:
        return _tokens(tokenizer, messages, add_generation_prompt=True)
    kept = _newest(messages, lambda rest: len(_tokens(tokenizer, rest, add_generation_prompt=True)) <= max_length)
    return _tokens(tokenizer, kept, add_generation_prompt=True)[-max_length:]


def encode_dialogue(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], max_length: int | None = None
) -> EncodedDialogue:
    """Encode a whole dialogue with every assistant turn supervised, in one sequence.

    Longer than `max_length` tokens, it loses what follows the last answer, which nobody learns from, then its oldest
    exchanges (up to the next user message), and keeps its system message; if the last exchange alone is too long, its
    first tokens go. So the last answer stays, or its end.
    Raises LabError if the template refuses the dialogue or rewrites an answer so that it cannot be followed.
    """
    if max_length is None or len(_tokens(tokenizer, messages)) <= max_length:
        return _encode_whole(tokenizer, messages, 0)
    answered = _up_to_last_answer(messages)
    kept = _newest(answered, lambda rest: len(_tokens(tokenizer, rest)) <= max_length)
    ids, supervised, turn = _encode_whole(tokenizer, kept, len(answered) - len(kept))
    return EncodedDialogue(ids[-max_length:], supervised[-max_length:], turn[-max_length:])


def turn_end(tokenizer: PreTrainedTokenizerBase) -> TurnEnd:
    """Return what follows an answer up to and including the first special token, as the template has it.

    Raises LabError if the template marks no end: a model could not learn when to stop.
    """
    return _turn_end(tokenizer, str(tokenizer.chat_template))


@lru_cache(maxsize=32)  # keyed by the template too: it may be replaced on the same tokenizer
def _turn_end(tokenizer: PreTrainedTokenizerBase, _template: str) -> TurnEnd:
    question, answer, reply = (chr(code) for code in _PRIVATE_USE[:3])
    exchange = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    gap = _apply(tokenizer, [*exchange, {"role": "user", "content": reply}])
    gap = gap.partition(answer)[2].partition(reply)[0]
    ends = [gap.index(s) + len(s) for s in _special_tokens(tokenizer) if s in gap]
    if ends:
        text = gap[: min(ends)]
        return TurnEnd(text, tokenizer(text, add_special_tokens=False)["input_ids"][-1])
    text = _apply(tokenizer, exchange).partition(answer)[2].rstrip()
    if not text:
        raise LabError(
            f"The chat template of {_name(tokenizer)} does not mark where an assistant's turn ends; "
            "choose a model whose template or tokenizer has an end-of-turn token."
        )
    return TurnEnd(text, None)


@lru_cache(maxsize=32)
def _takes_system(tokenizer: PreTrainedTokenizerBase, _template: str) -> bool:
    """Whether the template shows a system message; some raise (Gemma's), some leave it out."""
    system, user = (chr(code) for code in _PRIVATE_USE[:2])
    try:
        text = _apply_raw(tokenizer, [{"role": "system", "content": system}, {"role": "user", "content": user}])
    except Exception:
        return False
    return system in text


def _special_tokens(tokenizer: PreTrainedTokenizerBase) -> set[str]:
    added = {token.content for token in tokenizer.added_tokens_decoder.values() if token.special}
    return added | set(tokenizer.all_special_tokens)


def _for_template(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message]) -> list[dict[str, str]]:
    """Copy role and content; a template without a system role gets it in the first user message."""
    if not messages:
        raise LabError("A dialogue without messages cannot be rendered; give it at least one message.")
    plain = [{"role": message["role"], "content": message["content"]} for message in messages]
    if plain[0]["role"] != "system" or _takes_system(tokenizer, str(tokenizer.chat_template)):
        return plain
    if len(plain) < 2 or plain[1]["role"] != "user":
        raise LabError(
            f"The chat template of {_name(tokenizer)} takes no system message, and no user message follows "
            "that could carry it; let the dialogue begin with a user message."
        )
    folded = f"{plain[0]['content']}\n\n{plain[1]['content']}"
    return [{"role": "user", "content": folded}, *plain[2:]]


def _apply_raw(
    tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, str]], add_generation_prompt: bool = False
) -> str:
    text = tokenizer.apply_chat_template(
        messages,
        chat_template=None if tokenizer.chat_template else PLAIN_TEMPLATE,
        tokenize=False,
        add_generation_prompt=add_generation_prompt,
        date_string=_DATE,
    )
    return str(text)


def _apply(
    tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, str]], add_generation_prompt: bool = False
) -> str:
    try:
        return _apply_raw(tokenizer, messages, add_generation_prompt)
    except Exception as error:  # a template is a program; it runs in a sandbox and may fail in any way
        raise LabError(
            f"The chat template of {_name(tokenizer)} refuses this dialogue: {error} "
            f"The roles are {', '.join(m['role'] for m in messages)}."
        ) from None


def _tokens(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], add_generation_prompt: bool = False
) -> list[int]:
    text = render(tokenizer, messages, add_generation_prompt)
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _encode_whole(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], dropped: int) -> EncodedDialogue:
    """Encode without a limit; `dropped` messages after the system message are missing from `messages`."""
    plain = _for_template(tokenizer, messages)
    text = _apply(tokenizer, plain)
    tokens = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = tokens["input_ids"], tokens["offset_mapping"]
    missing = len(messages) - len(plain) + dropped  # a folded system message shifts the indices too
    turn = [-1] * len(ids)
    first = 0
    for index, message in enumerate(plain):
        if message["role"] != "assistant":
            continue
        start, stop = _answer_span(tokenizer, text, plain, index)
        # A token's end is exact even where the tokenizer reports whitespace as having no width.
        while first < len(ids) and offsets[first][1] <= start:
            first += 1
        while first < len(ids) and (offsets[first][1] <= stop or offsets[first][0] < stop):
            turn[first] = index + missing
            first += 1
    return EncodedDialogue(ids, [index >= 0 for index in turn], turn)


def _answer_span(
    tokenizer: PreTrainedTokenizerBase, text: str, messages: list[dict[str, str]], index: int
) -> tuple[int, int]:
    """Where in `text` the assistant starts to write message `index`, and where its turn ends."""
    answer = messages[index]
    mark = next(chr(code) for code in _PRIVATE_USE if chr(code) not in text)
    marked = [*messages[:index], {**answer, "content": mark}, *messages[index + 1 :]]
    before, found, after = _apply(tokenizer, marked).partition(mark)
    start, stop = len(before), len(text) - len(after)
    followed = found and start <= stop and text.startswith(before) and text.endswith(after)
    if not followed or text[start:stop] not in answer["content"]:
        raise LabError(
            f"The chat template of {_name(tokenizer)} rewrites assistant message {index + 1} of "
            f"{len(messages)} ({answer['content'][:40]!r}), so its tokens cannot be found."
        )
    opened = _apply(tokenizer, messages[:index], add_generation_prompt=True) if index else ""
    if text.startswith(opened) and 0 < len(opened) < start:
        start = len(opened)
    end = turn_end(tokenizer).text
    return start, stop + len(end) if text.startswith(end, stop) else stop


def _up_to_last_answer(messages: Sequence[Message]) -> Sequence[Message]:
    """Without what follows the last assistant message; whole if there is none."""
    answers = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
    return messages[: answers[-1] + 1] if answers else messages


def _newest(messages: Sequence[Message], fits: Callable[[Sequence[Message]], bool]) -> Sequence[Message]:
    """The system message and as many of the newest exchanges as fit, one at least.

    Every look at what fits renders and tokenises the rest, so it is searched for by bisection.
    """
    head = 1 if messages[0]["role"] == "system" else 0
    users = [index for index in range(head + 1, len(messages)) if messages[index]["role"] == "user"]
    starts = [head, *users]

    def rest(start: int) -> Sequence[Message]:
        return [*messages[:head], *messages[start:]]

    first = bisect_left(starts[:-1], True, key=lambda start: fits(rest(start)))
    return rest(starts[first])


def _name(tokenizer: PreTrainedTokenizerBase) -> str:
    return str(tokenizer.name_or_path or "this model")

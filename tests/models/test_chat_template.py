"""Which tokens of a dialogue the assistant wrote, on every kind of chat template."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.errors import LabError
from lab.models.chat_template import EncodedDialogue, encode_dialogue, encode_prompt, render, turn_end

SMOLLM2 = (
    "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face"
    "<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
QWEN25 = r"""{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.' }}
    {%- endif %}
    {{- "\n\n# Tools\n\n" }}
    {%- for tool in tools %}
        {{- "\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "<|im_end|>\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
    {%- else %}
        {{- '<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.' }}
        {{- '<|im_end|>\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first)
        or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\n<tool_response>\n' }}
        {{- message.content }}
        {{- '\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\n' }}
{%- endif %}
"""
LLAMA3 = (  # trims; BOS comes from the template
    "{% for message in messages %}{% set content = '<|header|>' + message['role'] + '<|header|>\n\n'"
    "+ message['content'] | trim + '<|eot|>' %}"
    "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"
    "{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|header|>assistant<|header|>\n\n' }}{% endif %}"
)
GEMMA = (  # trims, forbids the system role, requires alternation, renames the assistant
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
    "{% set role = 'model' if message['role'] == 'assistant' else message['role'] %}"
    "{{ '<|im_start|>' + role + '\n' + message['content'] | trim + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{'<|im_start|>model\n'}}{% endif %}"
)
MERGING = (  # consecutive messages of one role share a turn; ends with EOS
    "{% for m in messages %}{% if loop.first or messages[loop.index0 - 1].role != m.role %}"
    "{{ '<|header|>' + m.role + '\n' }}{% endif %}{{ m.content }}"
    "{% if loop.last or messages[loop.index0 + 1].role != m.role %}{{ eos_token }}"
    "{% else %}{{ '\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|header|>assistant\n' }}{% endif %}"
)
THINKING = (  # like Qwen3's: reasoning of earlier turns is dropped, the last turn gets an empty block
    "{% for m in messages %}{% set text = m.content.split('</think>')[-1].lstrip('\n') %}"
    "{{ '<|im_start|>' + m.role + '\n' }}{% if m.role == 'assistant' and loop.last %}"
    "{{ '<think>\n\n</think>\n\n' }}{% endif %}{{ text + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
VICUNA = (  # ordinary text around the turns, EOS after a space
    "{% for m in messages %}{% if m.role == 'user' %}{{ 'USER: ' + m.content + ' ' }}"
    "{% else %}{{ 'ASSISTANT: ' + m.content + ' ' + eos_token }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
TEXT_ONLY = (  # ChatML on a tokenizer that does not know its marks
    "{% for m in messages %}{{ '[' + m.role + ']' + m.content + '[/]\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '[assistant]' }}{% endif %}"
)
NEXT_TURN_ENDS = (  # like GLM's: only the next header ends a turn
    "{% for m in messages %}{{ ('<|header|>' if m.role == 'user' else '<|eot|>') + '\n' + m.content }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|eot|>\n' }}{% endif %}"
)
UNMARKED = "{% for m in messages %}{{ m.content }}{% endfor %}"

# name → (template, what it makes of an answer, the end of an assistant's turn)
TEMPLATES = {
    "smollm2": (SMOLLM2, str, "<|im_end|>"),
    "qwen2.5": (QWEN25, str, "<|im_end|>"),
    "llama3": (LLAMA3, str.strip, "<|eot|>"),
    "gemma": (GEMMA, str.strip, "<|im_end|>"),
    "merging": (MERGING, str, "<eos>"),
    "vicuna": (VICUNA, str, " <eos>"),
    "text only": (TEXT_ONLY, str, "[/]"),
    "plain": (None, str, "<eos>"),
}
words = st.text(
    st.one_of(st.sampled_from("ab 1%.\n"), st.characters(exclude_categories=["Cs", "Co", "Cc"])), max_size=20
)
contents = words.map(lambda text: "x" + text)  # what follows a header begins with a letter
blanks = st.sampled_from(["", " ", "\n", "\n\n"])
padded = st.tuples(blanks, contents, blanks).map("".join)


def alternating(content: st.SearchStrategy[str]) -> st.SearchStrategy[list[dict[str, str]]]:
    exchange = st.tuples(content, content)
    return st.lists(exchange, min_size=1, max_size=4).map(
        lambda pairs: [
            {"role": role, "content": text}
            for pair in pairs
            for role, text in zip(("user", "assistant"), pair, strict=True)
        ]
    )


def answer_of(tokenizer, encoded: EncodedDialogue, index: int) -> str:
    ids = [token for token, turn in zip(encoded.ids, encoded.turn, strict=True) if turn == index]
    return tokenizer.decode(ids, clean_up_tokenization_spaces=False)


@pytest.mark.parametrize("name", TEMPLATES)
@settings(max_examples=40, deadline=None)
@given(dialogue=alternating(padded))
def test_each_turns_supervised_tokens_are_its_answer_and_the_end_of_its_turn(make_tokenizer, name, dialogue):
    template, transform, end = TEMPLATES[name]
    tokenizer = make_tokenizer(template)
    encoded = encode_dialogue(tokenizer, dialogue)
    text = render(tokenizer, dialogue)
    assert tokenizer.decode(encoded.ids, clean_up_tokenization_spaces=False) == text
    assert encoded.supervised == [turn >= 0 for turn in encoded.turn]
    assert {turn for turn in encoded.turn if turn >= 0} == set(range(1, len(dialogue), 2))
    for index in range(1, len(dialogue), 2):
        # A tokenizer may join the line break before an answer with the answer's own leading ones.
        found = answer_of(tokenizer, encoded, index)
        assert found.lstrip() == (transform(dialogue[index]["content"]) + end).lstrip()


@pytest.mark.parametrize("name", TEMPLATES)
@settings(max_examples=40, deadline=None)
@given(dialogue=alternating(contents))
def test_the_prompt_for_a_turn_is_what_the_dialogue_shows_before_it(make_tokenizer, name, dialogue):
    tokenizer = make_tokenizer(TEMPLATES[name][0])
    encoded = encode_dialogue(tokenizer, dialogue)
    for index in range(1, len(dialogue), 2):
        prompt = encode_prompt(tokenizer, dialogue[:index])
        assert encoded.ids[: len(prompt)] == prompt
        assert encoded.turn[len(prompt)] == index
        assert index not in encoded.turn[: len(prompt)]


def test_a_default_system_message_is_not_supervised(make_tokenizer):
    tokenizer = make_tokenizer(QWEN25)
    encoded = encode_dialogue(tokenizer, [say("user", "hi"), say("assistant", "You are Qwen, created")])
    unsupervised = [i for i, s in zip(encoded.ids, encoded.supervised, strict=True) if not s]
    assert tokenizer.decode(unsupervised).startswith("<|im_start|>system\nYou are Qwen, created by Alibaba")
    assert answer_of(tokenizer, encoded, 1) == "You are Qwen, created<|im_end|>"


def test_an_answer_that_repeats_the_question_or_another_answer_is_found_where_it_stands(tokenizer):
    same = [say("user", "warm"), say("assistant", "warm"), say("user", "warm"), say("assistant", "warm")]
    encoded = encode_dialogue(tokenizer, same)
    assert [answer_of(tokenizer, encoded, index) for index in (1, 3)] == ["warm<|im_end|>"] * 2
    assert sum(encoded.supervised) == 2 * len(tokenizer("warm<|im_end|>")["input_ids"])


def test_merged_messages_are_told_apart(make_tokenizer):
    tokenizer = make_tokenizer(MERGING)
    dialogue = [
        say("user", "a"),
        say("user", "b"),
        say("assistant", "one"),
        say("assistant", "two"),
        say("user", "c"),
        say("assistant", "three"),
    ]
    encoded = encode_dialogue(tokenizer, dialogue)
    assert render(tokenizer, dialogue).count("<|header|>") == 4
    assert [answer_of(tokenizer, encoded, i) for i in (2, 3, 5)] == ["one", "two<eos>", "three<eos>"]


def test_bos_comes_once(make_tokenizer):
    tokenizer = make_tokenizer(LLAMA3)
    prompt = encode_prompt(tokenizer, [say("user", "hi")])
    assert prompt.count(tokenizer.bos_token_id) == 1
    assert prompt[0] == tokenizer.bos_token_id


def test_a_system_message_is_folded_into_the_first_user_message_where_the_template_has_none(make_tokenizer):
    tokenizer = make_tokenizer(GEMMA)
    dialogue = [say("system", "Be brief."), say("user", "hi"), say("assistant", "hello")]
    assert "<|im_start|>user\nBe brief.\n\nhi<|im_end|>" in render(tokenizer, dialogue)
    assert answer_of(tokenizer, encode_dialogue(tokenizer, dialogue), 2) == "hello<|im_end|>"
    assert "<|im_start|>system\nBe brief.<|im_end|>" in render(make_tokenizer(SMOLLM2), dialogue)


def test_a_template_that_leaves_the_system_message_out_gets_it_with_the_user_message(make_tokenizer):
    tokenizer = make_tokenizer("{% for m in messages if m.role != 'system' %}{{ m.content + '<eos>' }}{% endfor %}")
    assert render(tokenizer, [say("system", "Be brief."), say("user", "hi")]) == "Be brief.\n\nhi<eos>"


def test_reasoning_the_template_drops_from_an_earlier_turn_is_not_supervised(make_tokenizer):
    tokenizer = make_tokenizer(THINKING)
    dialogue = [
        say("user", "a"),
        say("assistant", "<think>hm</think>\n\nwarm"),
        say("user", "b"),
        say("assistant", "cold"),
    ]
    encoded = encode_dialogue(tokenizer, dialogue)
    assert answer_of(tokenizer, encoded, 1) == "warm<|im_end|>"
    # The opened turn does not hold the empty block, so writing it is the assistant's part.
    assert answer_of(tokenizer, encoded, 3) == "<think>\n\n</think>\n\ncold<|im_end|>"


def test_the_next_header_ends_a_turn_where_nothing_else_does(make_tokenizer):
    tokenizer = make_tokenizer(NEXT_TURN_ENDS)
    dialogue = [say("user", "a"), say("assistant", "one"), say("user", "b"), say("assistant", "two")]
    encoded = encode_dialogue(tokenizer, dialogue)
    assert [answer_of(tokenizer, encoded, i) for i in (1, 3)] == ["one<|header|>", "two"]
    assert turn_end(tokenizer).token_id == tokenizer.convert_tokens_to_ids("<|header|>")


def test_the_end_of_a_turn_is_a_token_where_the_tokenizer_has_one_and_text_otherwise(make_tokenizer):
    for name, (template, _, end) in TEMPLATES.items():
        tokenizer = make_tokenizer(template)
        token_id = None if name == "text only" else tokenizer.convert_tokens_to_ids(end.strip())
        assert turn_end(tokenizer) == (end, token_id)


@pytest.mark.parametrize(
    ("template", "messages", "sentence"),
    [
        (
            GEMMA,
            [("user", "a"), ("user", "b"), ("assistant", "c")],
            "refuses this dialogue: .*must alternate",
        ),
        (GEMMA, [("system", "a"), ("assistant", "b")], "takes no system message"),
        (UNMARKED, [("user", "a"), ("assistant", "b")], "does not mark where an assistant's turn ends"),
        (
            SMOLLM2.replace("message['content']", "message['content'] | upper"),
            [("assistant", "b")],
            "rewrites",
        ),
        (SMOLLM2, [], "without messages"),
    ],
)
def test_what_cannot_be_rendered_right_is_one_clear_sentence(make_tokenizer, template, messages, sentence):
    with pytest.raises(LabError, match=sentence):
        encode_dialogue(make_tokenizer(template), [say(role, content) for role, content in messages])


def test_a_long_dialogue_loses_its_oldest_exchanges_and_keeps_its_system_message(tokenizer):
    dialogue = [say("system", "Be brief.")]
    for number in range(6):
        dialogue += [say("user", f"question {number}"), say("assistant", f"answer {number}")]
    whole = encode_dialogue(tokenizer, dialogue)
    for limit in range(len(whole.ids), 40, -7):
        encoded = encode_dialogue(tokenizer, dialogue, limit)
        text = tokenizer.decode(encoded.ids)
        kept = sorted({turn for turn in encoded.turn if turn >= 0})
        assert len(encoded.ids) <= limit
        assert text.startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nquestion")
        assert kept == list(range(kept[0], 13, 2))
        assert [answer_of(tokenizer, encoded, i) for i in kept] == [dialogue[i]["content"] + "<|im_end|>" for i in kept]
        prompt = tokenizer.decode(encode_prompt(tokenizer, dialogue[:-1], limit))
        assert prompt.endswith("question 5<|im_end|>\n<|im_start|>assistant\n")
    assert kept[0] > 1


def test_an_exchange_longer_than_the_limit_keeps_its_last_tokens(tokenizer):
    dialogue = [say("user", "warm " * 50), say("assistant", "done")]
    encoded = encode_dialogue(tokenizer, dialogue, 12)
    assert len(encoded.ids) == len(encoded.turn) == len(encoded.supervised) == 12
    assert answer_of(tokenizer, encoded, 1) == "done<|im_end|>"
    assert len(encode_prompt(tokenizer, dialogue[:1], 12)) == 12


def test_what_follows_the_last_answer_goes_before_any_of_it(tokenizer):
    """Nobody learns from a closing "Thanks!"; with it alone left there would be nothing to learn."""
    dialogue = [say("user", "how?"), say("assistant", "so " * 200 + "done"), say("user", "Thanks!")]
    whole = encode_dialogue(tokenizer, dialogue)
    assert encode_dialogue(tokenizer, dialogue, len(whole.ids)) == whole
    encoded = encode_dialogue(tokenizer, dialogue, 30)
    assert set(encoded.turn[:-1]) == {1}
    assert answer_of(tokenizer, encoded, 1).endswith("so done<|im_end|>")


def test_as_much_is_kept_as_fits(tokenizer):
    dialogue = [say("system", "Be brief.")]
    for number in range(9):
        dialogue += [say("user", f"question {number}"), say("assistant", f"answer {number}"), say("assistant", "more")]
    starts = [1 + 3 * number for number in range(9)]
    lengths = {start: len(encode_dialogue(tokenizer, [dialogue[0], *dialogue[start:]]).ids) for start in starts}
    for limit in range(lengths[starts[-1]], lengths[1] + 1):
        kept = next(start for start in starts if lengths[start] <= limit)
        encoded = encode_dialogue(tokenizer, dialogue, limit)
        assert len(encoded.ids) == lengths[kept]
        assert min(turn for turn in encoded.turn if turn >= 0) == kept + 1


def test_of_a_very_long_dialogue_the_end_is_found_quickly(tokenizer):
    dialogue = [say(role, "Turn the lights to 50% please. " * 4) for role in ("user", "assistant") * 200]
    start = time.process_time()
    assert len(encode_dialogue(tokenizer, dialogue, 500).ids) <= 500
    assert time.process_time() - start < 1


def test_a_date_in_the_template_does_not_change_from_day_to_day(make_tokenizer):
    dated = "{% if date_string is not defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    tokenizer = make_tokenizer(dated + "{{ date_string + '\n' }}" + SMOLLM2)
    assert render(tokenizer, [say("user", "hi")]).startswith("26 Jul 2024\n")


def test_encoding_takes_well_under_five_milliseconds_a_dialogue(tokenizer):
    dialogue = [say(role, "Turn the lights to 50% please. " * 4) for role in ("user", "assistant") * 3]
    encode_dialogue(tokenizer, dialogue)
    start = time.process_time()
    for _ in range(100):
        encode_dialogue(tokenizer, dialogue)
    assert (time.process_time() - start) / 100 < 0.005


def say(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}

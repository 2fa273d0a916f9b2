"""A model behind an OpenAI-compatible address: its answers, and one sentence for whatever goes wrong there."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest
from openai_server import NAME, ModelServer, serving
from tiny_model import save_base

from lab.errors import LabError
from lab.models.endpoint import Endpoint
from lab.models.remote import AT_ONCE, RemoteModel
from lab.models.serve import Row, generate
from lab.models.training import Stopped

KEY = "sk-tiny-5f1c0ffee"
SYSTEM = {"role": "system", "content": "You are a helpful assistant."}
DIALOGUES = [[SYSTEM, {"role": "user", "content": f"Setting the AC to {n} degrees, please."}] for n in range(20)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("tiny")
    save_base(made)
    return made


@pytest.fixture
def server(folder) -> Iterator[ModelServer]:
    with serving(folder) as running:
        yield running


def remote(server: ModelServer, retries: int = 0, length: int = 8, **changes) -> RemoteModel:
    where = {"url": server.url, "model": NAME, "key": "TINY_KEY", "timeout": 20.0} | changes
    return RemoteModel(Endpoint(**where), length, retries)


def answers(model: RemoteModel, dialogues=DIALOGUES, **options) -> list[str]:
    found: dict[int, str] = {}
    model.answer_all(dialogues, found.__setitem__, **options)
    return [found[number] for number in range(len(dialogues))]


def refusal(model: RemoteModel) -> str:
    """The one sentence, whether many answers are asked for or one is streamed."""
    with pytest.raises(LabError) as all_of_them:
        answers(model)
    with pytest.raises(LabError) as streamed:
        list(model.stream(DIALOGUES[0]))
    assert str(all_of_them.value) == str(streamed.value)
    assert "\n" not in str(streamed.value)
    return str(streamed.value)


# ---------------------------------------------------------------- answers


def test_the_answers_are_the_models_own_each_in_its_place(server):
    own = generate(server.resident, [Row(messages) for messages in DIALOGUES], 8)
    assert len({answer.text for answer in own}) > 10
    assert answers(remote(server)) == [answer.text for answer in own]


def test_several_are_asked_at_once_but_not_all(server):
    server.delay = 0.1
    answers(remote(server))
    assert 1 < server.most_at_once <= AT_ONCE
    assert len(server.asked) == len(DIALOGUES)


def test_a_streamed_answer_comes_in_pieces_that_join_to_the_same(server):
    pieces = list(remote(server, length=16).stream(DIALOGUES[0]))
    assert len(pieces) > 2
    assert "".join(pieces) == answers(remote(server, length=16), DIALOGUES[:1])[0]


def test_it_is_asked_greedily_and_for_a_bounded_answer(server):
    model = remote(server, length=5)
    answers(model, DIALOGUES[:1])
    (asked,) = server.asked
    assert (asked["model"], asked["temperature"], asked["max_tokens"]) == (NAME, 0.0, 5)
    assert asked["messages"] == DIALOGUES[0]
    assert model.is_greedy


def test_an_endpoint_without_a_model_takes_the_first_that_is_served(server):
    model = remote(server, model="")
    answers(model, DIALOGUES[:1])
    assert model.endpoint.model == NAME


def test_settings_that_a_model_does_not_take_are_left_out_or_renamed(server):
    server.untaken = ("temperature", "max_tokens")
    model = remote(server)
    assert len(answers(model)) == len(DIALOGUES)
    last = server.asked[-1]
    assert last["max_completion_tokens"] == 8
    assert not {"temperature", "max_tokens"} & last.keys()
    assert not model.is_greedy, "and that is known"


def test_a_server_that_is_busy_or_stumbles_is_asked_again(server):
    server.refusals = [(429, {"error": {"message": "slow down"}}), (500, {}), (503, "<html>busy</html>")]
    assert len(answers(remote(server, retries=3), DIALOGUES[:1])) == 1
    assert len(server.asked) == 4


def test_an_answer_of_nothing_is_an_empty_answer(server):
    server.refusals = [(200, {"choices": [{"message": {"role": "assistant", "content": None}}]})]
    assert answers(remote(server), DIALOGUES[:1]) == [""]


def test_half_a_character_does_not_reach_the_results(server):
    server.refusals = [(200, '{"choices": [{"message": {"role": "assistant", "content": "a\\ud83db"}}]}')]
    assert answers(remote(server), DIALOGUES[:1]) == ["a?b"]


# ---------------------------------------------------------------- stopping


def test_told_to_stop_it_waits_for_no_answer(server):
    server.delay = 30
    began = time.monotonic()
    with pytest.raises(Stopped):
        answers(remote(server), should_stop=lambda: time.monotonic() - began > 0.3)
    assert time.monotonic() - began < 5


def test_a_streamed_answer_ends_in_its_middle_when_it_is_to_stop(server):
    server.pause = 0.3
    began = time.monotonic()
    pieces = list(remote(server, length=64).stream(DIALOGUES[0], lambda: time.monotonic() - began > 1))
    assert 0 < len(pieces) < 20
    assert time.monotonic() - began < 5


# ---------------------------------------------------------------- faults


def test_nobody_listens(folder):
    with serving(folder) as server:
        model = remote(server)
    said = refusal(model)
    assert said.startswith(f"tiny at {server.url} cannot be reached (")
    assert said.endswith("; 1 try); start it or mend its 'url', then try again.")


def test_no_machine_has_that_name(server):
    said = refusal(remote(server, url="http://no-such-host.invalid/v1"))
    assert said.startswith("tiny at http://no-such-host.invalid/v1 cannot be reached (")


@pytest.mark.parametrize("url", ["http://here:99999/v1", "http://here:port/v1", "http://[here/v1", "http:///v1"])
def test_the_address_is_none(url):
    with pytest.raises(LabError) as refused:
        Endpoint(url, NAME, "TINY_KEY", 1.0)
    assert str(refused.value) == f"{url} is not the address of a server; mend the endpoint's 'url'."


def test_it_takes_too_long(server):
    server.delay = 2
    said = refusal(remote(server, timeout=0.2))
    assert f"tiny at {server.url} did not answer within 0.2 s (1 try)" in said
    assert "'timeout'" in said


def test_it_listens_and_says_nothing(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        where = Endpoint(f"http://127.0.0.1:{mute.getsockname()[1]}/v1", NAME, "TINY_KEY", 0.2)
        assert "did not answer within 0.2 s (2 tries)" in refusal(RemoteModel(where, 8, retries=1))


def test_the_key_is_missing(server):
    server.key = KEY
    said = refusal(remote(server))
    assert said.startswith(f"tiny at {server.url} wants a key, but nothing is in the variable TINY_KEY (HTTP 401")
    assert "`lab down`" in said


def test_the_key_is_wrong_and_is_not_repeated_though_the_server_does(server, monkeypatch):
    server.key = "sk-another"
    monkeypatch.setenv("TINY_KEY", KEY)
    said = refusal(remote(server))
    assert f"tiny at {server.url} refuses the key in the variable TINY_KEY (HTTP 401: Incorrect API key" in said
    assert KEY not in said


@pytest.mark.parametrize("around", ["{}", " {}\n"])
def test_the_right_key_opens(server, monkeypatch, around):
    server.key = KEY
    monkeypatch.setenv("TINY_KEY", around.format(KEY))
    assert answers(remote(server), DIALOGUES[:1])


def test_a_key_that_no_header_can_carry_is_told_without_it(server, monkeypatch):
    monkeypatch.setenv("TINY_KEY", "sk-“quoted”")
    said = refusal(remote(server))
    assert "TINY_KEY holds letters that no key has" in said
    assert "sk-" not in said


def test_no_such_model(server):
    said = refusal(remote(server, model="tinny"))
    assert said.startswith(f"{server.url} has no model 'tinny' (HTTP 404: The model tinny does not exist)")
    assert said.endswith("name one that it serves: tiny, another.")


def test_it_serves_no_model_at_all(server):
    server.served = []
    assert "give its 'model'" in refusal(remote(server, model=""))


@pytest.mark.parametrize("model", ["", NAME])
def test_the_path_is_not_that_of_an_api(server, model):
    said = refusal(remote(server, url=server.url.removesuffix("/v1"), model=model))
    assert "there is no OpenAI-compatible API at http://127.0.0.1" in said
    assert "most end in /v1" in said


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (400, {"error": {"message": "the prompt is too long\nby far"}}, "(HTTP 400: the prompt is too long by far)"),
        (400, {"detail": "Server is pinned"}, "refuses what it is asked (HTTP 400: Server is pinned)"),
        (413, "<html>too large</html>", "refuses what it is asked (HTTP 413)"),
        (403, {"error": {"message": "not in your country"}}, "(HTTP 403: not in your country)"),
        (429, {"error": {"message": "quota"}}, "allows no more for now (HTTP 429: quota; 1 try)"),
        (502, "bad gateway", "failed (HTTP 502: bad gateway; 1 try)"),
        (500, {"error": {"message": "x" * 5000}}, "x…"),
        (200, "<html>Welcome</html>", "gives no answer that can be read ("),
    ],
)
def test_whatever_else_it_says_is_passed_on_in_one_line(server, status, body, told):
    server.refusals = [(status, body)] * 40
    said = refusal(remote(server))
    assert told in said
    assert len(said) < 600


def test_what_was_answered_before_it_died_is_kept(server):
    server.lives = 11
    found: dict[int, str] = {}
    with pytest.raises(LabError, match="cannot be reached"):
        remote(server).answer_all(DIALOGUES, found.__setitem__)
    assert 1 < len(found) <= 11


# ---------------------------------------------------------------- replies of another form

_FORMS = {
    "no message": {"choices": [{"index": 0, "finish_reason": "stop"}]},
    "a message that is nothing": {"choices": [{"index": 0, "message": None}]},
    "choices that are text": {"choices": "abc"},
    "a number for words": {"choices": [{"index": 0, "message": {"role": "assistant", "content": 5}}]},
    "parts for words": {"choices": [{"index": 0, "message": {"role": "assistant", "content": [{"text": "hi"}]}}]},
}


@contextmanager
def replying(body: bytes, drips: int = 0) -> Iterator[str]:
    """A server that gives this reply to whatever is asked, a byte at a time before it; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.end_headers()
            with suppress(OSError):  # who asked has gone
                for _ in range(drips):
                    self.wfile.write(b" ")
                    time.sleep(0.1)
                self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/v1"
        running.shutdown()


@pytest.mark.parametrize("reply", _FORMS.values(), ids=_FORMS)
def test_a_reply_of_another_form_is_told_in_one_sentence(reply):
    with replying(orjson.dumps(reply)) as url, pytest.raises(LabError) as refused:
        answers(RemoteModel(Endpoint(url, NAME, "TINY_KEY", 20.0), 8, 0), DIALOGUES[:1])
    assert "gives no answer that can be read (its reply is not of the API's form)" in str(refused.value)


def test_a_reply_that_drips_and_never_ends_is_given_up():
    began = time.monotonic()
    with replying(b"{}", drips=100) as url, pytest.raises(LabError, match=r"did not answer within 0\.5 s \(1 try\)"):
        answers(RemoteModel(Endpoint(url, NAME, "TINY_KEY", 0.5), 8, 0), DIALOGUES[:1])
    assert time.monotonic() - began < 9


def test_a_reply_of_another_form_is_no_answer_in_a_chat_either():
    broken = b'data: {"choices": [{"index": 0, "delta": {"content": 5}}]}\n\n'
    with replying(broken) as url, pytest.raises(LabError, match="not of the API's form"):
        list(RemoteModel(Endpoint(url, NAME, "TINY_KEY", 20.0), 8, 0).stream(DIALOGUES[0]))

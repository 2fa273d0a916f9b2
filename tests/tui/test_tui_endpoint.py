"""Who answered in a chat, where no weights of ours did."""

from __future__ import annotations

from lab.tui.widgets.answer import weights


def test_the_base_model_answers_alone_and_a_model_elsewhere_is_named_with_its_address():
    assert weights({"base": "smollm2-135m", "adapters": []}) == (("smollm2-135m", "dim"), (" alone", "dim"))
    tiny = {"base": "tiny", "base_digest": "c0ffee12", "adapters": []}
    assert weights(tiny) == (("tiny", "dim"), ("@c0ffee", "second"), (" alone", "dim"))
    far = {"url": "http://gpu7:8000/v1", "model": "big"}
    assert weights({"base": "big at http://gpu7:8000/v1", "adapters": [], "endpoint": far}) == (
        ("big at http://gpu7:8000/v1", "dim"),
    )

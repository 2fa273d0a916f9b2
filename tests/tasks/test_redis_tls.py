"""A Redis over TLS with a password: who is believed, and what is said of who is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from planned import own_lab
from services import free_port, make_certificate, redis_over_tls

from lab.errors import LabError
from lab.tasks import queue

PASSWORD = "queue-secret"
Lab = Callable[[str], AbstractContextManager[Path]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Path]]:
    """Its port, and the folder of its certificates; beside them another authority's."""
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "another").mkdir()
    make_certificate(folder, "localhost")
    make_certificate(folder / "another", "localhost")
    port = free_port()
    with redis_over_tls("127.0.0.1", port, folder / "redis.pem", folder / "redis.key", PASSWORD):
        yield port, folder


def lab(server: tuple[int, Path], tmp_path: Path, url: str) -> AbstractContextManager[Path]:
    """A lab whose queue has this URL."""
    port, folder = server
    return own_lab(tmp_path, LAB_REDIS_URL=url.format(port=port, folder=folder))


@pytest.fixture
def at(server, tmp_path) -> Lab:
    return partial(lab, server, tmp_path)


def test_the_authority_is_named_in_the_url(at):
    with at(f"rediss://:{PASSWORD}@localhost:{{port}}/0?ssl_ca_certs={{folder}}/ca.pem"):
        queue.check_redis()
        queue.wake(queue.WORK, [1, 2])
        assert queue.waiting_messages(queue.WORK) == 2


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("rediss://:{secret}@localhost:{{port}}/0?ssl_ca_certs={{folder}}/another/ca.pem", "CERTIFICATE_VERIFY_FAILED"),
        ("rediss://:{secret}@localhost:{{port}}/0", "CERTIFICATE_VERIFY_FAILED"),
        ("rediss://:{secret}@127.0.0.1:{{port}}/0?ssl_ca_certs={{folder}}/ca.pem", "not valid for '127.0.0.1'"),
        ("rediss://:{secret}@localhost:{{port}}/0?ssl_ca_certs={{folder}}/none.pem", "No such file"),
        ("rediss://:not-{secret}@localhost:{{port}}/0?ssl_ca_certs={{folder}}/ca.pem", "invalid"),
        ("redis://:{secret}@localhost:{{port}}/0", "does not answer"),
    ],
    ids=["another authority", "no authority", "another name", "no such file", "wrong password", "no TLS"],
)
def test_a_server_that_is_not_believed_is_one_sentence_without_the_password(at, url, why):
    with at(url.format(secret=PASSWORD)), pytest.raises(LabError, match="redis") as refused:
        queue.check_redis()
    told = str(refused.value)
    assert why in told
    assert PASSWORD not in told
    assert "\n" not in told

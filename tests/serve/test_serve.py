"""Pages that are served: who may ask, and how the server begins and ends."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from jobs.errors import InputError
from jobs.serve import Place, is_loopback, served


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{request.method} {request.url_for('hello').path}")


APP = Starlette(routes=[Route("/hello", hello, methods=["GET", "POST"])])


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(APP) as found:
        yield found


def ask(
    address: str, path: str = "hello", method: str = "GET", headers: Mapping[str, str] | None = None
) -> tuple[int, str, Mapping[str, str]]:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    where = path if path.startswith("/") else parts.path + path
    connection.request(method, where, headers=dict(headers or {}))
    answer = connection.getresponse()
    text = answer.read().decode()
    found = {name.lower(): value for name, value in answer.getheaders()}
    connection.close()
    return answer.status, text, found


def test_the_page_lies_below_its_token_and_nothing_beside_it(address: str) -> None:
    status, text, headers = ask(address)
    path = urlsplit(address).path
    assert (status, text) == (200, f"GET {path}hello")
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    for wrong in ("/hello", "/", path.rstrip("/"), path[:-2] + "/hello", f"/x{path}hello"):
        status, text, _ = ask(address, wrong)
        assert status == 403
        assert "open the whole address" in text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "attacker.example"}, 421),
        ({"Host": "127.0.0.1"}, 421),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_other_hosts_and_other_sites_are_refused(
    address: str, headers: Mapping[str, str], status: int
) -> None:
    assert ask(address, headers=headers)[0] == status


def test_a_change_must_come_from_the_page_itself(address: str) -> None:
    parts = urlsplit(address)
    own = {"Origin": f"http://{parts.netloc}"}
    assert ask(address, method="POST", headers=own)[0] == 200
    assert ask(address, method="POST")[0] == 403
    assert ask(address, method="POST", headers={"Origin": "null"})[0] == 403
    assert ask(address, method="POST", headers={"Origin": "http://attacker.example"})[0] == 403


def test_localhost_is_another_name_of_loopback(address: str) -> None:
    port = urlsplit(address).port
    assert ask(address, headers={"Host": f"localhost:{port}"})[0] == 200


def test_two_starts_have_two_tokens_and_a_stopped_one_is_gone() -> None:
    with served(APP) as first, served(APP) as second:
        assert urlsplit(first).path != urlsplit(second).path
        assert ask(second)[0] == 200
    with pytest.raises(ConnectionError):
        ask(first)


def test_a_taken_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        place = Place(port=port)
        with pytest.raises(InputError, match=f"port {port}: .*free port"), served(APP, place):
            pass


@pytest.mark.parametrize(
    ("host", "said"),
    [("203.0.113.7", "cannot listen on 203.0.113.7"), ("0.0.0.0", "every address")],
)
def test_addresses_that_are_not_one_of_this_machine_are_refused(host: str, said: str) -> None:
    with pytest.raises(InputError, match=said), served(APP, Place(host)):
        pass


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1:8000", Place("127.0.0.1", 8000)),
        ("localhost:0", Place("localhost", 0)),
        ("[::1]:80", Place("::1", 80)),
    ],
)
def test_places_are_read(text: str, place: Place) -> None:
    assert Place.parse(text) == place


@pytest.mark.parametrize("text", ["", "8000", ":8000", "host:", "host:x", "host:65536", "host:-1"])
def test_places_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="names no place to serve; expected HOST:PORT"):
        Place.parse(text)


def test_loopback_is_known_by_its_addresses() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.8.9.1", "::1")))
    assert not any(map(is_loopback, ("192.168.1.2", "0.0.0.0", "example.org", "")))

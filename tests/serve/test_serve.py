"""Pages that are served: how the server begins and ends, and where."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from jobs.errors import InputError
from jobs.serve import Place, served
from tests.support.served_app import APP, ask


def test_two_starts_have_two_tokens_and_a_stopped_one_is_gone() -> None:
    with served(APP) as first, served(APP) as second:
        assert urlsplit(first).path != urlsplit(second).path
        assert ask(second).status == 200
        with_the_other = urlsplit(first).path + "hello"
        assert ask(second, with_the_other).status == 403
    with pytest.raises(ConnectionError):
        ask(first)


def test_a_taken_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        place = Place(port=port)
        with pytest.raises(InputError, match=f"port {port}: .*free port"), served(APP, place):
            pass


def test_addresses_that_are_not_one_of_this_machine_are_refused() -> None:
    said = "cannot listen on 203.0.113.7"
    with pytest.raises(InputError, match=said), served(APP, Place("203.0.113.7")):
        pass


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_it_is_served_on_the_other_loopback() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"this machine has no ::1: {error}")
    with served(APP, Place("::1")) as address:
        assert address.startswith("http://[::1]:")
        assert ask(address).status == 200


def test_everywhere_is_called_by_a_name_that_works_here() -> None:
    with served(APP, Place("0.0.0.0")) as address:
        port = urlsplit(address).port
        assert address.startswith(f"http://127.0.0.1:{port}/")
        assert ask(address).status == 200
        assert ask(address, headers={"Host": f"192.0.2.7:{port}"}).status == 200
        assert ask(address, headers={"Host": f"evil.example:{port}"}).status == 421


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

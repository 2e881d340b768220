"""By which names a server may be called."""

import pytest

from jobs.serve import is_everywhere, is_loopback
from jobs.serve.names import Names


@pytest.mark.parametrize(
    ("given", "bound", "header", "own"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1:8000", True),
        ("127.0.0.1", "127.0.0.1", "localhost:8000", True),
        ("127.0.0.1", "127.0.0.1", "LOCALHOST:8000", True),
        ("127.0.0.1", "127.0.0.1", "[::1]:8000", True),
        ("::1", "::1", "[::1]:8000", True),
        ("127.9.9.9", "127.9.9.9", "127.9.9.9:8000", True),
        ("127.0.0.1", "127.0.0.1", "localhost.evil.example:8000", False),
        ("127.0.0.1", "127.0.0.1", "evil.example:8000", False),
        ("127.0.0.1", "127.0.0.1", "192.0.2.7:8000", False),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1:80", False),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1", False),
        ("127.0.0.1", "127.0.0.1", "evil.example@127.0.0.1:8000", False),
        ("127.0.0.1", "127.0.0.1", "127.0.0.1:8000:8000", False),
        ("127.0.0.1", "127.0.0.1", "", False),
        ("0.0.0.0", "0.0.0.0", "192.0.2.7:8000", True),  # a number points where it points
        ("0.0.0.0", "0.0.0.0", "localhost:8000", True),
        ("0.0.0.0", "0.0.0.0", "evil.example:8000", False),
        ("::", "::", "[2001:db8::1]:8000", True),
        ("review.example", "192.0.2.7", "review.example:8000", True),
        ("review.example", "192.0.2.7", "evil.example:8000", False),
        ("review.example", "127.0.1.1", "192.0.2.7:8000", False),  # its name is one of loopback
    ],
)
def test_a_name_that_could_be_made_to_point_here_is_none_of_ours(
    given: str, bound: str, header: str, own: bool
) -> None:
    assert Names(given, bound, 8000).hold(header) == own


def test_browsers_leave_out_the_usual_port() -> None:
    assert Names("127.0.0.1", "127.0.0.1", 80).hold("localhost")
    assert not Names("127.0.0.1", "127.0.0.1", 80).hold("evil.example")


def test_loopback_is_known_by_its_addresses() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.8.9.1", "::1")))
    assert not any(map(is_loopback, ("192.168.1.2", "0.0.0.0", "example.org", "")))
    assert all(map(is_everywhere, ("0.0.0.0", "::")))
    assert not any(map(is_everywhere, ("127.0.0.1", "::1", "localhost", "")))

"""By which names the review server may be called."""

import pytest

from jobs.review.guards import Guards


@pytest.mark.parametrize(
    ("host", "header", "own"),
    [
        ("127.0.0.1", "127.0.0.1:8000", True),
        ("127.0.0.1", "localhost:8000", True),
        ("127.0.0.1", "LOCALHOST:8000", True),
        ("::1", "[::1]:8000", True),
        ("127.0.0.1", "localhost.evil.example:8000", False),
        ("127.0.0.1", "192.0.2.7:8000", False),
        ("127.0.0.1", "127.0.0.1:80", False),
        ("127.0.0.1", "", False),
        ("0.0.0.0", "192.0.2.7:8000", True),  # a number points where it points
        ("0.0.0.0", "evil.example:8000", False),
        ("review.example", "review.example:8000", True),
        ("review.example", "evil.example:8000", False),
    ],
)
def test_a_name_that_could_be_made_to_point_here_is_none_of_ours(
    host: str, header: str, own: bool
) -> None:
    assert Guards(host, 8000, "token").is_own_host(header) == own

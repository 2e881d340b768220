"""Who may ask a page that is served, and what browsers may do with the answer."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import pytest

from jobs.serve import served
from tests.support.served_app import APP, Answer, ask


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with served(APP) as found:
        yield found


def change(address: str, headers: Mapping[str, str | None]) -> Answer:
    """A change as the page itself sends it, but for these headers; None leaves one out."""
    own = {
        "Origin": f"http://{urlsplit(address).netloc}",
        "Content-Type": "application/json",
        "Content-Length": "2",
    }
    sent = {**own, **headers}
    given = {name: value for name, value in sent.items() if value is not None}
    return ask(address, method="POST", headers=given, body=b"{}")


def test_the_page_lies_below_its_token_and_nothing_beside_it(address: str) -> None:
    path = urlsplit(address).path
    found = ask(address)
    assert (found.status, found.text) == (200, f"GET {path}hello ")
    assert len(path.strip("/")) >= 43
    for wrong in ("/hello", "/", path.rstrip("/"), path[:-2] + "/hello", f"/x{path}hello"):
        for at in (wrong, f"{wrong}?token={path.strip('/')}"):
            refused = ask(address, at)
            assert refused.status == 403
            assert "open the whole address" in refused.text


def test_no_cookie_takes_the_place_of_the_token(address: str) -> None:
    token = urlsplit(address).path.strip("/")
    assert ask(address, "/hello", headers={"Cookie": f"token={token}"}).status == 403
    assert "set-cookie" not in ask(address).headers


@pytest.mark.parametrize("path", ["hello", "/", "kept", "none"])
def test_every_answer_keeps_to_itself(address: str, path: str) -> None:
    headers = ask(address, path).headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; img-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cache-control"] == ("max-age=5" if path == "kept" else "no-store")
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "attacker.example"}, 421),
        ({"Host": "attacker.example:PORT"}, 421),  # a name made to point here
        ({"Host": "127.0.0.1"}, 421),
        ({"Host": "127.0.0.1:1"}, 421),
        ({"Host": "localhost:PORT"}, 200),
        ({"Host": "[::1]:PORT"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
    ],
)
def test_other_hosts_and_other_sites_are_refused(
    address: str, headers: Mapping[str, str], status: int
) -> None:
    port = str(urlsplit(address).port)
    given = {name: value.replace("PORT", port) for name, value in headers.items()}
    assert ask(address, headers=given).status == status
    assert change(address, given).status in (status, 403)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "same-origin", "Origin": None}, 200),
        ({"Content-Type": "application/json; charset=utf-8"}, 200),
        ({"Origin": None}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "null", "Sec-Fetch-Site": "same-origin"}, 403),
        ({"Origin": "http://attacker.example"}, 403),
        ({"Origin": "http://attacker.example", "Sec-Fetch-Site": "same-origin"}, 403),
        ({"Origin": "https://127.0.0.1:PORT"}, 403),
        ({"Origin": "http://127.0.0.1"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": None}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": None}, 415),
        ({"Content-Length": "9000000"}, 413),
        ({"Content-Length": "1000001"}, 413),
    ],
)
def test_a_change_must_come_from_the_page_itself(
    address: str, headers: Mapping[str, str | None], status: int
) -> None:
    port = str(urlsplit(address).port)
    given = {name: value and value.replace("PORT", port) for name, value in headers.items()}
    found = change(address, given)
    assert found.status == status
    path = urlsplit(address).path
    assert found.text == f"POST {path}hello {{}}" if status == 200 else "Refused: " in found.text


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_of_other_methods_the_same_holds(address: str, method: str) -> None:
    assert ask(address, method=method).status == 403


def test_a_body_in_chunks_has_no_length_and_is_refused(address: str) -> None:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    headers = {"Origin": f"http://{parts.netloc}", "Content-Type": "application/json"}
    connection.request("POST", f"{parts.path}hello", iter([b"{", b"}"]), headers)
    assert connection.getresponse().status == 413
    connection.close()

"""What a page of another server on the same machine gets of ours, in a real browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from jobs.serve import PageApp, served
from tests.support.browser import browsing, needs_chromium

pytestmark = needs_chromium

ASK = """async ([address, method, mode, type]) => {
    const options = {method, mode};
    if (method === "POST") Object.assign(options, {body: "{}", headers: {"Content-Type": type}});
    try { return (await fetch(address, options)).status; } catch { return "nothing"; }
}"""


class Asked:
    """What came through to the app behind the guard."""

    def __init__(self) -> None:
        self.methods: list[str] = []

    def app(self) -> PageApp:
        async def page(request: Request) -> Response:
            self.methods.append(request.method)
            if request.method == "POST":
                return JSONResponse({})
            return HTMLResponse("<title>ours</title>")

        routes = [Route("/", page, methods=["GET", "POST"])]
        return PageApp(Starlette(routes=routes), "connect-src 'self'")


@contextmanager
def another(seen: list[dict[str, str]]) -> Iterator[str]:
    """Another server on loopback, which keeps the headers that it is sent."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<link rel=icon href='data:,'><form method=post></form>")

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("called", ["127.0.0.1", "localhost"])
def test_another_page_that_knows_the_whole_address_gets_nothing(called: str) -> None:
    asked = Asked()
    with served(asked.app()) as ours, another([]) as other, browsing(other) as browsed:
        address, page = ours.replace("127.0.0.1", called), browsed.page
        for method, mode, type in (
            ("GET", "cors", ""),
            ("GET", "no-cors", ""),
            ("POST", "cors", "application/json"),
            ("POST", "no-cors", "text/plain"),
        ):
            assert page.evaluate(ASK, [address, method, mode, type]) == "nothing"
        with page.expect_navigation():
            page.evaluate(
                "a => { const f = document.forms[0]; f.action = a; f.submit(); }", address
            )
        assert "another site asked for this" in page.inner_text("body")
    assert asked.methods == []


def test_the_page_itself_asks_and_changes_and_tells_no_one_its_address() -> None:
    asked, seen = Asked(), list[dict[str, str]]()
    with served(asked.app()) as ours, another(seen) as other, browsing(ours) as browsed:
        page = browsed.page
        assert page.evaluate(ASK, [ours, "GET", "cors", ""]) == 200
        assert page.evaluate(ASK, [ours, "POST", "cors", "application/json"]) == 200
        assert page.evaluate(ASK, [ours, "POST", "cors", "text/plain"]) == 415
        assert page.evaluate(ASK, [other, "GET", "cors", ""]) == "nothing"  # its policy forbids it
        assert seen == []
        with page.expect_navigation():
            page.evaluate("there => { location.href = there; }", other)
    assert asked.methods[:3] == ["GET", "GET", "POST"]
    (sent,) = seen
    assert not {"cookie", "referer"} & sent.keys()

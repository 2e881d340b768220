"""A server of one page: on loopback unless told otherwise, until it is stopped."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from jobs.errors import InputError
from jobs.serve.guard import Guard, PageApp
from jobs.serve.names import Names, in_address, is_everywhere
from jobs.serve.place import THIS_MACHINE, Place

TOKEN_BYTES = 32
START_S = 20.0
"""Longest wait for a server to answer; it takes a fraction of a second."""


@contextmanager
def served(app: PageApp, place: Place = THIS_MACHINE) -> Iterator[str]:
    """Serve an app while the context lasts; gives its address, which ends in ``/TOKEN/``.

    At its end, what is being answered is answered first. InputError where nothing can listen
    there.
    """
    listening = _listen(place)
    bound, port = listening.getsockname()[:2]
    token = secrets.token_urlsafe(TOKEN_BYTES)
    config = uvicorn.Config(
        Guard(app, token, Names(place.host, bound, port)),
        log_level="error",
        access_log=False,
        lifespan="off",
        server_header=False,
        ws="none",
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listening]}, name="page", daemon=True
    )
    thread.start()
    try:
        _wait(server, thread)
        yield f"http://{in_address(_called(place.host, bound))}:{port}/{token}/"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def _called(host: str, bound: str) -> str:
    """The host by which this machine's own browser reaches it."""
    if not is_everywhere(bound):
        return host
    return "::1" if ":" in bound else "127.0.0.1"


def _listen(place: Place) -> socket.socket:
    try:
        family = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((place.host, place.port), family=family)
    except (OSError, OverflowError, UnicodeError) as error:
        raise InputError(
            f"cannot listen on {place.host}, port {place.port}: {error}; expected an address of "
            "this machine and a free port; port 0 takes one"
        ) from error


def _wait(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise InputError("the server of the page did not start: run the same command again")
        time.sleep(0.01)

"""A server of one page: on loopback unless told otherwise, until it is stopped."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from jobs.errors import InputError
from jobs.serve.guard import guarded

LOOPBACK = "127.0.0.1"
EVERYWHERE = ("", "0.0.0.0", "::")
MOST_PORT = 65_535
TOKEN_BYTES = 24
START_S = 20.0
"""Longest wait for a server to answer; it takes a fraction of a second."""


@dataclass(frozen=True)
class Place:
    """Where to serve."""

    host: str = LOOPBACK
    """An address of this machine, or its name."""
    port: int = 0
    """0 takes a free one."""

    @classmethod
    def parse(cls, text: str) -> Place:
        """The place that ``HOST:PORT`` names, such as ``127.0.0.1:8000`` or ``[::1]:0``."""
        host, colon, port = text.rpartition(":")
        if not colon or not host or not port.isdecimal() or int(port) > MOST_PORT:
            raise InputError(
                f"{text!r} names no place to serve; expected HOST:PORT, such as 127.0.0.1:8000 "
                "(port 0 takes a free one)"
            )
        return cls(host.removeprefix("[").removesuffix("]"), int(port))


@contextmanager
def served(app: ASGIApp, place: Place = Place()) -> Iterator[str]:
    """Serve an app while the context lasts; gives its address, which ends in ``/TOKEN/``.

    InputError where nothing can listen there.
    """
    listening = _listen(place)
    port = listening.getsockname()[1]
    token = secrets.token_urlsafe(TOKEN_BYTES)
    name = f"[{place.host}]" if ":" in place.host else place.host
    config = uvicorn.Config(
        guarded(app, token, _names(name, port)),
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
        yield f"http://{name}:{port}/{token}/"
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that host; a name that is no address counts as no."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _names(name: str, port: int) -> set[str]:
    """As what a browser may call the server; of loopback, ``localhost`` and both addresses."""
    if not is_loopback(name.strip("[]")):
        return {f"{name}:{port}"}
    return {f"{each}:{port}" for each in (name, "localhost", LOOPBACK)}


def _listen(place: Place) -> socket.socket:
    if place.host in EVERYWHERE:
        raise InputError(
            f"{place.host!r} is every address of this machine; expected one of them, by which the "
            "page will be called"
        )
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

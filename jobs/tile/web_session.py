"""Requests for files on the web, with the login of their access."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import requests
from requests.adapters import HTTPAdapter

from jobs.domain import FileAccess, Login
from jobs.errors import InputError, SetupError
from jobs.login import login_session
from jobs.tile.access import RETRY


@contextmanager
def web_session(access: FileAccess | None) -> Iterator[requests.Session]:
    """A session for files of this access, whose login goes to its own servers alone.

    Raises SetupError where the login's variables are not set on this machine, or its token server
    refuses them: no file is to blame. What it raises else is the context's, and UnreachableError
    where the token server does not answer.
    """
    try:
        if isinstance(access, Login):
            yield login_session(access, RETRY)
            return
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=RETRY))
            session.mount("https://", HTTPAdapter(max_retries=RETRY))
            yield session
    except SetupError:
        raise
    except InputError as error:
        raise SetupError(f"{error}; no overpass is marked as failed for this") from None

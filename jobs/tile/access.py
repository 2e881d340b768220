"""Access to files that are not public: addresses signed with SAS tokens.

Tokens are kept only in this module's memory. They are part of addresses that are opened at once,
and never part of a scene, a plan, a message or a pickle.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
import threading
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from jobs.domain import Access, FileAccess
from jobs.errors import SceneError, UnreachableError

# --- addresses ----------------------------------------------------------------------------------


def address(href: str, access: FileAccess | None, *, renew: bool = False) -> str:
    """The address to open now: signed where the access requires it, else the href itself.

    ``renew`` requests a new token, after the last one was refused. Raises UnreachableError when
    the token service does not answer, SceneError when it refuses the request or the container.
    """
    container = _container(href) if access is Access.PLANETARY_COMPUTER else None
    if container is None:
        return href
    return f"{without_query(href)}?{_tokens.get(container, href, renew=renew)}"


def without_query(text: str) -> str:
    """An address, or a message that quotes some, without queries, which may contain signatures."""
    return re.sub(r"\?[^\s'\"]*=[^\s'\"]*", "", text)


class _WithoutQueries(logging.Filter):
    """Removes queries of addresses from log messages."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = without_query(record.getMessage()), ()
        return True


for _name in ("_base", "_env", "_err", "_filepath", "_io", "_vsiopener", "_warp", "env", "session"):
    # GDAL's errors quote the whole address, and rasterio logs them as warnings.
    logging.getLogger(f"rasterio.{_name}").addFilter(_WithoutQueries())


BLOB_HOST = ".blob.core.windows.net"


def _container(href: str) -> str | None:
    """``account/container`` of a file in Azure's storage; None for any other file.

    A storage emulator on this machine has the account as the first part of the path.
    """
    url = urlsplit(href)
    host, parts = url.hostname or "", url.path.lstrip("/").split("/")
    if host.endswith(BLOB_HOST) and len(parts) >= 2:
        return f"{host.removesuffix(BLOB_HOST)}/{parts[0]}"
    if _is_here(host) and len(parts) >= 3:
        return f"{parts[0]}/{parts[1]}"
    return None


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


# --- tokens -------------------------------------------------------------------------------------

TOKEN_SERVICE = "https://planetarycomputer.microsoft.com/api/sas/v1/token"
"""Used unless PC_SDK_SAS_URL is set, as in Microsoft's own package."""

RENEW_BEFORE_S = 300.0
"""A token is renewed this long before it expires, so that the slowest read ends in time."""

RETRY_AFTER_S = 30.0
"""While a token is still valid, a token service that failed is not called again for this long."""

_TIMEOUT_S = (10.0, 30.0)
RETRY = Retry(
    total=4,
    backoff_factor=0.5,
    backoff_max=20,
    retry_after_max=60,
    status_forcelist=(429, 500, 502, 503, 504),
    raise_on_status=False,  # the last answer is more specific than "too many retries"
)


@dataclass(frozen=True)
class _Token:
    """A query that gives access to a container, and its life by two clocks."""

    query: str = field(repr=False)
    life_s: float
    renew_after_s: float
    got_s: float
    """When it was received by time.monotonic, which stops while a machine sleeps."""
    got_wall_s: float
    """When it was received by time.time, which may be set."""

    def age_s(self) -> float:
        """The larger of both ages: a clock that jumps makes a token too old, never too young."""
        return max(time.monotonic() - self.got_s, time.time() - self.got_wall_s)


class _Tokens:
    """The tokens of this process, by container."""

    def __init__(self) -> None:
        self._known: dict[str, _Token] = {}
        self._lock = threading.Lock()

    def get(self, container: str, href: str, *, renew: bool) -> str:
        """A valid token; one received by another thread since this call is new enough."""
        called_s = time.monotonic()
        with self._lock:
            token = self._known.get(container)
            if token is None or not self._is_usable(token, called_s, renew):
                token = self._renewed(container, href, None if renew else token)
                self._known[container] = token
            return token.query

    def _is_usable(self, token: _Token, called_s: float, renew: bool) -> bool:
        return token.got_s > called_s or (not renew and token.age_s() < token.renew_after_s)

    def _renewed(self, container: str, href: str, old: _Token | None) -> _Token:
        """A new token; the old one where the service fails and it is still valid."""
        try:
            return _request(container, href)
        except UnreachableError:
            if old is None or old.age_s() >= old.life_s:
                raise
            return replace(old, renew_after_s=old.age_s() + RETRY_AFTER_S)


_tokens = _Tokens()


def _request(container: str, href: str) -> _Token:
    """A token from the service; UnreachableError or SceneError where it gives none."""
    service = os.environ.get("PC_SDK_SAS_URL") or TOKEN_SERVICE
    subscription = os.environ.get("PC_SDK_SUBSCRIPTION_KEY")
    headers = {"Ocp-Apim-Subscription-Key": subscription} if subscription else {}
    what = f"{without_query(href)} cannot be signed: {service}/{container}"
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=RETRY))
        session.mount("https://", HTTPAdapter(max_retries=RETRY))
        try:
            answer = session.get(f"{service}/{container}", headers=headers, timeout=_TIMEOUT_S)
        except requests.RequestException as error:
            answer, failure = None, type(error).__name__
    if answer is None:  # outside the handler: the other error holds the headers
        raise UnreachableError(f"{what} does not answer ({failure})")
    _check_status(answer.status_code, what)
    return _token(answer, what)


def _check_status(status: int, what: str) -> None:
    if status == 429 or status >= 500:
        raise UnreachableError(f"{what} answers {status}; try again later")
    if status in (401, 403):
        raise SceneError(f"{what} answers {status}; check PC_SDK_SUBSCRIPTION_KEY")
    if status != 200:
        raise SceneError(f"{what} answers {status}; expected a container it knows")


def _token(answer: requests.Response, what: str) -> _Token:
    """The token of an answer; its life is computed by the server's clock."""
    try:
        content = answer.json()
        query = str(content["token"]).lstrip("?")
        expires = datetime.fromisoformat(content["msft:expiry"])
    except (ValueError, KeyError, TypeError):
        query = ""
    if not query:  # outside the handler: the other error quotes the answer
        raise UnreachableError(f"{what} answers no token; expected `token` and `msft:expiry`")
    life_s = max(0.0, (_aware(expires) - _server_time(answer)).total_seconds())
    renew_after_s = life_s - min(RENEW_BEFORE_S, life_s / 2)
    return _Token(query, life_s, renew_after_s, time.monotonic(), time.time())


def _server_time(answer: requests.Response) -> datetime:
    try:
        return _aware(parsedate_to_datetime(answer.headers["Date"]))
    except (KeyError, ValueError):
        return datetime.now(UTC)


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)

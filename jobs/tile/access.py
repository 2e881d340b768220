"""Access: how files that are not simply open are reached.

Tokens live in this module's memory alone. They come with an address that is opened at once, and
have no place in a scene, a plan, a message or a pickle.
"""

from __future__ import annotations

import ipaddress
import logging
import os
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from jobs.domain import Access
from jobs.errors import SceneError, UnreachableError

# --- GDAL ---------------------------------------------------------------------------------------


def gdal_settings(access: Access | None) -> dict[str, str]:
    """GDAL's options for this way of access, and for the S3 endpoint of the environment.

    AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL are the standard names of the endpoint; GDAL knows
    neither. Where its own AWS_S3_ENDPOINT is set, that one stays.
    """
    own: dict[Access | None, dict[str, str]] = {
        Access.REQUESTER_PAYS: {"AWS_REQUEST_PAYER": "requester"},
        Access.ANONYMOUS: {"AWS_NO_SIGN_REQUEST": "YES"},
    }
    return _endpoint_settings(os.environ) | own.get(access, {})


def _endpoint_settings(environment: Mapping[str, str]) -> dict[str, str]:
    url = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    if not url or environment.get("AWS_S3_ENDPOINT"):
        return {}
    scheme, _, place = url.rpartition("://")
    return {
        "AWS_S3_ENDPOINT": place.rstrip("/"),
        "AWS_HTTPS": "NO" if scheme == "http" else "YES",
        # Buckets as part of the path: every server understands it, and none needs names in DNS.
        "AWS_VIRTUAL_HOSTING": environment.get("AWS_VIRTUAL_HOSTING", "FALSE"),
    }


# --- addresses ----------------------------------------------------------------------------------


def address(href: str, access: Access | None, *, renew: bool = False) -> str:
    """The address to open now: signed where the access asks for it, else the href itself.

    ``renew`` asks for a new token after the last one was refused. Raises UnreachableError when
    the token service does not answer, SceneError when it knows no such account or refuses us.
    """
    container = _container(href) if access is Access.PLANETARY_COMPUTER else None
    if container is None:
        return href
    return f"{without_query(href)}?{_tokens.get(container, href, renew=renew)}"


def without_query(text: str) -> str:
    """An address, or a message that quotes some, without queries: they may carry signatures."""
    return re.sub(r"\?[^\s'\"]*=[^\s'\"]*", "", text)


class _WithoutQueries(logging.Filter):
    """Takes queries out of what is logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = without_query(record.getMessage()), ()
        return True


for _name in ("_base", "_env", "_err", "_filepath", "_io", "_vsiopener", "_warp", "env", "session"):
    # GDAL tells the whole address of what it cannot read, and rasterio logs it as a warning.
    logging.getLogger(f"rasterio.{_name}").addFilter(_WithoutQueries())


BLOB_HOST = ".blob.core.windows.net"


def _container(href: str) -> str | None:
    """``account/container`` of a file in Azure's storage; None for one that lies elsewhere.

    An emulator of the storage, on this machine, has the account as first part of the path.
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
"""Used unless PC_SDK_SAS_URL says otherwise, as in Microsoft's own package."""

RENEW_BEFORE_S = 300.0
"""A token is renewed so long before it runs out: the slowest read has to end in time."""

PATIENCE_S = 30.0
"""With a token that is still good, a token service that failed is left alone so long."""

_TIMEOUT_S = (10.0, 30.0)
_RETRY = Retry(
    total=4,
    backoff_factor=0.5,
    backoff_max=20,
    retry_after_max=60,
    status_forcelist=(429, 500, 502, 503, 504),
    raise_on_status=False,  # the last answer says more than "too many retries"
)


@dataclass(frozen=True)
class _Token:
    """A query that opens a container, and how long it does, by both of our clocks."""

    query: str = field(repr=False)
    life_s: float
    renew_after_s: float
    got_s: float
    """time.monotonic, which stands still while a machine sleeps."""
    got_wall_s: float
    """time.time, which people and servers set."""

    def age_s(self) -> float:
        """The elder of two: a clock that jumps makes a token too old, never too young."""
        return max(time.monotonic() - self.got_s, time.time() - self.got_wall_s)


class _Tokens:
    """The tokens of this process, by container."""

    def __init__(self) -> None:
        self._known: dict[str, _Token] = {}
        self._lock = threading.Lock()

    def get(self, container: str, href: str, *, renew: bool) -> str:
        """A token that is good for a while; one that was got while we waited is new enough."""
        asked_s = time.monotonic()
        with self._lock:
            token = self._known.get(container)
            if token is None or not self._will_do(token, asked_s, renew):
                token = self._renewed(container, href, None if renew else token)
                self._known[container] = token
            return token.query

    def _will_do(self, token: _Token, asked_s: float, renew: bool) -> bool:
        return token.got_s > asked_s or (not renew and token.age_s() < token.renew_after_s)

    def _renewed(self, container: str, href: str, old: _Token | None) -> _Token:
        """A new token; the old one where none can be had and it still has life."""
        try:
            return _ask(container, href)
        except UnreachableError:
            if old is None or old.age_s() >= old.life_s:
                raise
            return replace(old, renew_after_s=old.age_s() + PATIENCE_S)

    def forget(self) -> None:
        """As in a new process."""
        with self._lock:
            self._known.clear()


_tokens = _Tokens()


def _ask(container: str, href: str) -> _Token:
    """A token from the service."""
    service = os.environ.get("PC_SDK_SAS_URL") or TOKEN_SERVICE
    subscription = os.environ.get("PC_SDK_SUBSCRIPTION_KEY")
    headers = {"Ocp-Apim-Subscription-Key": subscription} if subscription else {}
    what = f"{without_query(href)} cannot be signed: {service}/{container}"
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=_RETRY))
        session.mount("https://", HTTPAdapter(max_retries=_RETRY))
        try:
            answer = session.get(f"{service}/{container}", headers=headers, timeout=_TIMEOUT_S)
        except requests.RequestException as error:
            answer, failure = None, type(error).__name__
    if answer is None:  # not while the other error is handled: it would go along, headers and all
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
    """The token of an answer; its life is counted by the clock of who gave it."""
    try:
        content = answer.json()
        query = str(content["token"]).lstrip("?")
        expires = datetime.fromisoformat(content["msft:expiry"])
    except (ValueError, KeyError, TypeError):
        query = ""
    if not query:  # not while the other error is handled: it quotes what was read
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

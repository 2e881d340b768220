"""Reading of a catalog's files from disk, the web and S3, with retries; links and hrefs."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from requests import RequestException, Response
from urllib3.util import Retry

from jobs.catalog.broken_json import loads
from jobs.catalog.own_headers import send_own_headers
from jobs.catalog.stac_item import UNRESOLVED, Item
from jobs.domain import Access, SourceSpec, path_beside, path_of_file_uri
from jobs.errors import BerthwatchError, CatalogError, InputError, UnreachableError

if TYPE_CHECKING:
    from botocore.config import Config


@dataclass(frozen=True)
class RequestSettings:
    """Page size, retries and time limits of requests to a catalog."""

    page_items: int = 200
    """Items per page of a search."""
    retries: int = 5
    """After 429, 5xx and broken connections."""
    backoff_s: float = 0.5
    """Wait before the second retry, doubled each time; a server's Retry-After takes precedence."""
    longest_wait_s: int = 120
    """Upper limit of one wait, also of a server's Retry-After."""
    connect_s: float = 10.0
    """Time limit of a connection."""
    read_s: float = 60.0
    """Time limit of silence while an answer is read."""


class TolerantIO(StacApiIO):
    """Requests whose answers may be JSON with faults, and that remember where they were answered.

    pystac decodes with orjson where that is installed, which refuses a whole page for one NaN.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._address: str | None = None
        self.session.hooks["response"].append(self._note_address)

    def address_of_last(self, href: str) -> str:
        """Where the last request for ``href`` was answered, if it was redirected; else ``href``."""
        return self._address or href

    def request(self, *args: Any, **kwargs: Any) -> str:
        """The text of an answer; APIError for every other status than success.

        Raises InputError where the login has no token, CatalogError where its server is away.
        """
        self._address = None
        try:
            return str(super().request(*args, **kwargs))
        except APIError as error:
            cause = error.__context__  # pystac turns each into one of its own
            if isinstance(cause, UnreachableError):
                raise CatalogError(str(cause)) from None
            if isinstance(cause, InputError):
                raise cause from None
            raise

    def _note_address(self, answer: Response, **_: Any) -> None:
        if answer.is_redirect:
            self._address = urljoin(answer.url, answer.headers["location"])
            if answer.request.method == "POST" and answer.status_code in (301, 302):
                answer.status_code = 308  # else the query would be dropped, and a GET sent

    def json_loads(self, txt: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """The text as JSON."""
        content: dict[str, Any] = loads(txt)
        return content


class CatalogReader:
    """Reads JSON and files from disk, the web and S3; failures are CatalogErrors."""

    def __init__(self, settings: RequestSettings, source: SourceSpec) -> None:
        """Raises InputError where the source's headers cannot be sent."""
        self.settings = settings
        self.access = source.access
        retry = Retry(
            total=settings.retries,
            backoff_factor=settings.backoff_s,
            backoff_max=settings.longest_wait_s,
            retry_after_max=settings.longest_wait_s,
            status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods=None,  # a search by POST changes nothing on the server
            raise_on_status=False,  # the last answer is more specific than "too many retries"
        )
        self.retry = retry
        self.io = TolerantIO(timeout=(settings.connect_s, settings.read_s), max_retries=retry)
        send_own_headers(self.io.session, source, retry)

    def close(self) -> None:
        """Close the connections."""
        self.io.session.close()

    def json(self, href: str) -> Item:
        """The JSON object at a URL or path; CatalogError where there is none."""
        return self.json_at(href)[1]

    def json_at(self, href: str) -> tuple[str, Item]:
        """The JSON object at a URL or path, with its address, which a redirection may change."""
        address = href
        try:
            if _is_web(href):
                content = self.io.read_json(href)
                address = self.io.address_of_last(href)
            elif _is_s3(href):
                content = loads(self._object(href))
            else:
                content = loads(Path(href).read_bytes())
        except BerthwatchError:  # of a login
            raise
        except (OSError, APIError, ValueError, RecursionError) as error:
            raise read_error(href, error) from error
        if not isinstance(content, Mapping):
            raise read_error(href, TypeError(f"a {type(content).__name__}, not a JSON object"))
        return address, content

    def file(self, href: str) -> Path | BytesIO:
        """A file's path, or its content as fetched from the web or S3."""
        if _is_s3(href):
            return BytesIO(self._object(href))
        if not _is_web(href):
            return Path(href)
        try:
            answer = self.io.session.get(href, timeout=self.io.timeout)
            answer.raise_for_status()
        except UnreachableError as error:  # the token server, not the catalog
            raise CatalogError(str(error)) from None
        except RequestException as error:
            raise read_error(href, error) from error
        return BytesIO(answer.content)

    def _object(self, href: str) -> bytes:
        """An object of a bucket, with the environment's credentials unless access is anonymous."""
        import boto3  # imported late: slow, and few catalogs lie on S3
        from botocore.exceptions import BotoCoreError, ClientError

        url = urlsplit(href)
        payer = {"RequestPayer": "requester"} if self.access is Access.REQUESTER_PAYS else {}
        try:
            client = boto3.client("s3", config=self._s3_config())
            answer = client.get_object(Bucket=url.netloc, Key=url.path.lstrip("/"), **payer)
            content: bytes = answer["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise read_error(href, error) from error
        return content

    def _s3_config(self) -> Config:
        from botocore import UNSIGNED
        from botocore.config import Config

        return Config(
            signature_version=UNSIGNED if self.access is Access.ANONYMOUS else None,
            connect_timeout=self.settings.connect_s,
            read_timeout=self.settings.read_s,
            retries={"total_max_attempts": 1 + self.settings.retries, "mode": "standard"},
        )

    def guarded(self, url: str, pages: Iterator[Item]) -> Iterator[Item]:
        """The pages of a search; an error while they are read becomes a CatalogError."""
        try:
            yield from pages
        except BerthwatchError:  # of a login
            raise
        except (APIError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise read_error(url, error) from error


def read_error(href: str, error: Exception) -> CatalogError:
    """The error of a file that cannot be read, with what to check for its kind of address."""
    said = " ".join(str(error).split())[:300] or type(error).__name__
    status = getattr(error, "status_code", None)
    what = said if status is None else f"status {status}: {said}"
    if status in (401, 403):
        repair = (
            "the catalog refuses whoever asks so: name the headers that it asks for under "
            "`headers` of the source, or its token server under `oauth`, or renew the token or "
            "secret that the variables hold"
        )
    elif _is_web(href):
        repair = "check the URL and the network, or try again later"
    elif _is_s3(href):
        repair = "check the address and the AWS credentials, or set `access: anonymous`"
    else:
        repair = "check the path; expected a STAC catalog as JSON, its URL, or a .parquet file"
    return CatalogError(f"{href} cannot be read as a STAC catalog: {what}; {repair}")


def links(node: Item, rel: str) -> Iterator[Item]:
    """Links of a relation such as ``child`` that have an address."""
    return (link for link in _links_of(node, rel) if _has_address(link))


def broken_links(node: Item, *relations: str) -> int:
    """How many links of these relations have no address that can be read."""
    every = (link for rel in relations for link in _links_of(node, rel))
    return sum(not _has_address(link) for link in every)


def next_link(page: Item, place: str) -> Item | None:
    """The link to the next page; CatalogError for one whose address is no text.

    An address of null, as some servers write it on the last page, is none.
    """
    for link in _links_of(page, "next"):
        if _has_address(link):
            return link
        if link.get("href") not in (None, ""):
            raise CatalogError(
                f"{place} has a next page whose address cannot be read: {link['href']!r}; expected "
                "a URL or a path"
            )
    return None


def _links_of(node: Item, rel: str) -> Iterator[Item]:
    listed = node.get("links")
    for link in listed if isinstance(listed, list) else ():
        if isinstance(link, Mapping) and link.get("rel") == rel:
            yield link


def _has_address(link: Item) -> bool:
    return isinstance(link.get("href"), str) and bool(link["href"])


def own_address(item: Any, place: str) -> str:
    """The item's own address by its ``self`` link, else the place where it was found."""
    if not isinstance(item, Mapping):
        return place
    return next((absolute_href(place, str(link["href"])) for link in links(item, "self")), place)


def with_absolute_hrefs(item: Any, base: str) -> Any:
    """The item with its assets' hrefs resolved against ``base``, the address of its file."""
    assets = item.get("assets") if isinstance(item, Mapping) else None
    if not isinstance(assets, Mapping):
        return item
    return {**item, "assets": {name: _absolute_asset(a, base) for name, a in assets.items()}}


def absolute_href(base: str, href: str) -> str:
    """An href resolved against ``base``, the path or URL of the file that holds it.

    Raises InputError for a ``file:`` address on another machine, and for a path that may mean two
    files.
    """
    path = path_of_file_uri(href)
    if path is not None:
        return path
    if "://" in href or href.startswith("/vsi"):
        return href
    if _is_s3(base):  # keys are literal: in one, neither ? nor # nor % has a meaning
        bucket, _, key = base.removeprefix("s3://").partition("/")
        return (
            f"s3://{bucket}{posixpath.normpath(posixpath.join('/', posixpath.dirname(key), href))}"
        )
    if "://" in base:
        return urljoin(base, href)
    return path_beside(base, href)


def _absolute_asset(asset: Any, base: str) -> Any:
    if not isinstance(asset, Mapping) or not isinstance(asset.get("href"), str):
        return asset
    try:
        return {**asset, "href": absolute_href(base, asset["href"])}
    except InputError as error:  # of this asset alone, which may not be needed
        return {**asset, UNRESOLVED: str(error)}


def _is_web(href: str) -> bool:
    return href.startswith(("http://", "https://"))


def _is_s3(href: str) -> bool:
    return href.startswith("s3://")

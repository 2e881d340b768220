from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from requests import RequestException
from urllib3.util import Retry

from jobs.catalog.stac_item import Item
from jobs.domain import Access
from jobs.errors import CatalogError

if TYPE_CHECKING:
    from botocore.config import Config


@dataclass(frozen=True)
class Manners:
    """How patient we are with a server."""

    page_items: int = 200
    """Items asked for at a time."""
    retries: int = 5
    """After 429, 5xx and broken connections."""
    backoff_s: float = 0.5
    """Wait before the second retry, doubled each time; a server's Retry-After goes before."""
    longest_wait_s: int = 120
    connect_s: float = 10.0
    read_s: float = 60.0


class _Reader:
    """Reads JSON from disk, servers and S3, patiently, and reports what fails."""

    def __init__(self, manners: Manners, access: Access | None) -> None:
        self.manners = manners
        self.access = access
        retry = Retry(
            total=manners.retries,
            backoff_factor=manners.backoff_s,
            backoff_max=manners.longest_wait_s,
            retry_after_max=manners.longest_wait_s,
            status_forcelist=(429, 500, 502, 503, 504),
            allowed_methods=None,  # a search by POST changes nothing on the server
            raise_on_status=False,  # the last answer says more than "too many retries"
        )
        self.io = StacApiIO(timeout=(manners.connect_s, manners.read_s), max_retries=retry)

    def close(self) -> None:
        self.io.session.close()

    def json(self, href: str) -> Item:
        """The JSON object at a URL or path; CatalogError where there is none."""
        try:
            if _is_web(href):
                content = self.io.read_json(href)
            elif _is_s3(href):
                content = json.loads(self._object(href))
            else:
                content = json.loads(Path(href).read_bytes())
        except (OSError, APIError, ValueError) as error:
            raise _failed(href, error) from error
        if not isinstance(content, Mapping):
            raise _failed(href, TypeError(f"a {type(content).__name__}, not a JSON object"))
        return content

    def file(self, href: str) -> Path | BytesIO:
        """A file to open: on disk, or fetched from the web or S3."""
        if _is_s3(href):
            return BytesIO(self._object(href))
        if not _is_web(href):
            return Path(href)
        try:
            answer = self.io.session.get(href, timeout=self.io.timeout)
            answer.raise_for_status()
        except RequestException as error:
            raise _failed(href, error) from error
        return BytesIO(answer.content)

    def _object(self, href: str) -> bytes:
        """An object of a bucket, with the environment's credentials unless the access says none."""
        import boto3  # late: few catalogs lie on S3, and it takes a while
        from botocore.exceptions import BotoCoreError, ClientError

        url = urlsplit(href)
        payer = {"RequestPayer": "requester"} if self.access is Access.REQUESTER_PAYS else {}
        try:
            client = boto3.client("s3", config=self._s3_config())
            answer = client.get_object(Bucket=url.netloc, Key=url.path.lstrip("/"), **payer)
            content: bytes = answer["Body"].read()
        except (BotoCoreError, ClientError) as error:
            raise _failed(href, error) from error
        return content

    def _s3_config(self) -> Config:
        from botocore import UNSIGNED
        from botocore.config import Config

        return Config(
            signature_version=UNSIGNED if self.access is Access.ANONYMOUS else None,
            connect_timeout=self.manners.connect_s,
            read_timeout=self.manners.read_s,
            retries={"total_max_attempts": 1 + self.manners.retries, "mode": "standard"},
        )

    def guarded(self, url: str, pages: Iterator[Item]) -> Iterator[Item]:
        """The pages of a search; what breaks while they come becomes a CatalogError."""
        try:
            yield from pages
        except (APIError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise _failed(url, error) from error


def _failed(href: str, error: Exception) -> CatalogError:
    said = " ".join(str(error).split())[:300] or type(error).__name__
    status = getattr(error, "status_code", None)
    what = said if status is None else f"status {status}: {said}"
    if _is_web(href):
        repair = "check the URL and the network, or try again later"
    elif _is_s3(href):
        repair = "check the address and the AWS credentials, or set `access: anonymous`"
    else:
        repair = "check the path; expected a STAC catalog as JSON, its URL, or a .parquet file"
    return CatalogError(f"{href} cannot be read as a STAC catalog: {what}; {repair}")


def _is_web(href: str) -> bool:
    return href.startswith(("http://", "https://"))


def _is_s3(href: str) -> bool:
    return href.startswith("s3://")


def _links(node: Item, rel: str) -> Iterator[Item]:
    links = node.get("links")
    for link in links if isinstance(links, list) else ():
        if isinstance(link, Mapping) and link.get("rel") == rel and link.get("href"):
            yield link


def _self_href(item: Any) -> str | None:
    if not isinstance(item, Mapping):
        return None
    return next((str(link["href"]) for link in _links(item, "self")), None)


def _with_absolute_hrefs(item: Any, base: str) -> Any:
    """The item with its assets' hrefs made absolute against where it lies; others untouched."""
    assets = item.get("assets") if isinstance(item, Mapping) else None
    if not isinstance(assets, Mapping):
        return item
    return {**item, "assets": {name: _absolute_asset(a, base) for name, a in assets.items()}}


def _absolute_asset(asset: Any, base: str) -> Any:
    if not isinstance(asset, Mapping) or not isinstance(asset.get("href"), str):
        return asset
    return {**asset, "href": _absolute(base, asset["href"])}


def _absolute(base: str, href: str) -> str:
    """An href as seen from the file or URL that holds it."""
    if href.startswith("file://"):
        return unquote(urlsplit(href).path)
    if "://" in href or href.startswith("/vsi"):
        return href
    if _is_s3(base):  # urljoin knows the schemes of the web alone
        return "s3" + urljoin("http" + base.removeprefix("s3"), href).removeprefix("http")
    if "://" in base:
        return urljoin(base, href)
    return os.path.normpath(Path(base).parent / href)

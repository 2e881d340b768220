"""GDAL's options for files that are not public, and for the S3 endpoint of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

from jobs.domain.types import Access, FileAccess


def gdal_settings(access: FileAccess | None) -> dict[str, str]:
    """GDAL's options for this access, and for the S3 endpoint of the environment.

    AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL are the standard variables for the endpoint; GDAL reads
    neither. Where its own AWS_S3_ENDPOINT is set, that one is used.
    """
    own: dict[FileAccess | None, dict[str, str]] = {
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
        # Buckets as part of the path: every server supports it, and it needs no names in DNS.
        "AWS_VIRTUAL_HOSTING": environment.get("AWS_VIRTUAL_HOSTING", "FALSE"),
    }

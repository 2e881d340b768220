"""Python source that opens a port's repository without any code of ours."""

from __future__ import annotations

from jobs.storage import Bucket, Storage, endpoint, region


def opening_source(storage: Storage, name: str) -> str:
    """The call of Icechunk that gives the storage of a repository, as a line of Python.

    ``name`` is that of the repository in the archive. Credentials are never in it: they come from
    the reader's environment. A server of one's own stands in it by its address.
    """
    if not isinstance(storage, Bucket):
        return f"icechunk.local_filesystem_storage({storage.url_of(name)!r})"
    facts: dict[str, object] = {
        "bucket": storage.bucket,
        "prefix": storage.key(name),
        "region": region(),
    }
    server = endpoint()
    if server is not None:
        facts["endpoint_url"] = server
        facts["allow_http"] = server.startswith("http://")
        facts["force_path_style"] = True
    given = ", ".join(f"{key}={value!r}" for key, value in facts.items())
    return f"icechunk.s3_storage({given}, from_env=True)"

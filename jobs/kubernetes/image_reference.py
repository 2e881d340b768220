"""Names of container images, by the grammar that registries and container runtimes parse.

The grammar is that of the distribution project (``reference``) with the digests of the OCI image
specification: a runtime refuses any other name with InvalidImageName, for ever.
"""

from __future__ import annotations

import re

from jobs.errors import InputError

_ALPHANUMERIC = r"[a-z0-9]+"
_PART = rf"{_ALPHANUMERIC}(?:(?:\.|_|__|-+){_ALPHANUMERIC})*"
_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::(?P<port>[0-9]+))?"
# OCI image specification, "Registered algorithms", and sha384, which runtimes verify too.
_DIGEST = "|".join(
    rf"{name}:[0-9a-f]{{{digits}}}"
    for name, digits in (("sha256", 64), ("sha384", 96), ("sha512", 128))
)
_REFERENCE = re.compile(
    rf"(?P<name>(?:{_HOST}/)?{_PART}(?:/{_PART})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    rf"(?:@(?P<digest>{_DIGEST}))?"
)

LONGEST_NAME = 255
LAST_PORT = 65535


def fault(image: str) -> str | None:
    """What keeps a container runtime from parsing an image's name; None for a lawful one."""
    match = _REFERENCE.fullmatch(image)
    if match is not None:
        return _beyond_a_limit(match["name"], match["port"])
    if "://" in image:
        return "a container image has no scheme such as https://"
    name, _, digest = image.partition("@")
    if digest and not re.fullmatch(_DIGEST, digest):
        return f"its digest is {digest!r}, expected such as sha256: and 64 hexadecimal digits"
    repository = name.split("/", 1)[-1].rsplit(":", 1)[0]
    if repository != repository.lower():
        return "its path has upper-case letters"
    if "//" in name or name.startswith("/") or name.endswith("/"):
        return "a part of its path is empty"
    if name.endswith(":"):
        return "its tag is empty"
    return "it is not of the form host[:port]/path[:tag][@sha256:digest]"


def _beyond_a_limit(name: str, port: str | None) -> str | None:
    """What no pattern says of a name that the grammar allows."""
    if len(name) > LONGEST_NAME:
        return f"its name is longer than {LONGEST_NAME} characters"
    if port is not None and not 0 < int(port) <= LAST_PORT:
        return f"its registry's port is {port}, expected 1 to {LAST_PORT}"
    return None


def checked_image(image: str) -> str:
    """The image's name; InputError where no container runtime can parse it."""
    wrong = fault(image)
    if wrong is not None:
        raise InputError(
            f"image is {image!r}, which no container runtime accepts: {wrong}; expected such as "
            "registry.example/berthwatch@sha256:..."
        )
    return image


def digest_of(image: str) -> str | None:
    """The digest that names an image's content; None where it is named by a tag alone."""
    _, _, digest = image.partition("@")
    return digest or None


def content_name(image: str) -> str:
    """What identifies an image's content: its digest, whatever tag or registry stands before it,
    else its name as it is.
    """
    return digest_of(image) or image

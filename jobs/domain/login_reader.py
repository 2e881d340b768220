"""The keys of a source in a job file that say what private servers get: headers, oauth, files.

A value that may be a secret, written where a variable's name belongs, is never quoted.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import yaml

from jobs.domain.address import address_fault
from jobs.domain.login import OAuth, is_private, origin_of
from jobs.domain.yaml_reader import Fields, YamlReader

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]{0,63}")
"""Of an environment variable; in capitals, so that a token is not taken for one."""
_ORIGIN = re.compile(r"https?://[^\s/?#@\\]+/?", re.IGNORECASE)
_OF_OAUTH = ("client_id", "client_secret", "username", "password")
"""Its keys that name variables."""


class LoginReader(YamlReader):
    """Reads these keys."""

    def check_login(self, fields: Fields) -> None:
        """Refuse keys of a source that contradict each other."""
        files, oauth, headers = (fields.get(name) for name in ("files", "oauth", "headers"))
        if files is not None and oauth is None and headers is None:
            raise self.error(
                files,
                "files names servers, but neither headers nor oauth say what they get; add one of "
                "them, or leave files out",
            )
        if files is not None and "access" in fields:
            raise self.error(
                files,
                "a source has both files and access; expected one of them: files get what headers "
                "and oauth say, or are reached as access says",
            )
        if oauth is None:
            return
        named = {} if headers is None else self.mapping(headers, "headers")
        if "authorization" in {name.lower() for name in named}:
            raise self.error(
                oauth, "oauth sends the header Authorization, which headers name too; keep one"
            )
        catalog = self.text(fields["catalog"], "catalog")
        if catalog.lower().startswith("http:"):
            self._check_private(fields["catalog"], catalog, "catalog")

    def headers(self, node: yaml.Node, what: str) -> tuple[tuple[str, str], ...]:
        """Names of headers and of variables."""
        expected = "expected `Name: VARIABLE`, the environment variable that holds its value"
        found = []
        for name, value in self.mapping(node, what).items():
            if not _HEADER.fullmatch(name):
                raise self.error(node, f"{name!r} can be no header's name; {expected}")
            found.append((name, self._variable(value, f"the header {name}", expected)))
        if not found:
            raise self.error(node, f"{what} is empty; {expected}, or leave it out")
        return tuple(found)

    def oauth(self, node: yaml.Node, what: str) -> OAuth:
        """Where a token is had, and the variables that hold who asks."""
        fields = self.fields(
            node,
            what,
            required=("token_url", "client_id"),
            optional=("client_secret", "username", "password", "scope", "audience"),
        )
        if ("username" in fields) != ("password" in fields):
            raise self.error(
                node, f"{what} has one of username and password; expected both, or neither"
            )
        if not fields.keys() & {"client_secret", "password"}:
            raise self.error(
                node,
                f"{what} names no secret; expected client_secret, the variable that holds the "
                "client's, or username and password",
            )
        named = {
            name: self._variable(fields[name], name, f"expected `{name}: VARIABLE`")
            for name in _OF_OAUTH
            if name in fields
        }
        words = self.given(fields, ("scope", "audience"), self.text)
        return OAuth(token_url=self._token_url(fields["token_url"]), **named, **words)

    def origins(self, node: yaml.Node, what: str) -> tuple[str, ...]:
        """Origins whose files get what the source's headers and oauth say."""
        found: list[str] = []
        for entry in self.filled(node, what):
            origin = self._origin(entry)
            if origin in found:
                raise self.error(entry, f"{what} lists {origin} twice; list it once")
            found.append(origin)
        return tuple(found)

    def filled(self, node: yaml.Node, what: str) -> list[yaml.Node]:
        """The entries of a list that has some."""
        entries = self.entries(node, what)
        if not entries:
            raise self.error(node, f"{what} is empty; expected one entry at least")
        return entries

    def _variable(self, node: yaml.Node, what: str, expected: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or not _VARIABLE.fullmatch(node.value):
            raise self.error(
                node,
                f"what stands at {what} is no variable's name in capitals; {expected}: secrets do "
                "not belong into a job file",
            )
        return str(node.value)

    def _token_url(self, node: yaml.Node) -> str:
        url = self.text(node, "token_url")
        expected = "expected the https address where the server gives tokens"
        fault = address_fault(url)
        if not url.lower().startswith(("http://", "https://")):
            fault = "it is no address on the web"
        if fault:
            raise self.error(node, f"token_url: {fault}; {expected}")
        if {"@", "#", "?"} & set(url):
            raise self.error(
                node, f"token_url has a user, query or fragment, not shown here; {expected}"
            )
        self._check_private(node, url, "token_url")
        return url

    def _origin(self, node: yaml.Node) -> str:
        text = self.text(node, "an entry of files")
        expected = "expected scheme, host and port alone, such as https://download.example.org"
        if not _ORIGIN.fullmatch(text):
            raise self.error(node, f"an entry of files is no server's address; {expected}")
        try:
            origin = origin_of(text)
        except ValueError as error:  # of a port
            raise self.error(node, f"an entry of files: {error}; {expected}") from error
        self._check_private(node, text, "an entry of files")
        return origin

    def _check_private(self, node: yaml.Node, url: str, what: str) -> None:
        """Refuse an address where others could read what is sent."""
        if not is_private(url):
            raise self.error(
                node,
                f"{what} is at {urlsplit(url).hostname}, without https: others on the way could "
                "read the secrets sent there; expected https:// (http:// on this machine alone)",
            )

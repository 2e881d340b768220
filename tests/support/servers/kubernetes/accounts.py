"""Authentication by tokens and authorisation by Roles and RoleBindings (RBAC)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.kinds import Manifest, Resource
from tests.support.servers.kubernetes.problems import ProblemError
from tests.support.servers.kubernetes.store import Store

ADMIN = "admin"
"""The account with all rights."""


@dataclass(frozen=True)
class UsedRight:
    """A right that a request used."""

    account: str
    """``NAMESPACE/NAME`` of a ServiceAccount, ``user:NAME`` or ``admin``."""
    verb: str
    group: str
    resource: str
    """With its subresource, as ``pods/log``."""


def token_of(account: str, issue: str = "") -> str:
    """Token of an account; it may have several, of different issues."""
    mark = f"~{issue}" if issue else ""
    return "token." + account.replace("/", ".").replace(":", ".") + mark


@dataclass(frozen=True)
class Account:
    """The sender of a request."""

    name: str

    @property
    def user(self) -> str:
        """User name in refusals and RoleBindings."""
        if "/" in self.name:
            return "system:serviceaccount:" + self.name.replace("/", ":")
        return self.name.removeprefix("user:")

    @property
    def groups(self) -> tuple[str, ...]:
        if "/" not in self.name:
            return ("system:authenticated",)
        namespace = self.name.partition("/")[0]
        own = f"system:serviceaccounts:{namespace}"
        return ("system:serviceaccounts", own, "system:authenticated")


def account_of(header: str | None) -> Account:
    """The sender of a request, by its Authorization header."""
    scheme, _, token = (header or "").partition(" ")
    kind, _, rest = token.partition("~")[0].partition(".")
    if scheme.lower() != "bearer" or kind != "token" or not rest:
        raise ProblemError(401, "Unauthorized")
    first, _, second = rest.partition(".")
    if first == "user":
        return Account(f"user:{second}")
    return Account(f"{first}/{second}" if second else first)


@dataclass(frozen=True)
class AccessRequest:
    """A request to be authorised; ``name`` is empty where it is not for a single object."""

    verb: str
    resource: Resource
    namespace: str = ""
    name: str = ""
    part: str = ""
    """The subresource."""

    @property
    def full_resource(self) -> str:
        return f"{self.resource.plural}/{self.part}" if self.part else self.resource.plural


def allowed(store: Store, account: Account, request: AccessRequest) -> bool:
    """Whether a Role grants the request."""
    if account.name == ADMIN:
        return True
    return any(_permits(rule, request) for rule in rules(store, account, request.namespace))


def refusal(account: Account, request: AccessRequest) -> ProblemError:
    """The refusal in the API server's wording."""
    subject = request.resource.long_name + (f' "{request.name}"' if request.name else "")
    place = f'in the namespace "{request.namespace}"' if request.namespace else ""
    return ProblemError(
        403,
        f'{subject} is forbidden: User "{account.user}" cannot {request.verb} resource '
        f'"{request.full_resource}" in API group "{request.resource.group}" '
        f"{place or 'at the cluster scope'}",
    )


def rules(store: Store, account: Account, namespace: str) -> Iterator[Manifest]:
    """Rules of an account's Roles in a namespace."""
    bindings = store.list(kinds.CLUSTER_BINDINGS)
    bindings += store.list(kinds.BINDINGS, namespace) if namespace else []
    for binding in bindings:
        place = binding["metadata"].get("namespace", "")
        if not any(_matches(subject, account, place) for subject in binding.get("subjects", ())):
            continue
        wide = binding["roleRef"]["kind"] == "ClusterRole"
        role = store.find(
            kinds.CLUSTER_ROLES if wide else kinds.ROLES,
            "" if wide else place,
            binding["roleRef"]["name"],
        )
        yield from (role or {}).get("rules") or ()


def _matches(subject: Manifest, account: Account, namespace: str) -> bool:
    if subject["kind"] == "ServiceAccount":
        return account.name == f"{subject.get('namespace') or namespace}/{subject['name']}"
    if subject["kind"] == "Group":
        return subject["name"] in account.groups
    return bool(subject["name"] == account.user)


def _permits(rule: Manifest, request: AccessRequest) -> bool:
    names = rule.get("resourceNames")
    return (
        _among(request.verb, rule.get("verbs"))
        and _among(request.resource.group, rule.get("apiGroups"))
        and _among(request.full_resource, rule.get("resources"))
        and (not names or request.name in names)
    )


def _among(value: str, values: list[str] | None) -> bool:
    return value in (values or ()) or "*" in (values or ())

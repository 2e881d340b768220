"""The API server: HTTPS on loopback, one thread per connection."""

from __future__ import annotations

import io
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit

import yaml

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.accounts import (
    ADMIN,
    AccessRequest,
    Account,
    UsedRight,
    account_of,
    allowed,
    refusal,
    rules,
)
from tests.support.servers.kubernetes.discovery import described
from tests.support.servers.kubernetes.kinds import Manifest, Resource, by_plural
from tests.support.servers.kubernetes.outages import Away, Hold, Outage, Outages, Request
from tests.support.servers.kubernetes.patches import patched
from tests.support.servers.kubernetes.problems import ProblemError, not_found
from tests.support.servers.kubernetes.store import Store
from tests.support.servers.kubernetes.watches import watched


class Node(Protocol):
    """Source of pods' logs, and eviction."""

    def log_lines(self, pod: Manifest, options: dict[str, str]) -> Iterator[str]: ...

    def evict(self, namespace: str, name: str) -> None: ...


class ApiServer(ThreadingHTTPServer):
    """Answers until it is closed; ``used``: rights that requests used."""

    daemon_threads = True
    request_queue_size = 256
    allow_reuse_port = True

    def __init__(self, store: Store, node: Node, certificate: str, key: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.store = store
        self.node = node
        self.used: set[UsedRight] = set()
        self.requests: list[tuple[str, str, str]] = []
        """Account, verb and path of each request."""
        self.outages = Outages()
        self.connections: set[socket.socket] = set()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_port}"

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        wrapped = self.context.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        )
        self.connections.add(wrapped)
        return wrapped, address

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        request.close()

    def go(self, how: Away) -> None:
        """Be away, and break all streams off."""
        self.outages.begin(how)
        if how is Away.REFUSED:
            self.shutdown()
            kept = socket.socket()  # keeps the port without listening
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            kept.bind(self.server_address)
            self.socket.close()
            self.socket = kept
        self.drop_connections()

    def come_back(self) -> None:
        """End what ``go`` began."""
        how = self.outages.now
        self.outages.end()
        if how is Away.REFUSED:
            self.socket.listen(self.request_queue_size)
            threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def go_for_a_while(self, outage: Outage) -> None:
        """Be away for as long as an outage lasts; returns at once."""
        self.go(outage.how)

        def end() -> None:
            self.come_back()
            outage.over.set()

        timer = threading.Timer(outage.seconds, end)
        timer.daemon = True
        timer.start()

    def close(self) -> None:
        """Close all connections."""
        self.outages.end()
        self.outages.let_go()
        self.shutdown()
        self.drop_connections()
        self.server_close()

    def drop_connections(self) -> None:
        """Break all connections off, in the midst of answers."""
        for connection in list(self.connections):
            # of the bare socket: the thread that owns the TLS side ends by itself
            try:
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
            except OSError:
                continue  # it was closed already

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: clients may close connections."""


class Handler(BaseHTTPRequestHandler):
    """One connection with any number of requests."""

    server: ApiServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        if self.server.outages.now is Away.UNENCRYPTED:
            self.server.outages.wait()
        self.request.settimeout(30)
        self.request.do_handshake()
        self.request.settimeout(None)
        super().setup()

    def serve(self) -> None:
        length = int(self.headers.get("content-length", 0))
        self.body = self.rfile.read(length) if length else b""
        token = self.headers.get("authorization") or ""
        request = Request(self.command, self.path, token)
        held = self.server.outages.held_by(request)
        if held is not None:
            self._hold(held)
            return
        away = self.server.outages.now is not None
        outage = None if away else self.server.outages.met_by(request)
        if outage is not None:
            self._begin(outage)
            return
        try:
            if away and not self._answers_when_away():
                return
            self._answer()
        except ProblemError as problem:
            self._send(problem.status(), problem.code)
        except (KeyError, TypeError, ValueError) as error:
            # a manifest without what every manifest has; the real server is more verbose
            self._send(ProblemError(400, f"{type(error).__name__}: {error}").status(), 400)

    def _begin(self, outage: Outage) -> None:
        """Be away from this request on; it gets no answer."""
        if outage.phase.done:
            self._carry_out()
        self.server.go_for_a_while(outage)
        self.close_connection = True

    def _hold(self, hold: Hold) -> None:
        """Give no answer until the server is away."""
        if hold.phase.done:
            self._carry_out()
        hold.came.set()
        self.server.outages.hold()
        self.close_connection = True

    def _carry_out(self) -> None:
        """Do what is asked; nobody hears of it."""
        self.wfile = io.BytesIO()
        with suppress(ProblemError):
            self._answer()

    def _answers_when_away(self) -> bool:
        """Whether an absent server answers this request all the same."""
        match self.server.outages.now:
            case Away.UNAVAILABLE:
                text = "the server is currently unable to handle the request"
                raise ProblemError(503, text)
            case Away.BUSY:
                raise ProblemError(429, "too many requests, please try again later")
            case Away.EXPIRED:
                if "berthwatch-submitter" in (self.headers.get("authorization") or ""):
                    raise ProblemError(401, "Unauthorized")
                return True
            case Away.CUT:
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"kind": "List", "items": [')
            case _:
                self.server.outages.wait()
        self.close_connection = True
        return False

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve  # noqa: N815

    def _answer(self) -> None:
        url = urlsplit(self.path)
        self.options = dict(parse_qsl(url.query, keep_blank_values=True))
        steps = [unquote(step) for step in url.path.split("/") if step]
        if steps in (["healthz"], ["livez"], ["readyz"]):
            self._send_bytes(b"ok", "text/plain")
            return
        self.account = account_of(self.headers.get("authorization"))
        if self.command == "GET" and (about := described(steps)) is not None:
            self._send(about)
        elif steps[1:2] == ["authorization.k8s.io"] or steps[1:2] == ["authentication.k8s.io"]:
            self._send(_review(self.server.store, self.account, steps[-1], self._manifest()), 201)
        else:
            self._objects(steps)

    def _objects(self, steps: list[str]) -> None:
        resource, namespace, name, part = _address(steps)
        access = AccessRequest(self._verb(name), resource, namespace, name, part)
        self._check(access)
        if part == "log":
            self._log(access)
        elif part == "eviction":
            self.server.node.evict(namespace, name)
            self._send({"kind": "Status", "apiVersion": "v1", "status": "Success"}, 201)
        elif access.verb == "watch":
            self._watch(access)
        else:
            self._send(*self._done(access))

    def _verb(self, name: str) -> str:
        if self.command == "GET" and self.options.get("watch") in ("1", "true", "True"):
            return "watch"
        verbs = {"POST": "create", "PUT": "update", "PATCH": "patch"}
        if self.command in verbs:
            return verbs[self.command]
        named = {"GET": ("list", "get"), "DELETE": ("deletecollection", "delete")}
        return named[self.command][bool(name)]

    def _check(self, access: AccessRequest) -> None:
        account, store = self.account, self.server.store
        self.server.requests.append((account.name, access.verb, self.path))
        self.server.used.add(
            UsedRight(
                account.name,
                access.verb,
                access.resource.group,
                access.full_resource,
            )
        )
        if not allowed(store, account, access):
            raise refusal(account, access)
        place = access.namespace
        if access.verb == "create" and place and place not in store.namespaces():
            raise not_found(kinds.NAMESPACES, place)

    def _done(self, access: AccessRequest) -> tuple[Manifest, int]:
        store, resource, place = self.server.store, access.resource, access.namespace
        match access.verb:
            case "list":
                return self._listed(access), 200
            case "get":
                return store.get(resource, place, access.name), 200
            case "create":
                return store.create(resource, place, self._manifest()), 201
            case "update":
                new = self._manifest()
                return store.replace(resource, place, access.name, new, access.part), 200
            case "patch":
                return self._patched(access)
            case "delete":
                return self._deleted(access, access.name), 200
        for manifest in store.list(resource, place, self._option("labelSelector")):
            self._deleted(access, manifest["metadata"]["name"])
        return {"kind": "Status", "apiVersion": "v1", "status": "Success"}, 200

    def _listed(self, access: AccessRequest) -> Manifest:
        store, resource = self.server.store, access.resource
        selectors = self._option("labelSelector"), self._option("fieldSelector")
        with store.changed:
            return {
                "kind": f"{resource.kind}List",
                "apiVersion": resource.api_version,
                "metadata": {"resourceVersion": str(store.version)},
                "items": store.list(resource, access.namespace, *selectors),
            }

    def _patched(self, access: AccessRequest) -> tuple[Manifest, int]:
        kind, patch = self.headers.get("content-type", ""), self._manifest()
        store, resource, place = self.server.store, access.resource, access.namespace
        if "apply" in kind and store.find(resource, place, access.name) is None:
            return store.create(resource, place, patch), 201
        if access.part == "scale":
            replicas = patch["spec"]["replicas"]
            custom = resource.group == "kubernetes.dask.org"
            patch = {"spec": {"worker": {"replicas": replicas}}} if custom else patch

        def lay(old: Manifest) -> Manifest:
            new = patched(old, patch, kind)
            if new["metadata"].get("resourceVersion") != old["metadata"]["resourceVersion"]:
                raise ProblemError(409, "the object has been modified", "Conflict")
            return dict(new)

        return store.change(resource, place, access.name, lay, access.part), 200

    def _deleted(self, access: AccessRequest, name: str) -> Manifest:
        body = self._manifest()
        # a Job deleted without a policy leaves its pods, for backward compatibility
        default = "Orphan" if access.resource == kinds.JOBS else "Background"
        policy = body.get("propagationPolicy") or self._option("propagationPolicy") or default
        grace = body.get("gracePeriodSeconds", self.options.get("gracePeriodSeconds"))
        store = self.server.store
        wanted = (body.get("preconditions") or {}).get("uid")
        old = store.get(access.resource, access.namespace, name)
        if wanted and wanted != old["metadata"]["uid"]:
            raise ProblemError(409, f"Precondition failed: UID in precondition: {wanted}")
        return store.delete(
            access.resource,
            access.namespace,
            name,
            policy,
            None if grace is None else int(grace),
        )

    def _watch(self, access: AccessRequest) -> None:
        lines = watched(
            self.server.store,
            access.resource,
            access.namespace,
            (self._option("labelSelector"), self._option("fieldSelector")),
            self._option("resourceVersion"),
            float(self._option("timeoutSeconds") or 3600),
        )
        self._stream((json.dumps(line) + "\n" for line in lines), "application/json")

    def _log(self, access: AccessRequest) -> None:
        pod = self.server.store.get(kinds.PODS, access.namespace, access.name)
        lines = self.server.node.log_lines(pod, self.options)
        self._stream(lines, "text/plain")

    def _option(self, name: str) -> str:
        return self.options.get(name, "")

    def _manifest(self) -> Manifest:
        if not self.body:
            return {}
        kind = self.headers.get("content-type", "")
        if "protobuf" in kind:
            raise ProblemError(415, f"the body of the request was in an unknown format: {kind}")
        if "yaml" in kind:
            return dict(yaml.safe_load(self.body))
        return json.loads(self.body)  # type: ignore[no-any-return]

    def _send(self, value: Any, code: int = 200) -> None:
        self._send_bytes(json.dumps(value).encode(), "application/json", code)

    def _send_bytes(self, body: bytes, kind: str, code: int = 200) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if code == 429:
            self.send_header("Retry-After", str(self.server.outages.retry_after_s))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, pieces: Iterator[str], kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            content = piece.encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _address(steps: list[str]) -> tuple[Resource, str, str, str]:
    """Kind, namespace, name and subresource of a path."""
    if steps[:1] == ["api"]:
        group, version, rest = "", steps[1] if len(steps) > 1 else "", steps[2:]
    elif steps[:1] == ["apis"] and len(steps) > 2:
        group, version, rest = steps[1], steps[2], steps[3:]
    else:
        raise ProblemError(404, "the server could not find the requested resource")
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    resource = by_plural(group, version, rest[0]) if rest else None
    if resource is None:
        raise ProblemError(404, "the server could not find the requested resource")
    name, part = (*rest[1:], "", "")[:2]
    return resource, namespace, name, part


def _review(store: Store, account: Account, kind: str, body: Manifest) -> Manifest:
    """Answer to a SelfSubject...Review."""
    if kind == "selfsubjectreviews":
        user = {"username": account.user, "groups": list(account.groups)}
        return {**body, "status": {"userInfo": user}}
    if kind == "selfsubjectrulesreviews":
        everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
        wide = account.name == ADMIN
        own = [everything] if wide else list(rules(store, account, body["spec"]["namespace"]))
        status = {"resourceRules": own, "nonResourceRules": [], "incomplete": False}
        return {**body, "status": status}
    wish = body["spec"]["resourceAttributes"]
    resource = Resource(wish.get("group", ""), "", "", wish.get("resource", ""))
    names = [wish.get(name, "") for name in ("namespace", "name", "subresource")]
    return {
        **body,
        "status": {
            "allowed": allowed(store, account, AccessRequest(wish["verb"], resource, *names))
        },
    }

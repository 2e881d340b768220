"""A pod's volumes as folders of this machine."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path

from tests.support.servers.kubernetes import kinds
from tests.support.servers.kubernetes.kinds import Manifest, Resource
from tests.support.servers.kubernetes.store import Store


class MissingError(Exception):
    """A Secret or ConfigMap that a pod needs does not exist."""


class Volumes:
    """Fills the folders of a pod's volumes; ``field`` returns values of the downward API."""

    def __init__(
        self, store: Store, pod: Manifest, folder: Path, field: Callable[[Manifest], str]
    ) -> None:
        self.store = store
        self.pod = pod
        self.folder = folder
        self.field = field
        self.namespace: str = pod["metadata"]["namespace"]

    def fill(self) -> None:
        """Create all of them; MissingError where a source does not exist."""
        for volume in self.pod["spec"].get("volumes", ()):
            self._fill(volume, self.path(volume["name"]))

    def path(self, name: str) -> Path:
        """Folder of a volume; a claim's outlives the pod."""
        for volume in self.pod["spec"].get("volumes", ()):
            if volume["name"] == name and (claim := volume.get("persistentVolumeClaim")):
                claims = self.folder.parent.parent / "claims"
                return claims / self.namespace / str(claim["claimName"])
        return self.folder / "volumes" / name

    def mounts(self, container: Manifest) -> dict[str, str]:
        """Folder of this machine by the path at which a container sees it."""
        return {
            mount["mountPath"].rstrip("/"): str(
                self.path(mount["name"]) / mount.get("subPath", "")
            ).rstrip("/")
            for mount in container.get("volumeMounts", ())
        }

    def _fill(self, volume: Manifest, path: Path) -> None:
        path.mkdir(parents=True, exist_ok=True)
        sources = volume["projected"]["sources"] if "projected" in volume else [volume]
        for source in sources:
            self._write(source, path)

    def _write(self, source: Manifest, path: Path) -> None:
        if secret := source.get("secret"):
            name = secret.get("secretName") or secret["name"]
            self._write_items(secret_values(self.store, self.namespace, name), secret, path)
        if chosen := source.get("configMap"):
            values = config_values(self.store, self.namespace, chosen["name"])
            self._write_items(values, chosen, path)
        for item in source.get("downwardAPI", {}).get("items", ()):
            (path / item["path"]).write_text(self.field(item))

    def _write_items(self, values: dict[str, bytes], source: Manifest, path: Path) -> None:
        items = source.get("items") or [{"key": key, "path": key} for key in values]
        for item in items:
            if item["key"] not in values:
                raise MissingError(f"references non-existent secret key: {item['key']}")
            file = path / item["path"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(values[item["key"]])


def secret_values(store: Store, namespace: str, name: str) -> dict[str, bytes]:
    """Content of a Secret."""
    secret = _needed(store, kinds.SECRETS, namespace, name)
    values = {key: base64.b64decode(value) for key, value in (secret.get("data") or {}).items()}
    written = secret.get("stringData") or {}
    return values | {key: value.encode() for key, value in written.items()}


def config_values(store: Store, namespace: str, name: str) -> dict[str, bytes]:
    """Content of a ConfigMap."""
    config = _needed(store, kinds.CONFIG_MAPS, namespace, name)
    return {key: value.encode() for key, value in (config.get("data") or {}).items()}


def _needed(store: Store, resource: Resource, namespace: str, name: str) -> Manifest:
    found = store.find(resource, namespace, name)
    if found is None:
        raise MissingError(f'{resource.kind.lower()} "{name}" not found')
    return found

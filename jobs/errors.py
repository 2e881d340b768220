"""Every error Berthwatch raises on purpose.

    BerthwatchError
    ├── InputError (ValueError)     what a person wrote is wrong: a job, a port file, an option
    │   └── PlanError               a plan cannot be read, or does not fit this archive
    ├── CatalogError                a STAC catalog is down, talks nonsense, or lacks the collection
    ├── SceneError                  one scene cannot be used: an asset is missing, cut off, or lies
    │   └── UnreachableError        a file could not be read just now; another attempt may do
    ├── ArchiveError                the port archive refuses: locked, another grid, a missing tag
    └── ClusterError                the Dask cluster cannot run this: no workers, other versions
        ├── ClusterLostError        it could, but its scheduler or its workers are gone
        └── KubernetesError         Kubernetes refuses, or lacks something
            ├── AlreadyThereError   an object of that name exists
            └── KubernetesLostError its API cannot be reached just now (a ClusterLostError too)

A message says what was found, what was expected, and what to do.
"""

from __future__ import annotations


class BerthwatchError(Exception):
    """Anything Berthwatch refuses on purpose; the command line prints it without a traceback."""


class InputError(BerthwatchError, ValueError):
    """Something a person wrote is wrong: a job file, a port file, an option."""


class PlanError(InputError):
    """A plan cannot be read, or does not fit the archive it is run on."""


class CatalogError(BerthwatchError):
    """A STAC catalog is down, answers nonsense, or lacks the collection."""


class SceneError(BerthwatchError):
    """One scene cannot be used; it fails its own overpass and nothing else."""


class UnreachableError(SceneError):
    """A file could not be read just now: its server is slow, limits, or broke off. Try again."""


class ArchiveError(BerthwatchError):
    """The port archive refuses: it is locked, has another grid, or lacks the tag."""


class ClusterError(BerthwatchError):
    """The Dask cluster cannot run this: no workers, or workers of another version."""


class ClusterLostError(ClusterError):
    """The cluster was there and is gone: its scheduler, or every worker for too long."""


class KubernetesError(ClusterError):
    """Kubernetes refuses, or lacks something that was expected there."""


class KubernetesLostError(KubernetesError, ClusterLostError):
    """The API of Kubernetes cannot be reached just now."""


class AlreadyThereError(KubernetesError):
    """An object of that name exists already."""

"""The exceptions that Berthwatch raises.

    BerthwatchError
    ├── InputError (ValueError)     an input is wrong: a job, a port file, an option
    │   ├── PlanError               a plan cannot be read, or does not fit this archive
    │   └── SetupError              this machine cannot do it: GDAL, PROJ, or the network's engine
    ├── CatalogError                a STAC catalog is down, malformed, or lacks the collection
    ├── SceneError                  one scene cannot be used: an asset is missing, cut off or wrong
    │   └── UnreachableError        a file could not be read just now; another attempt may do
    ├── ArchiveError                a port archive cannot be used: another grid, no such tag
    │   ├── ArchiveUnreachableError its bucket does not answer, or breaks off, just now
    │   ├── ArchiveInUseError       another run is at work in it
    │   └── ArchiveTakenOverError   another run took it over from this one
    └── ClusterError                the Dask cluster cannot run this: no workers, other versions
        ├── ClusterLostError        it could, but its scheduler or its workers are gone
        └── KubernetesError         Kubernetes refuses a request, or lacks something
            ├── AlreadyThereError   an object of that name exists
            └── KubernetesLostError its API cannot be used just now (a ClusterLostError too)
                └── LoginError      it does not accept the login: expired, or of another cluster

A message says what was found, what was expected, and what to do.
"""

from __future__ import annotations


class BerthwatchError(Exception):
    """Base class; the command line prints these without a traceback."""


class InputError(BerthwatchError, ValueError):
    """An input is wrong: a job file, a port file, an option."""


class PlanError(InputError):
    """A plan cannot be read, or does not fit the archive it is run on."""


class SetupError(InputError):
    """GDAL, PROJ or the network's engine cannot work on this machine: no file and no overpass is to
    blame.
    """


class CatalogError(BerthwatchError):
    """A STAC catalog is down, gives malformed answers, or lacks the collection."""


class SceneError(BerthwatchError):
    """One scene cannot be used; only its own overpass fails."""


class UnreachableError(SceneError):
    """A file could not be read just now: its server is slow, limits requests, or broke off."""


class ArchiveError(BerthwatchError):
    """A port archive cannot be used: it is locked, has another grid, or lacks the tag."""


class ArchiveUnreachableError(ArchiveError):
    """Its bucket cannot be reached just now; the same command may go on later."""


class ArchiveInUseError(ArchiveError):
    """Another run is at work in the archive."""

    def __init__(self, message: str, holder: str = "") -> None:
        super().__init__(message)
        self.holder = holder
        """Who holds its lock: a pod, or a process of a machine; empty where that is not known."""


class ArchiveTakenOverError(ArchiveError):
    """Another run is at work in the archive: this one was out of reach, and counted as dead."""


class ClusterError(BerthwatchError):
    """The Dask cluster cannot run this: no workers, or workers of another version."""


class ClusterLostError(ClusterError):
    """The cluster is gone: its scheduler, or every worker for too long."""


class KubernetesError(ClusterError):
    """Kubernetes refuses a request, or lacks something that was expected there."""


class KubernetesLostError(KubernetesError, ClusterLostError):
    """The API of Kubernetes cannot be used just now."""

    def __init__(self, message: str, cause: str = "", retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.cause = cause or message
        """In a few words."""
        self.retry_after_s = retry_after_s
        """Seconds for which the API wants to be left alone."""


class LoginError(KubernetesLostError):
    """Kubernetes does not accept the login: it has expired, or is of another cluster."""


class AlreadyThereError(KubernetesError):
    """A Kubernetes object of that name exists already."""

    def __init__(self, message: str, repeated: bool = False) -> None:
        super().__init__(message)
        self.repeated = repeated
        """Whether the same request got no answer before: it may have made the object."""

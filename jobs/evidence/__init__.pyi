from .make import Evidence, EvidenceOptions, make_evidence
from .package import write_zip
from .signing import read_signer

__all__ = [
    "Evidence",
    "EvidenceOptions",
    "make_evidence",
    "read_signer",
    "write_zip",
]

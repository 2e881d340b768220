"""The text with which a result is cited."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def citation_text(provenance: Mapping[str, Any]) -> str:
    """How to cite a result, by its ``provenance.json``: what anyone needs to find the same bytes.

    Also of results that early versions published, whose provenance holds no citation.
    """
    period = provenance["period"]
    version = str(provenance["code_version"]).partition("+")[0]
    ports = ", ".join(str(port["name"]) for port in provenance["ports"])
    partial = "" if provenance["complete"] else " The result is not complete."
    credit = "; ".join(str(line) for line in provenance["attributions"])
    return (
        f"Berthwatch {version}: Port visits seen from space, job {provenance['job']}, "
        f"{period['start']} to {period['end']} ({ports}). Result {provenance['tag']}, "
        f"plan {provenance['plan_hash']}, code {provenance['code_version']}.{partial}"
        + (f" {credit}." if credit else "")
    )

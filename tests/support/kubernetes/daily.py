"""The CronJob of infra/ with a file to submit, for ``World.trigger`` to play its schedule."""

from __future__ import annotations

from typing import Any

import yaml

from tests.support.kubernetes.runs import IMAGE, NAMESPACE
from tests.support.places import ROOT

NAME = "berthwatch-daily"


def daily(content: str, file: str = "daily.yaml") -> list[dict[str, Any]]:
    """The CronJob and the ConfigMap with its file; the image is the test's.

    ``file``: another name stands for a plan in place of the job file.
    """
    text = (ROOT / "infra" / "kubernetes" / "base" / "daily.yaml").read_text()
    cron = yaml.safe_load(text)
    cron["metadata"]["namespace"] = NAMESPACE
    (container,) = cron["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    container["image"] = IMAGE
    container["args"] = [one.replace("daily.yaml", file) for one in container["args"]]
    about = {"name": "berthwatch-jobs", "namespace": NAMESPACE}
    files = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": {file: content}}
    return [files, cron]

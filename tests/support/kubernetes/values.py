"""Runs on Kubernetes as values, for tests."""

from __future__ import annotations

import dataclasses
from typing import Any

from jobs.kubernetes.partitions import WHOLE
from jobs.kubernetes.settings import ClusterSettings, Gpu, Toleration, Workers
from jobs.kubernetes.spec import Identity, Run

IMAGE = "registry.example/berthwatch@sha256:" + "1" * 64
CUDA_IMAGE = "registry.example/berthwatch-cuda@sha256:" + "2" * 64

PLAIN = ClusterSettings(image=IMAGE)
FULL = ClusterSettings(
    image=IMAGE,
    credentials=("berthwatch-s3",),
    environment={"AWS_ENDPOINT_URL": "https://s3.example", "GDAL_HTTP_TIMEOUT": "30"},
    image_pull_secrets=("registry",),
    workers=Workers(
        cpu="2",
        threads=2,
        nodes={"pool": "cpu"},
        tolerations=(Toleration("spot", "Equal", "true", "NoSchedule"),),
    ),
    gpu=Gpu(count=2, image=CUDA_IMAGE, nodes={"pool": "gpu"}),
)


def run(settings: ClusterSettings = FULL, **change: Any) -> Run:
    made = Run(
        id="bw-east-sea-0a1b2c3d",
        job="east-sea",
        archive="s3://bucket/prefix",
        namespace="team",
        identity=Identity("p" * 64, "0.1.0+abc", "m" * 16, settings.images, "w" * 16),
        settings=settings,
        partitions=(WHOLE,),
        parallel=1,
        workers=3,
    )
    return dataclasses.replace(made, **change)

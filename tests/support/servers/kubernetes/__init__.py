"""A Kubernetes cluster that fits into a test: API server, controllers, kubelet, network, operator.

One store holds the objects; the API server (HTTPS on loopback, for real clients and kubectl) and
one control loop work on it.  Pods become processes of this machine.

It is written on the standard library and not on ``kmock``: that keeps what it is told, but knows
neither selectors, versions, owners, deletion in steps, accounts nor subresources, and its handlers
of requests would all have had to be replaced.

``tests/kubernetes_world.py`` is the door to all of it and says how it is used.
"""

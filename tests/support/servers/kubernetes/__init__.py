"""A Kubernetes cluster for tests: API server, controllers, kubelet, network, operator.

One store has the objects; the API server (HTTPS on loopback, for real clients and kubectl) and
one control loop work on it.  Pods become processes of this machine.

It is written on the standard library and not on ``kmock``: that stores objects, but implements
neither selectors, versions, owners, deletion in steps, accounts nor subresources, and its request
handlers would all have had to be replaced.

``tests/support/kubernetes/world.py`` is its interface and describes its use.
"""

"""Serve: pages on this machine for the person at it, kept from everyone and everything else."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

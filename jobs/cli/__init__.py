"""The command line: one sub-command per step, each a call of what a notebook could call as well."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

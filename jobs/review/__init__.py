"""Decisions of reviewers: kept in the archive, used by the next results, given as labels."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

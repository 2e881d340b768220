"""Login: headers and tokens for private servers, from the environment; kept in memory alone."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

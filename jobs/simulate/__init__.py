"""A valid STAC archive of synthetic port scenes, with the truth it was made from."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

"""Maps: the looks at a port in motion, in a folder of files or served from the archive."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

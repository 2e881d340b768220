"""Storage of archives: a local folder or a prefix of an S3 bucket, behind one interface."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

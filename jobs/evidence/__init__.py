"""Evidence: what proves a seen visit, in a ZIP that anyone can check without this package."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

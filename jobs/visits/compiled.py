"""numba's compiler, with its cache on disk made safe for code of several processes.

numba (seen in 0.68.1) keeps the object code of a function with that of all it calls, under
symbols that are numbered from 1 in every process. Code that two processes compiled and cached can
so share a symbol, and a third process that loads both runs the one in place of the other: it gives
wrong numbers, or crashes. Two processes that compile at the same time may also write two overloads
of a function to one file.

Here each process numbers symbols and files from a random start of its own.
"""

from __future__ import annotations

import itertools
import secrets

from numba import njit
from numba.core.bytecode import FunctionIdentity
from numba.core.caching import IndexDataCacheFile

__all__ = ["njit"]

_START = secrets.randbelow(2**62)


def _data_name(self: IndexDataCacheFile, number: int) -> str:
    """Name of a file of compiled code that no other process gives."""
    return str(self._data_name_pattern.format(number=_START + number))


FunctionIdentity._unique_ids = itertools.count(_START)
IndexDataCacheFile._data_name = _data_name  # type: ignore[method-assign]

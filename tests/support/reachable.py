"""How much hangs on an object: everything that can be reached from it."""

from __future__ import annotations

import gc
from enum import Enum
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType

_EVERYBODYS = (type, ModuleType, FunctionType, BuiltinFunctionType, CodeType, Enum)
"""What belongs to the program and not to the object."""


def reachable(*roots: object) -> int:
    """How many objects there are."""
    found = {id(root): root for root in roots}
    ahead = list(roots)
    while ahead:
        for each in gc.get_referents(ahead.pop()):
            if id(each) not in found and not isinstance(each, _EVERYBODYS):
                found[id(each)] = each
                ahead.append(each)
    return len(found)

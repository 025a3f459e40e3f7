"""Names for array types, and arrays that nobody can change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
F32 = NDArray[np.float32]
I64 = NDArray[np.int64]
I8 = NDArray[np.int8]
Bool = NDArray[np.bool_]
U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]
AnyArray = NDArray[np.generic]


def frozen_f64(values: object) -> F64:
    """A read-only float64 copy of `values`."""
    out = np.array(values, dtype=np.float64)
    out.flags.writeable = False
    return out


def frozen_i64(values: object) -> I64:
    """A read-only int64 copy of `values`."""
    out = np.array(values, dtype=np.int64)
    out.flags.writeable = False
    return out


def frozen_bool(values: object) -> Bool:
    """A read-only bool copy of `values`."""
    out = np.array(values, dtype=np.bool_)
    out.flags.writeable = False
    return out

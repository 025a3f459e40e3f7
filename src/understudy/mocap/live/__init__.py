"""Live motion capture protocols: every file here without an underscore is one, and `open_source` opens any of them."""

from __future__ import annotations

from understudy.mocap.live._open import open_source

__all__ = ["open_source"]

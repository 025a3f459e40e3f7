"""The hash by which an episode names the schema it was written under."""

from __future__ import annotations

import hashlib


def schema_hash(text: str) -> str:
    """SHA-256 of a schema's text, as hex."""
    return hashlib.sha256(text.encode()).hexdigest()

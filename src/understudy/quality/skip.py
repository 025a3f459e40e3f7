"""How a gate or score says that an episode gives it nothing to judge."""

from __future__ import annotations

from understudy.errors import UnderstudyError


class NotApplicable(UnderstudyError):  # noqa: N818 - a statement about the episode, not a fault
    """Raised by a gate or score that cannot judge this episode; the message is the reason that the notes keep."""

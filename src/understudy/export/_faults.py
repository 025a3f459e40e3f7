"""Faults found in an export, as findings that name file, column and row."""

from __future__ import annotations

from collections import Counter

from understudy.spec.findings import Finding

SHOWN = 3
"""Findings per kind and column that are written out; the rest is counted in the last one."""


class Faults:
    """Collects findings while an export is read back."""

    def __init__(self, format: str) -> None:
        self.format = format
        self._findings: list[Finding] = []
        self._count: Counter[tuple[str, str]] = Counter()

    def add(
        self,
        check: str,
        message: str,
        *,
        column: str = "",
        value: float | None = None,
        limit: float | None = None,
        unit: str = "1",
    ) -> None:
        """Note one fault of the kind `check`."""
        self._count[check, column] += 1
        if self._count[check, column] <= SHOWN:
            gate = f"{self.format}.{check}"
            self._findings.append(
                Finding(gate=gate, severity="reject", message=message, stream=column, value=value, limit=limit, unit=unit)
            )

    def findings(self) -> tuple[Finding, ...]:
        """All findings, and one line per kind for those that were not written out."""
        more = [
            Finding(
                gate=f"{self.format}.{check}", severity="reject", message=f"and {count - SHOWN} more like these", stream=column
            )
            for (check, column), count in self._count.items()
            if count > SHOWN
        ]
        return (*self._findings, *more)

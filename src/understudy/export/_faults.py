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

    def add(self, check: str, message: str, *, column: str = "", value: float | None = None, limit: float | None = None) -> None:
        """Note one fault of the kind `check`."""
        self._count[check, column] += 1
        if self._count[check, column] <= SHOWN:
            self._findings.append(self._finding(check, column, message, value, limit))

    def findings(self) -> tuple[Finding, ...]:
        """All findings, and one line per kind for those that were not written out."""
        more = [
            self._finding(check, column, f"and {count - SHOWN} more like these", None, None)
            for (check, column), count in self._count.items()
            if count > SHOWN
        ]
        return (*self._findings, *more)

    def _finding(self, check: str, column: str, message: str, value: float | None, limit: float | None) -> Finding:
        gate = f"{self.format}.{check}"
        return Finding(gate=gate, severity="reject", message=message, stream=column, value=value, limit=limit)

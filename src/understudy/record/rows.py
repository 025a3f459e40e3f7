"""A batch looked at sample by sample, where something in it is not as it should be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from understudy.geom.arrays import Bool
from understudy.record.batch import Batch
from understudy.record.ledger import NONE, Ledger

AHEAD_NS = 100_000_000
"""A stamp may lie so far in the future: a producer that predicts a little is not wrong."""
OLD_NS = 300_000_000_000
"""A first stamp that is older is not on this machine's clock."""
STEP_SAMPLES = 10
"""So many samples in a row whose stamps jumped are a clock that was set, and not a slip."""

Refuse = Callable[[str], None]
"""Told why a sample is refused."""
Step = Callable[[int], None]
"""Told of the first stamp after a clock was set."""


def kept_rows(batch: Batch, ledger: Ledger, now_ns: int, *, refuse: Refuse, step: Step) -> Bool:
    """(N,) the samples that can be taken; the others are refused one by one.

    Args:
        batch: of the stream's dtype and shape.
        ledger: of the stream; its counts of late and repeated samples and of clocks that were set are kept.
        now_ns: recorder's clock.
        refuse, step: told of what was found.
    """
    keep, finite = np.zeros(len(batch), dtype=np.bool_), _finite(batch, ledger)
    last_seq, last_t_ns = ledger.last_seq, ledger.last_t_ns
    for i, (seq, t_ns) in enumerate(zip(batch.seq.tolist(), batch.t_ns.tolist(), strict=True)):
        if seq <= last_seq:
            reason = _repeated(ledger, seq, last_seq, batch.seq[:i][keep[:i]].tolist())
        elif reason := _clock_fault(t_ns, last_t_ns, now_ns, ledger.lead_ns):
            if _stepped(ledger, t_ns, now_ns):
                reason, last_t_ns = "", t_ns - 1
                step(t_ns)
        else:
            ledger.odd = 0
        if not reason and not finite[i]:
            reason = "a value that is not a finite number"
        last_seq = max(last_seq, seq)
        if reason:
            refuse(reason)
        else:
            keep[i], last_t_ns = True, t_ns
    return keep


def skipped(batch: Batch, last_seq: int) -> int:
    """Numbers that are missing before and within a batch, after the newest number so far."""
    first, last = int(batch.seq[0]), int(batch.seq[-1])
    if first <= last_seq:  # something came twice or late: only what is newer than all before can tell of a loss
        newer = np.unique(batch.seq[batch.seq > last_seq])
        return int(newer[-1]) - last_seq - len(newer) if len(newer) else 0
    before = first - last_seq - 1 if last_seq != NONE else 0
    return before + max(last - first + 1 - len(batch), 0)


def _finite(batch: Batch, ledger: Ledger) -> Bool:
    """(N,) samples without NaN and infinity; in debug streams NaN is a marker that was not seen."""
    if ledger.spec.kind == "image" or np.dtype(ledger.spec.dtype).kind != "f":
        return np.ones(len(batch), dtype=np.bool_)
    values = batch.values().reshape(len(batch), -1)
    usable = ~np.isinf(values) if ledger.spec.group == "debug" else np.isfinite(values)
    return np.asarray(usable.all(axis=1), dtype=np.bool_)


def _repeated(ledger: Ledger, seq: int, last_seq: int, taken: Sequence[int]) -> str:
    if seq == last_seq or seq in taken or seq in ledger.numbers:
        ledger.duplicates += 1
        return f"sample {seq} came twice"
    ledger.late += 1
    return f"sample {seq} came after {last_seq}"


def _stepped(ledger: Ledger, t_ns: int, now_ns: int) -> bool:
    """Whether a stamp that cannot be belongs to a clock that was set; a stream's first stamps must be right."""
    if ledger.last_t_ns == NONE:
        return False
    ledger.odd += 1
    if ledger.odd < STEP_SAMPLES:
        return False
    ledger.odd, ledger.clock_steps = 0, ledger.clock_steps + 1
    ledger.lead_ns = max(t_ns - now_ns, 0)
    return True


def _clock_fault(t_ns: int, last_t_ns: int, now_ns: int, lead_ns: int) -> str:
    """What cannot be about a stamp; empty where it can."""
    if last_t_ns == NONE and t_ns < now_ns - OLD_NS:
        return f"its stamp lies {(now_ns - t_ns) * 1e-9:.0f} s back; stamps must be on this machine's monotonic clock"
    if t_ns > now_ns + AHEAD_NS + lead_ns:
        return f"its stamp lies {(t_ns - now_ns) * 1e-9:.3g} s ahead; stamps must be on this machine's monotonic clock"
    if t_ns <= last_t_ns:
        return f"its stamp does not increase ({(last_t_ns - t_ns) * 1e-6:.3f} ms back)"
    return ""

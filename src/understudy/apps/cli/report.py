"""Write one HTML page about a dataset: figures, plots, pictures, worst episodes first."""

from __future__ import annotations

from understudy.apps.cli._arguments import Count, DatasetDir, On, OptionalFile
from understudy.apps.cli._command import DONE, Command


def report(
    dataset: DatasetDir,
    /,
    *,
    out: OptionalFile = None,
    video: On = True,
    clips: Count = 20,
) -> int:
    """Write one HTML page about a dataset; it needs no other file and no network.

    Args:
        dataset: the dataset's folder.
        out: file to write; reports/report.html in the dataset when left out.
        video: make no short film of each episode that is shown in full.
        clips: how many episodes, worst first, are shown in full; all are in the table.
    """
    from understudy.apps.cli._console import progress, say
    from understudy.apps.report.build import build_report

    with progress("report") as advance:
        path = build_report(dataset, out, video=video, clips=clips, progress=advance)
    say(f"{path}  ({path.stat().st_size / 1e6:.1f} MB)")
    return DONE


PLUGIN: Command = Command.of(report)

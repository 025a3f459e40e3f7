"""The `understudy` program: finds the command, runs it, turns errors into one message and an exit code."""

from __future__ import annotations

import ast
import errno
import os
import re
import sys
from collections.abc import Sequence
from typing import cast

from understudy import __version__, plugins
from understudy.apps.cli._command import DONE, UNUSABLE, USAGE, Command, UsageError
from understudy.apps.cli._console import complain
from understudy.errors import UnderstudyError, UnknownNameError

ONE_BLAS_THREAD = ("OPENBLAS_NUM_THREADS", "1")
"""Read when numpy and scipy load. A narrow band is factored no quicker by two threads, and ten times slower by two that wait
for each other on a busy machine."""
_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    os.environ.setdefault(*ONE_BLAS_THREAD)
    args = list(sys.argv[1:] if argv is None else argv)
    if not args or args[0] in ("-h", "--help"):
        print(_overview())
        return DONE if args else USAGE
    if args[0] == "--version":
        print(f"understudy {__version__}")
        return DONE
    try:
        return _run(args[0], args[1:])
    except UnknownNameError as error:
        return _fail(str(error), USAGE if args[0] not in plugins.names("commands") else UNUSABLE)
    except UsageError as error:
        return _fail(f"{error}\n`understudy {args[0]} --help` says more", USAGE)
    except UnderstudyError as error:
        return _fail(str(error), UNUSABLE)
    except OSError as error:
        return _fail(_disk_message(error), UNUSABLE)
    except UnicodeEncodeError as error:
        if not "\udc80" <= error.object[error.start] <= "\udcff":
            raise
        return _fail(_name_message(error), UNUSABLE)
    except KeyboardInterrupt:
        return _fail("stopped; what was finished is kept, and the same command goes on from there", _INTERRUPTED)


def _run(name: str, args: list[str]) -> int:
    import tyro

    from understudy.apps.cli._arguments import CONFIG

    command = cast(Command, plugins.load("commands", name))
    prog = f"understudy {name}"
    if "" in command.functions:
        code = tyro.cli(command.functions[""], args=args, prog=prog, config=CONFIG)
    else:
        functions = dict(command.functions)
        code = tyro.extras.subcommand_cli_from_dict(functions, description=_first_line(name), args=args, prog=prog, config=CONFIG)
    return DONE if code is None else int(code)


def _overview() -> str:
    rows = [(name, _first_line(name)) for name in plugins.names("commands")]
    width = max((len(name) for name, _ in rows), default=0)
    listed = "\n".join(f"  {name:<{width}}  {line}" for name, line in rows)
    return (
        "usage: understudy COMMAND ...\n\n"
        "People's motion in, datasets that train humanoid robots out.\n\n"
        f"commands:\n{listed}\n\n`understudy COMMAND --help` explains one. "
        "Exit codes: 0 done, 1 something was found, 2 wrong usage, 3 unusable input."
    )


def _first_line(name: str) -> str:
    """The command's one line, read without importing the file: start-up must stay quick."""
    path = plugins.source_file("commands", name)
    if path is None:
        return "(from another package)"
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return doc.split("\n", 1)[0]


def _disk_message(error: OSError) -> str:
    where = f"{error.filename}: " if error.filename else ""
    advice = {
        errno.ENOSPC: "the disk is full; free some space and run the same command again",
        errno.EROFS: "the disk is read-only; choose another folder",
        errno.EACCES: "no permission; choose another folder or change its owner",
        errno.ENOENT: "no such file or folder",
        errno.EISDIR: "this is a folder, a file is needed",
        errno.ENOTDIR: "this is a file, a folder is needed",
    }.get(error.errno or 0, error.strerror or str(error))
    return f"{where}{advice}"


def _name_message(error: UnicodeEncodeError) -> str:
    """About a name on the disk that is no UTF-8 text: Python keeps its odd bytes as such characters."""
    word = re.compile(r"[^\s<>\"']*")
    before = word.match(error.object[: error.start][::-1])
    after = word.match(error.object[error.start :])
    name = f"{before[0][::-1] if before else ''}{after[0] if after else ''}"
    shown = os.fsencode(name).decode(errors="backslashreplace")
    return f"{shown}: a name with bytes that are no UTF-8 text; rename the file or folder"


def _fail(message: str, code: int) -> int:
    complain(message)
    return code


def run() -> None:
    """Entry point of the installed program."""
    sys.exit(main())

"""`python -m understudy` is the `understudy` program."""

from understudy.apps.cli._main import run

run()

"""What an export says about itself, in a section `understudy` of a JSON file, checked as it is read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from understudy.errors import ExportError

Info = TypeVar("Info", bound=BaseModel)


def read_section(path: Path, model: type[Info]) -> Info:
    """The section as `model`.

    Raises:
        ExportError: the file is not there, or holds something else.
    """
    try:
        return model.model_validate(json.loads(path.read_text(encoding="utf-8"))["understudy"])
    except OSError as error:
        raise ExportError(f"{path}: cannot be read: {error.strerror or error}") from None
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ExportError(f"{path}: not valid JSON: {error}; export again") from None
    except (KeyError, TypeError):
        raise ExportError(f"{path}: has no section `understudy`; only what `understudy export` wrote can be read back") from None
    except ValidationError as error:
        place = ".".join(str(p) for p in error.errors()[0]["loc"])
        raise ExportError(f"{path}: understudy.{place}: {error.errors()[0]['msg']}; export again") from None

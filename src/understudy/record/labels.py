"""What is said of a take: the schema's metadata fields, filled from what the operator gave."""

from __future__ import annotations

from collections.abc import Mapping

from understudy.errors import InputError, SchemaError, UnknownNameError
from understudy.spec.episode import MetadataValue
from understudy.spec.schema import MetadataField, Schema
from understudy.store.names import path_name

UNLABELLED = "unlabelled"
TASK = "task_id"


def asked_fields(schema: Schema) -> dict[str, MetadataField]:
    """The fields that an operator must fill: required ones."""
    return {name: field for name, field in schema.metadata.items() if field.required}


def fill(schema: Schema, given: Mapping[str, str]) -> tuple[dict[str, MetadataValue], list[str]]:
    """Metadata as the schema wants it, and the names of what nobody gave and stands as `unlabelled`.

    Args:
        schema: of the dataset.
        given: field to text; an empty text is none.

    Raises:
        UnknownNameError: a field that the schema does not have.
        SchemaError: a value that the field cannot take, or none for one that cannot be `unlabelled`.
        InputError: a task that cannot be a folder.
    """
    out: dict[str, MetadataValue] = {}
    for name, text in given.items():
        if name not in schema.metadata:
            raise UnknownNameError("metadata field of the schema", name, schema.metadata)
        if text:
            out[name] = _value(name, text, schema.metadata[name])
    missing = [name for name in asked_fields(schema) if name not in out]
    for name in missing:
        field = schema.metadata[name]
        if field.type != "string" or field.allowed:
            wanted = f"one of {', '.join(field.allowed)}" if field.allowed else f"a {field.type}"
            raise SchemaError(f"metadata {name}: {wanted} is needed; give it with --set {name}=VALUE")
        out[name] = UNLABELLED
    path_name(str(out.get(TASK, UNLABELLED)), what="task")
    return out, missing


def _value(name: str, text: str, field: MetadataField) -> MetadataValue:
    if field.allowed and text not in field.allowed:
        raise SchemaError(f"metadata {name}: {text!r} is not one of {', '.join(field.allowed)}")
    try:
        if field.type == "number":
            return float(text)
        if field.type == "integer":
            return int(text)
    except ValueError:
        raise SchemaError(f"metadata {name}: {text!r} is no {field.type}") from None
    if field.type == "boolean":
        if text.lower() not in ("true", "false"):
            raise SchemaError(f"metadata {name}: {text!r}; write true or false")
        return text.lower() == "true"
    if not text.isprintable() or len(text) > 1000:
        raise InputError(f"metadata {name}: a text of up to 1000 letters in one line is needed")
    return text

"""Between frozen dataclasses, plain dictionaries and TOML text."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform, get_args, get_type_hints

import tomli_w
from pydantic import ConfigDict, TypeAdapter, ValidationError

from maskdcpt.errors import UserError, nearest

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def configuration(cls: type[T]) -> type[T]:
    """Makes a class a frozen keyword-only dataclass that ``from_dict`` checks strictly."""
    cls.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[attr-defined]
    return dataclasses.dataclass(frozen=True, kw_only=True)(cls)


def from_dict(cls: type[T], values: Mapping[str, object], *, where: str) -> T:
    """Builds a (nested) configuration from plain values, each checked against its type hint.

    Args:
        cls: The class to build, made by ``configuration``.
        values: Field name to value; nested dataclasses are nested mappings. What is left out keeps its default.
        where: Where the values come from, for the message.

    Raises:
        UserError: On an unknown field (naming the nearest), a wrong type or a value that the dataclass refuses.
    """
    # Strict JSON is the mode that takes what files can say (lists for tuples, tables for dataclasses) and no more.
    text = json.dumps(values, default=repr)
    try:
        return TypeAdapter(cls).validate_json(text)
    except ValidationError as error:
        raise UserError(f"{where}: {_first_fault(cls, error)}") from None


def to_dict(config: DataclassInstance) -> dict[str, Any]:
    """The plain values of a dataclass, nested, without fields that are None; ``from_dict`` reads them back."""
    values: dict[str, Any] = _without_none(dataclasses.asdict(config))
    return values


def read_toml(path: Path) -> dict[str, Any]:
    """Reads a TOML file.

    Raises:
        UserError: If it is missing or not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a TOML file: {error}") from None


def to_toml(config: DataclassInstance) -> str:
    """A dataclass as TOML text."""
    return tomli_w.dumps(to_dict(config))


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level of dotted names, as the command line writes them."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= flatten(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(entry) for key, entry in value.items() if entry is not None}
    return [_without_none(entry) for entry in value] if isinstance(value, tuple | list) else value


def _first_fault(cls: type, error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    *parents, name = [str(part) for part in fault["loc"]] or [""]
    if fault["type"] in ("union_tag_not_found", "union_tag_invalid"):
        known = [kind.name for kind in get_args(_follow(cls, [*parents, name])[0])]
        given = fault.get("ctx", {}).get("tag")
        problem = "missing" if given is None else f"{given!r} does not exist"
        return f"{'.'.join((*parents, name))}.name: {problem}{nearest(given or '', known)}"
    holder, path = _follow(cls, parents)
    place = ".".join((*path, name))
    if fault["type"] == "unexpected_keyword_argument":
        return f"no setting is called {place!r}{nearest(name, [field.name for field in dataclasses.fields(holder)])}"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{place}: {message}, not {fault['input']!r}" if fault["type"] != "value_error" else message


def _follow(cls: Any, parts: list[str]) -> tuple[Any, list[str]]:
    """The type at a place in a configuration, and the place as its users write it, without the tags of unions."""
    path = []
    for part in parts:
        if isinstance(cls, UnionType):
            cls = next(kind for kind in get_args(cls) if kind.name == part)
        elif part.isdigit():  # a place in a tuple of configurations
            cls = next(iter(get_args(cls)), None)
            path.append(part)
        else:
            cls = get_type_hints(cls).get(part) if dataclasses.is_dataclass(cls) else None
            path.append(part)
    return cls, path

"""Typed configuration: frozen dataclasses, TOML files, errors that name the place and the nearest right word."""

from maskdcpt.config.convert import configuration, flatten, from_dict, read_toml, to_dict, to_toml

__all__ = ["configuration", "flatten", "from_dict", "read_toml", "to_dict", "to_toml"]

"""From templates and values to one HTML file with everything inside it."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from PIL import Image
from torch import Tensor

from maskdcpt.errors import UserError
from maskdcpt.files import atomic_file, write_bytes


class Picture(NamedTuple):
    """An image on a page."""

    caption: str
    """What it shows, a few words."""
    source: str
    """The image itself as a data URI."""


class Strip(NamedTuple):
    """Pictures of one thing side by side."""

    title: str
    """What they have in common."""
    pictures: list[Picture]
    """From left to right."""


def picture(caption: str, image: Tensor, quality: int = 92) -> Picture:
    """Puts an image (3, H, W), values clamped to [0, 1], on a page; WebP at a quality that hides no artefact.

    Args:
        caption: What it shows.
        image: The image.
        quality: Of the file, where many pictures have to be small.
    """
    pixels = image.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).cpu().numpy()
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "WEBP", quality=quality)
    return Picture(caption, data_uri("image/webp", data.getvalue()))


def data_uri(mime: str, data: bytes) -> str:
    """Bytes as text that a page can hold."""
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def require_new_page(path: Path, force: bool) -> None:
    """Checks that a page can be written, before the work that it will show, and makes its folder.

    Raises:
        UserError: If something is there that is not to be replaced.
    """
    if path.is_dir():
        raise UserError(f"{path}: a page needs a file, and this is a folder")
    if path.exists() and not force:
        raise UserError(f"{path} exists; --force replaces it")
    path.parent.mkdir(parents=True, exist_ok=True)


def write_page(path: Path, template: str, **values: object) -> Path:
    """Renders a template of this package to a file.

    Args:
        path: The file.
        template: Name of the template.
        values: What the template shows; a name it needs and does not get is an error.
    """
    environment = Environment(
        loader=PackageLoader("maskdcpt.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    text = environment.get_template(template).render(**values)
    with atomic_file(path) as temporary:
        write_bytes(temporary, text.encode(errors="backslashreplace"))  # names of files need not be text
    return path

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
from maskdcpt.files import atomic_file, write_pieces

HEAD = 1024
"""Bytes from the beginning of a page in which its mark stands."""


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
    return Picture(caption, data_uri("image/webp", webp(to_bytes(image), quality)))


def to_bytes(image: Tensor) -> Image.Image:
    """An image (3, H, W), values clamped to [0, 1], with eight bits a value.

    In single precision, as a photo of 24 megapixels would else need most of a gigabyte on the way.
    """
    return Image.fromarray(image.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).cpu().numpy())


def webp(image: Image.Image, quality: int) -> bytes:
    """The WebP file of an image."""
    data = io.BytesIO()
    image.save(data, "WEBP", quality=quality)
    return data.getvalue()


def data_uri(mime: str, data: bytes) -> str:
    """Bytes as text that a page can hold."""
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def require_new_page(path: Path, force: bool, mark: str = "") -> None:
    """Checks that a page can be written, before the work that it will show, and makes its folder.

    Args:
        path: The file.
        force: Whether whatever is there may be replaced.
        mark: As for ``write_page``; a page that was written with it is replaced in any case.

    Raises:
        UserError: If something is there that is not to be replaced.
    """
    if path.is_dir():
        raise UserError(f"{path}: a page needs a file, and this is a folder")
    if path.exists() and not force and not _has_mark(path, mark):
        raise UserError(f"{path} exists; --force replaces it")
    path.parent.mkdir(parents=True, exist_ok=True)


def write_page(path: Path, template: str, mark: str = "", **values: object) -> Path:
    """Renders a template of this package to a file.

    Args:
        path: The file.
        template: Name of the template.
        mark: Letters and digits by which the page is known later as one about the same; it is not shown.
        values: What the template shows; a name it needs and does not get is an error.
    """
    environment = Environment(
        loader=PackageLoader("maskdcpt.reports"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    stream = environment.get_template(template).stream(mark=mark, **values)
    stream.enable_buffering()
    with atomic_file(path) as temporary:
        # Piece by piece, for a page can be large; and names of files need not be text.
        write_pieces(temporary, (piece.encode(errors="backslashreplace") for piece in stream))
    return path


def _has_mark(path: Path, mark: str) -> bool:
    if not mark or not path.is_file():
        return False
    with path.open("rb") as file:
        return f'<meta name="maskdcpt" content="{mark}">'.encode() in file.read(HEAD)

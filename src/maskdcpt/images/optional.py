"""Formats that need a package that is not installed with this one."""

from __future__ import annotations

from maskdcpt.errors import UserError


def register_heif() -> None:
    """Makes Pillow read and write HEIC.

    Raises:
        UserError: If the package that does it is not there.
    """
    try:
        import pillow_heif
    except ImportError:
        raise UserError('HEIC files need the package pillow-heif: pip install "maskdcpt[heif]"') from None
    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)

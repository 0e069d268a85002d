"""Pictures on disk and in memory, and the one form they have inside: RGB (3, H, W), float32 in [0, 1]."""

from maskdcpt.images.batch import BatchReport, pair_files, refuse_existing, refuse_originals, work_through
from maskdcpt.images.decode import Picture
from maskdcpt.images.discover import list_images
from maskdcpt.images.forms import LUMA, ImageT, from_tensor, to_pil, to_tensor
from maskdcpt.images.io import FORMATS, decode_image, format_of, read_image, write_image
from maskdcpt.images.naming import Naming, find_images

__all__ = [
    "FORMATS",
    "LUMA",
    "BatchReport",
    "ImageT",
    "Naming",
    "Picture",
    "decode_image",
    "find_images",
    "format_of",
    "from_tensor",
    "list_images",
    "pair_files",
    "read_image",
    "refuse_existing",
    "refuse_originals",
    "to_pil",
    "to_tensor",
    "work_through",
    "write_image",
]

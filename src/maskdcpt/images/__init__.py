"""Pictures on disk and in memory, and the one form they have inside: RGB (3, H, W), float32 in [0, 1]."""

from maskdcpt.images.batch import BatchReport, is_single, pair_files, refuse_existing, refuse_originals, work_through
from maskdcpt.images.discover import Listing, images_by_name, list_images, look_into, walk_folder
from maskdcpt.images.document import Document, Frame, decode_document
from maskdcpt.images.encode import Encoded
from maskdcpt.images.formats import FORMATS, SUFFIXES, format_named, format_of, is_image
from maskdcpt.images.forms import LUMA, Array, ImageT, from_tensor, to_pil, to_tensor
from maskdcpt.images.io import decode_image, read_document, read_image, write_document, write_image
from maskdcpt.images.limits import TooManyPixels, pixel_limit
from maskdcpt.images.memory import Held, hold, hold_file
from maskdcpt.images.naming import SAME_NAMES, Naming, find_images
from maskdcpt.images.picture import Picture
from maskdcpt.images.size import image_size

__all__ = [
    "FORMATS",
    "LUMA",
    "SAME_NAMES",
    "SUFFIXES",
    "Array",
    "BatchReport",
    "Document",
    "Encoded",
    "Frame",
    "Held",
    "ImageT",
    "Listing",
    "Naming",
    "Picture",
    "TooManyPixels",
    "decode_document",
    "decode_image",
    "find_images",
    "format_named",
    "format_of",
    "from_tensor",
    "hold",
    "hold_file",
    "image_size",
    "images_by_name",
    "is_image",
    "is_single",
    "list_images",
    "look_into",
    "pair_files",
    "pixel_limit",
    "read_document",
    "read_image",
    "refuse_existing",
    "refuse_originals",
    "to_pil",
    "to_tensor",
    "walk_folder",
    "work_through",
    "write_document",
    "write_image",
]

"""Image files made by other means than the package's own, and what independent readers find in files."""

import io
import zlib

import cv2
import imagecodecs
import numpy as np
import tifffile
from PIL import ExifTags, Image, ImageCms

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
P3 = bytes(
    imagecodecs.cms_profile(
        "rgb",
        whitepoint=(0.3127, 0.3290, 1),
        primaries=(0.680, 0.320, 1, 0.265, 0.690, 1, 0.150, 0.060, 1),
        gamma=2.2,
    )
)
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="1" xmp:Rating="4"/>'
    b"</rdf:RDF></x:xmpmeta>"
)
CHANNELS = {"grey": 1, "grey+alpha": 2, "rgb": 3, "rgb+alpha": 4}


def scene(height=24, width=31, channels=3, dtype=np.uint8, seed=0):
    """Samples (H, W, C): smooth colours with noise, over the whole range of the type."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width]
    waves = np.stack([np.sin(rows / (5 + k)) * np.cos(columns / (7 - k)) for k in range(channels)], 2) / 2 + 0.5
    values = (waves + rng.normal(0, 0.05, waves.shape)).clip(0, 1)
    if dtype == np.float32:
        return values.astype(np.float32)
    most = np.iinfo(dtype).max
    return (values * most).round().astype(dtype)


def camera_exif(orientation=1):
    """EXIF as a camera writes it, with a maker's note and a position."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Maker"
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.IFD.Exif] = {
        ExifTags.Base.DateTimeOriginal: "2020:02:02 20:20:20",
        ExifTags.Base.MakerNote: b"note\1",
    }
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: "N", ExifTags.GPS.GPSLatitude: (47.0, 22.0, 5.0)}
    return exif


def pillow(samples):
    return Image.fromarray(samples[..., 0] if samples.shape[2] == 1 else samples)


def saved(image, name, **options):
    file = io.BytesIO()
    image.save(file, name, **options)
    return file.getvalue()


def made(name, samples):
    """A file of a format that holds samples exactly, by whatever library can do it."""
    channels, deep = samples.shape[2], samples.dtype != np.uint8
    if name == "TIFF":
        file = io.BytesIO()
        extra = ["unassalpha"] if channels % 2 == 0 else None
        kind = "rgb" if channels > 2 else "minisblack"
        options = {"compression": "lzw", "predictor": True} if samples.dtype.kind == "u" else {}
        options |= {"planarconfig": "contig"} if channels > 1 else {}
        tifffile.imwrite(file, samples.squeeze(), photometric=kind, extrasamples=extra, **options)
        return file.getvalue()
    if name == "PNG" and deep:
        return bytes(imagecodecs.png_encode(samples.squeeze(2) if channels == 1 else samples))
    if name in ("PPM", "PGM", "PFM"):
        return cv2.imencode(f".{name.lower()}", samples[..., ::-1])[1].tobytes()
    if name == "PAM":
        header = f"P7\n# a comment\nWIDTH {samples.shape[1]}\nHEIGHT {samples.shape[0]}\nDEPTH {channels}\n"
        most = np.iinfo(samples.dtype).max
        return f"{header}MAXVAL {most}\nENDHDR\n".encode() + samples.astype(samples.dtype.newbyteorder(">")).tobytes()
    options = {"WEBP": {"lossless": True, "exact": True}}.get(name, {})
    return saved(pillow(samples), name, **options)


def samples_in(data, name):
    """Samples (H, W, C) of a file, read by another library than the package does."""
    if name == "TIFF":
        return tifffile.imread(io.BytesIO(data)).reshape(*tifffile.TiffFile(io.BytesIO(data)).pages[0].shape[:2], -1)
    if name == "PNG":
        image = imagecodecs.png_decode(data)
        return image if image.ndim == 3 else image[..., None]
    if name in ("PPM", "PGM", "PFM"):
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        return image[..., ::-1] if image.ndim == 3 else image[..., None]
    if name == "PAM":
        header, _, body = data.partition(b"ENDHDR\n")
        words = header.split()
        width, height, channels, most = (
            int(words[words.index(key) + 1]) for key in (b"WIDTH", b"HEIGHT", b"DEPTH", b"MAXVAL")
        )
        return np.frombuffer(body, np.uint8 if most < 256 else ">u2").reshape(height, width, channels)
    image = np.asarray(Image.open(io.BytesIO(data)))
    return image if image.ndim == 3 else image[..., None]


def png_with(data, kind, content):
    """A PNG file with one more chunk behind its header."""
    chunk = len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)
    return data[:33] + chunk + data[33:]

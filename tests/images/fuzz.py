"""Damaged image files without end: each has to be read whole or refused in one line, within a time limit.

`python tests/images/fuzz.py --count 20000` tries that many in processes of their own, so that a crash or hang of one is
seen and told with the number from which it can be made again.
"""

import argparse
import io
import os
import resource
import selectors
import subprocess
import sys
import tempfile
import warnings
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import tifffile
from image_files import P3, SRGB, XMP, camera_exif, made, pillow, saved, scene

from maskdcpt.errors import UserError
from maskdcpt.images import decode_document

SECONDS = 60.0
"""How long one sample may take."""

MEMORY = 6 << 30
"""Bytes of address space that a process may take."""


def corpus():
    """Whole files of every kind that is read: name to bytes."""
    samples = scene(20, 23)
    exif = camera_exif(6).tobytes()
    frames = [pillow(scene(20, 23, seed=seed)) for seed in range(3)]
    many = {"save_all": True, "append_images": frames[1:], "duration": [40, 80, 120]}
    files = {
        f"png {c}x{d.__name__}": made("PNG", scene(20, 23, c, d)) for c in range(1, 5) for d in (np.uint8, np.uint16)
    }
    files |= {
        f"tiff {c}x{d.__name__}": made("TIFF", scene(20, 23, c, d))
        for c in range(1, 5)
        for d in (np.uint8, np.uint16, np.float32)
    }
    files |= {f"pam {c}": made("PAM", scene(20, 23, c, np.uint16)) for c in range(1, 5)}
    files |= {"ppm": made("PPM", samples), "pgm": made("PGM", scene(20, 23, 1, np.uint16))}
    files |= {"pfm": made("PFM", scene(20, 23, 3, np.float32)), "pbm": b"P4\n23 20\n" + bytes(range(60))}
    files |= {"plain ppm": b"P3 # plain\n2 2\n255\n" + b"1 2 3 " * 4, "plain pbm": b"P1\n3 2\n1 0 1\n0 1 0\n"}
    photo = frames[0]
    files |= {
        "jpeg": saved(photo, "JPEG", exif=exif, icc_profile=P3, xmp=XMP, comment=b"text"),
        "jpeg progressive": saved(photo, "JPEG", progressive=True),
        "jpeg grey": saved(photo.convert("L"), "JPEG"),
        "jpeg cmyk": saved(photo.convert("CMYK"), "JPEG"),
        "mpo": saved(photo, "MPO", save_all=True, append_images=frames[1:2]),
        "png all": saved(photo, "PNG", exif=exif, icc_profile=SRGB, dpi=(300, 300)),
        "png palette": saved(photo.quantize(16), "PNG", transparency=3),
        "png bits": saved(photo.convert("1"), "PNG"),
        "apng": saved(photo, "PNG", loop=2, **many),
        "webp": saved(photo, "WEBP", exif=exif, icc_profile=P3, xmp=XMP),
        "webp lossless": saved(photo.convert("RGBA"), "WEBP", lossless=True),
        "webp animation": saved(photo, "WEBP", **many),
        "gif": saved(photo, "GIF"),
        "gif animation": saved(photo, "GIF", loop=0, comment=b"text", **many),
        "bmp": saved(photo, "BMP"),
        "bmp palette": saved(photo.quantize(16), "BMP"),
        "avif": saved(photo, "AVIF", exif=exif, icc_profile=P3),
        "avif animation": saved(photo, "AVIF", **many),
        "tiff exif": saved(photo, "TIFF", exif=exif, icc_profile=P3),
        "tiff jpeg": saved(photo, "TIFF", compression="jpeg"),
        "tiff fax": saved(photo.convert("1"), "TIFF", compression="group4"),
        "tiff cmyk": saved(photo.convert("CMYK"), "TIFF", compression="tiff_adobe_deflate"),
        "tiff pages": saved(photo, "TIFF", save_all=True, append_images=[each.copy() for each in frames[1:]]),
        "tiff planes": _tiff(
            np.moveaxis(scene(20, 23, 3, np.uint16), 2, 0), planarconfig="separate", photometric="rgb"
        ),
        "tiff tiles": _tiff(scene(40, 40, 3, np.uint16), tile=(16, 16), compression="zlib", photometric="rgb"),
        "bigtiff": _tiff(scene(20, 23, 3, np.uint16), bigtiff=True, photometric="rgb"),
    }
    try:
        import pillow_heif
    except ImportError:
        return files
    pillow_heif.register_heif_opener()
    return files | {"heic": saved(photo, "HEIF", exif=exif, icc_profile=P3)}


def mutated(data, rng, others):
    """A file damaged in one to three ways."""
    for _ in range(rng.integers(1, 4)):
        data = _MUTATIONS[rng.integers(len(_MUTATIONS))](bytearray(data), rng, others)
        if not data:
            return b""
    return _with_checksums(bytes(data)) if rng.random() < 0.7 else bytes(data)


def outcome(data):
    """ "whole", "refused", or what went wrong. A file that is read is also written again."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            document = decode_document(data, "sample", limit=1 << 22)
            pixels = [frame.pixels for frame in document.frames]
            if not all(each.isfinite().all() and each.min() >= 0 and each.max() <= 1 for each in pixels):
                return "values outside [0, 1]"
            document.encode(pixels)
    except UserError as error:
        message = str(error)
        return "refused" if message.startswith("sample: ") and "\n" not in message else f"message {message!r}"
    return "whole"


def sample(files, number):
    """The sample of a number: the name of the file that was damaged, and the damaged file."""
    rng = np.random.default_rng(number)
    names = list(files)
    name = names[number % len(names)]
    return name, mutated(files[name], rng, list(files.values()))


def _tiff(samples, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, samples, **options)
    return file.getvalue()


def _cut(data, rng, others):
    return data[: rng.integers(len(data) + 1)]


def _flip_bits(data, rng, others):
    for place in rng.integers(0, len(data), rng.integers(1, 9)):
        data[place] ^= 1 << rng.integers(8)
    return data


def _edit_header(data, rng, others):
    for place in rng.integers(0, min(len(data), 200), rng.integers(1, 5)):
        data[place] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.integers(256)])
    return data


def _edit_number(data, rng, others):
    # Lengths, counts and offsets: an extreme or slightly other number of two or four bytes, in either order.
    size, order = int(rng.choice([2, 4])), str(rng.choice(["little", "big"]))
    place = int(rng.integers(max(1, min(len(data), 600) - size)))
    old = int.from_bytes(data[place : place + size], order)
    most = 256**size - 1
    new = int(rng.choice([0, 1, most, most // 2, max(0, old - 1), min(most, old + 1), min(most, old * 2)]))
    data[place : place + size] = new.to_bytes(size, order)
    return data


def _zero_run(data, rng, others):
    start = rng.integers(len(data))
    length = min(len(data) - start, rng.integers(1, 400))
    data[start : start + length] = bytes(int(length))
    return data


def _swap(data, rng, others):
    one, other = sorted(int(place) for place in rng.integers(0, len(data), 2))
    length = int(rng.integers(1, 65))
    return (
        data[:one]
        + data[other : other + length]
        + data[one + length : other]
        + data[one : one + length]
        + data[other + length :]
    )


def _repeat(data, rng, others):
    start = int(rng.integers(len(data)))
    return data[:start] + data[start : start + 100] * int(rng.integers(2, 6)) + data[start + 100 :]


def _splice(data, rng, others):
    other = others[rng.integers(len(others))]
    start, length = int(rng.integers(len(other))), int(rng.integers(1, 200))
    place = int(rng.integers(len(data)))
    return data[:place] + other[start : start + length] + data[place + length :]


_MUTATIONS = (_cut, _flip_bits, _edit_header, _edit_number, _zero_run, _swap, _repeat, _splice)


def _with_checksums(data):
    # Damaged chunks of PNG files would all be refused by their checksums otherwise.
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return data
    result, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4])
        if end + 4 > len(data):
            break
        result += data[at:end] + zlib.crc32(data[at + 4 : end]).to_bytes(4)
        at = end + 4
    return bytes(result + data[at:])


def _work(first, count):
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    files = corpus()
    for number in range(first, first + count):
        name, data = sample(files, number)
        print(f"begin {number} {name}", flush=True)
        try:
            result = outcome(data)
        except BaseException as error:
            result = f"{type(error).__name__}: {error}"
        print(f"end {result}".replace("\n", " "), flush=True)


def _watch(first, count):
    # Runs samples in one process; returns how many were done and what became of them.
    results, at, name = [], first, ""
    command = [sys.executable, __file__, "--work", "--first", str(first), "--count", str(count)]
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"TMPDIR": folder, "PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder, env=environment)
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                if not selector.select(SECONDS + 300 * (not name)):  # the first sample waits for the imports
                    process.kill()
                    results.append((at, name, "hangs"))
                    break
                word, _, rest = process.stdout.readline().decode().rstrip().partition(" ")
                if word == "begin":
                    at, name = int(rest.split()[0]), rest.split(" ", 1)[1]
                elif word == "end":
                    results.append((at, name, rest))
                else:
                    break
        errors = process.communicate()[1].decode()
        if not name:
            raise RuntimeError(f"no sample could be made: {errors[-300:]}")
        if process.returncode and (not results or results[-1][2] != "hangs"):
            results.append((at, name, f"the process ended with {process.returncode}: {errors[-300:]}"))
        elif errors:
            results.append((at, name, f"standard error: {errors[-300:]}"))
        left = list(Path(folder).rglob("*"))
        if left:
            results.append((at, name, f"left files: {left}"))
    return at + 1 - first, results


def main():
    """Tries samples and prints how many had which outcome, and every one that had a bad one."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        _work(options.first, options.count)
        return 0
    counts, bad, at = Counter(), 0, options.first
    while at < options.first + options.count:
        done, results = _watch(at, min(500, options.first + options.count - at))
        at += done
        for number, name, result in results:
            good = result in ("whole", "refused")
            counts[(name, result if good else "bad")] += 1
            if not good:
                bad += 1
                print(f"{number} {name}: {result}", flush=True)
    for outcome_name in ("whole", "refused", "bad"):
        print(outcome_name, sum(count for (_, result), count in counts.items() if result == outcome_name))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

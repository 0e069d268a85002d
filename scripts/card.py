"""What the card of weights says, from what was measured of them."""

import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from math import isfinite, sqrt
from pathlib import Path
from statistics import fmean, median, stdev
from typing import NamedTuple

import jinja2
import numpy as np

from maskdcpt.classes import CLEAN
from maskdcpt.data.labels import class_title
from maskdcpt.degradations import CATALOGUE
from maskdcpt.evaluation.bootstrap import Estimate, estimate, resampled_means
from maskdcpt.evaluation.synthetic import SEEN
from maskdcpt.files import read_json

ROWS, FACTS, CARD = "measured.csv", "measured.json", "README.md"
COLUMNS = ("set", "protocol", "group", "type", "level", "image", "named")
LEAST_TYPES, LEAST_GAIN, LEAST_NAMED, LEAST_CLEAN, MOST_BYTES, MOST_SECONDS = 17, 3.0, 0.9, 39.5, 12e6, 10.0
HARDLY = 0.1
"""A gain of less, either way, leaves images practically as they were; in dB."""


class Outcome(NamedTuple):
    """What was measured of something that the weights have to reach."""

    words: str
    """What they have to reach."""
    measured: str
    """What was measured, with its unit."""
    reached: bool
    """Whether that is enough."""
    interval: str = ""
    """Its interval, where what is to be reached lies within."""


def render(folder: Path, facts: dict, rows: list[dict]) -> str:
    """The card."""
    sets = [part(name, facts, rows) for name in ("development", "confirmation") if name in facts["sets"]]
    photos = [row for row in rows if row["protocol"] == "photos"]
    files = [path for path in folder.iterdir() if path.name not in (CARD, ROWS, FACTS)]
    types = [each for one in sets for each in one["types"]]
    text = {
        "facts": facts,
        "sets": sets,
        "types": list(zip(*(one["types"] for one in sets), strict=True)),
        "held_out": list(zip(*(one["held_out"] for one in sets), strict=True)),
        "levels": sorted({row["level"] for row in rows if row["protocol"] == "synthetic-19" and row["group"] != SEEN}),
        "lost": titles(types, lambda gain: gain <= 0),
        "hardly": titles(types, lambda gain: abs(gain) < HARDLY),
        "least": HARDLY,
        "some": " on one set of images at least" if len(sets) > 1 else "",
        "photos": line("photos", photos),
        "better": sum(row["restored_piqe"] < row["input_piqe"] for row in photos),
        "size": sum(path.stat().st_size for path in files),
        "calibration": read_json(path) if (path := folder / "calibration.json").is_file() else None,
    }
    text["criteria"] = list(criteria(text))
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, undefined=jinja2.StrictUndefined, trim_blocks=True)
    environment.filters["plus_minus"] = lambda each: plus_minus(each["gain"], each["error"])
    return environment.get_template("card-template.md").render(text)


def line(title: str, rows: list[dict]) -> dict:
    """Means of rows, and how sure the mean gain is."""
    told = [row for row in rows if row["named"]]
    wrong = Counter(row["named"] for row in told if not right(row))
    judged = [row for row in rows if changed(row)]
    means = {
        key: fmean(by_image(judged, lambda row, key=key: row[key]).values()) for key in rows[0] if key not in COLUMNS
    }
    gains = list(by_image(judged, gain).values()) if "restored_psnr" in means else []
    return {
        "title": title,
        "cases": len(rows),
        "named": fmean(map(right, told)) if told else None,
        "wrong": f"{class_title(wrong.most_common(1)[0][0])} ({wrong.most_common(1)[0][1]})" if wrong else "",
        "gain": fmean(gains) if gains else None,
        "error": standard_error(gains),
        **means,
    }


def gain(row: dict) -> float:
    """What restoring has gained, in dB."""
    return row["restored_psnr"] - row["input_psnr"]


def changed(row: dict) -> bool:
    """Whether damage has changed anything; where weak damage changes no pixel, the PSNR of the input has no end."""
    return isfinite(row.get("input_psnr", 0.0))


def right(row: dict) -> bool:
    """Whether the type is named rightly."""
    return CATALOGUE.name_the_same(row["named"], row["type"])


def by_image(rows: list[dict], value: Callable[[dict], float]) -> dict[str, float]:
    """Means image by image: what was measured of one image at several levels is not as good as of several images."""
    found = defaultdict(list)
    for row in rows:
        found[row["image"].split("/", 1)[1]].append(value(row))
    return {image: fmean(values) for image, values in found.items()}


def standard_error(values: Sequence[float]) -> float | None:
    """That of the mean of images."""
    return stdev(values) / sqrt(len(values)) if len(values) > 1 else None


def plus_minus(value: float, error: float | None) -> str:
    """A gain with its standard error."""
    return f"{value:+.2f}" + (f" ± {error:.2f}" if error is not None else "")


def titles(types: list[dict], which: Callable[[float], bool]) -> list[str]:
    """Types with such a gain on some of the images, in order."""
    return list(dict.fromkeys(each["title"] for each in types if which(each["gain"])))


def part(name: str, facts: dict, rows: list[dict]) -> dict:
    """What the card tells of a set of clean images."""
    synthetic = [row for row in rows if row["set"] == name and row["protocol"] == "synthetic-19"]
    clean = [row for row in rows if row["set"] == name and row["protocol"] == "clean"]
    seen, held_out = ([row for row in synthetic if (row["group"] == SEEN) is wanted] for wanted in (True, False))
    of_type = [[row for row in seen if row["type"] == entry.name and changed(row)] for entry in CATALOGUE]
    by_type = [by_image(own, gain) for own in of_type]
    for entry, gains in zip(CATALOGUE, by_type, strict=True):
        for image in sorted({image for each in by_type for image in each} - gains.keys()):
            sys.exit(
                f"{image}: no level of {entry.name} changes it, so that it has no gain; leave it out of the images"
            )
    types, others = (
        [line(entry.title, own) for entry in CATALOGUE if (own := [r for r in group if r["type"] == entry.name])]
        for group in (seen, held_out)
    )
    return {
        **facts["sets"][name],
        "role": name,
        "types": types,
        "held_out": others,
        "gains": {image: [gains[image] for gains in by_type] for image in by_type[0]},
        "named": {"": synthetic, ", at levels of training": seen, ", at levels held out from it": held_out},
        "unchanged": [row for row in synthetic if not changed(row)],
        "clean": by_image(clean, lambda row: row["restored_psnr"]),
        "named_clean": sum(row["named"] == CLEAN for row in clean),
    }


def spread(values: dict[str, float | list[float]], of: Callable[[np.ndarray], np.ndarray]) -> Estimate:
    """What follows from the means of values of images, with its interval over draws of these images."""
    columns = np.array(list(values.values()), dtype=float).reshape(len(values), -1)
    found = float(of(columns.mean(axis=0, keepdims=True))[0])
    return estimate(found, of(resampled_means(columns, list(values))), len(values))


def outcome(words: str, measured: str, found: Estimate, least: float) -> Outcome:
    """Whether a value is at least as large as it has to be, with its interval where that is within."""
    unsure = found.low is not None and found.low < least <= found.high
    return Outcome(words, measured, found.mean >= least, f"{found.low:.3g} to {found.high:.3g}" if unsure else "")


def criteria(text: dict) -> Iterator[list[Outcome | None]]:
    """What the weights have to reach: for each of it what came out, with every set of clean images that tells of it."""
    yield from (list(each) for each in zip(*map(of_images, text["sets"]), strict=True))
    others = [None] * (len(text["sets"]) - 1)
    yield from ([each, *others] for each in of_weights(text))


def of_images(found: dict) -> Iterator[Outcome]:
    """What a set of clean images tells."""
    gains = [each["gain"] for each in found["types"]]
    hardly = sum(0 < value < HARDLY for value in gains)
    won = spread(found["gains"], lambda means: (means > 0).sum(axis=1))
    value = f"{won.mean:.0f} of {len(gains)}{f' ({hardly} by less than {HARDLY:g} dB)' if hardly else ''}"
    yield outcome(f"better than the damaged input on {LEAST_TYPES} of 19 types", value, won, LEAST_TYPES)
    mean = spread(found["gains"], lambda means: means.mean(axis=1))
    error = standard_error([fmean(values) for values in found["gains"].values()])
    value = f"{plus_minus(mean.mean, error)} dB (median {median(gains):+.2f})"
    yield outcome(f"by {LEAST_GAIN:g} dB on average over types", value, mean, LEAST_GAIN)
    for which, rows in found["named"].items():
        words = f"names the right type for {100 * LEAST_NAMED:.0f} % of images{which}"
        told = [row for row in rows if row["named"]]
        if not told:  # without a classifier none is named
            yield Outcome(words, "-", False)
            continue
        named = spread(by_image(told, right), lambda means: 100 * means[:, 0])
        value = f"{named.mean:.1f} % ({sum(map(right, told))} of {len(told)})"
        yield outcome(words, value, named, 100 * LEAST_NAMED)
    clean = spread(found["clean"], lambda means: means[:, 0])
    yield outcome(f"gives clean images back at {LEAST_CLEAN:g} dB", f"{clean.mean:.2f} dB", clean, LEAST_CLEAN)


def of_weights(text: dict) -> Iterator[Outcome]:
    """What real photos tell, and what the weights cost."""
    facts, photos = text["facts"], text["photos"]
    before, after = photos["input_piqe"], photos["restored_piqe"]
    yield Outcome("improves PIQE (less is better) on real photos", f"{before:.1f} to {after:.1f}", after < before)
    flawless = facts["flawless"]
    value = "not looked at" if flawless is None else f"{flawless} of {photos['cases']}"
    yield Outcome("real photos without visible artefacts: all", value, flawless == photos["cases"])
    size, threads = text["size"], facts["threads"]
    yield Outcome(f"at most {MOST_BYTES / 1e6:g} MB", f"{size / 1e6:.1f} MB", size <= MOST_BYTES)
    value, enough = f"{facts['seconds']:.1f} s, threads: {threads}", facts["seconds"] <= MOST_SECONDS
    yield Outcome(f"1024 x 1024 pixels in {MOST_SECONDS:g} s", value, enough)

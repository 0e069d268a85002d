"""The page of restored photos: nothing from outside, bounded in size and memory, gone on with after interruptions."""

import base64
import io
import json
import re
import shutil
import subprocess
import weakref
from dataclasses import replace
from html.parser import HTMLParser

import pytest
import torch
from PIL import Image

from maskdcpt.data import sample_photo
from maskdcpt.degradations import GaussianNoise, apply
from maskdcpt.errors import UserError
from maskdcpt.inference.verdict import Verdict
from maskdcpt.metrics import piqe
from maskdcpt.reports import RestorationEntry, RestorationReport, previews, restoration, write_restoration

ABOUT = {"weights": "runs/finetune"}
VERDICT = Verdict({"haze": 0.75, "snow": 0.2, "jpeg": 0.04, "noise": 0.01}, False, False, "damaged by haze, I'd say")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


def noise(*size, seed=0):
    return torch.rand(3, *size, generator=torch.Generator().manual_seed(seed))


def entry(name="a.png", **values):
    return replace(RestorationEntry(name, noise(40, 60), noise(40, 60, seed=1), VERDICT), **values)


class Page(HTMLParser):
    """Tags and attributes of a page, and the text outside its scripts and styles."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.text, self._inside = [], "", ""
        self.feed(path.read_text())

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._inside = tag

    def handle_data(self, data):
        if self._inside not in ("script", "style"):
            self.text += data

    def all(self, tag, kind=None):
        return [each for name, each in self.tags if name == tag and (kind is None or kind in each.get("class", ""))]

    @property
    def cards(self):
        return self.all("article", "card")

    @property
    def images(self):
        return [decode(each["src"]) for each in self.all("img")]


def decode(source):
    data = base64.b64decode(source.removeprefix("data:image/webp;base64,"), validate=True)
    return Image.open(io.BytesIO(data))


def test_a_photo_is_told_whole(tmp_path):
    path = write_restoration(tmp_path / "p.html", [entry(notes=("alpha dropped",), seconds=1.25)], about=ABOUT)
    page = Page(path)
    before, after = (piqe(noise(40, 60, seed=seed)).item() for seed in (0, 1))
    for text in (
        "haze 75\N{NO-BREAK SPACE}%, snow 20\N{NO-BREAK SPACE}%, jpeg 4\N{NO-BREAK SPACE}%",
        VERDICT.reason,
        "Note: alpha dropped",
        "60 x 40",
        "; 1.2 s",
    ):
        assert text in page.text
    assert f"PIQE {before:.1f} → {after:.1f}" in page.text
    assert "lower is better" in page.text
    assert "noise 1\N{NO-BREAK SPACE}%" not in page.text  # the three most likely
    assert page.cards[0]["data-type"] == "haze"
    assert page.cards[0]["data-marks"].split()[:2] == ["restored", "notes"]
    assert [image.size for image in page.images] == [(60, 40), (60, 40)]
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_comes_from_outside(tmp_path):
    page = Page(write_restoration(tmp_path / "p.html", [entry()], about=ABOUT))
    for tag, attributes in page.tags:
        assert tag not in ("link", "iframe", "object", "base")
        for name in ("src", "href", "srcset", "poster", "action"):
            assert attributes.get(name, "data:").startswith("data:")
    assert "url(" not in (tmp_path / "p.html").read_text()


@pytest.mark.parametrize("text", ['<b id="x">', "</script><script>alert(1)</script>", "\udcff", '" onclick="x'])
def test_names_and_notes_are_text_whatever_they_hold(tmp_path, text):
    verdict = replace(VERDICT, types={text: 1.0}, reason=text)
    path = tmp_path / "p.html"
    write_restoration(path, [entry(text, notes=(text,), verdict=verdict)], about={text: text}, failures=[text])
    page = Page(path)
    assert not [each for _, each in page.tags if each.get("id") == "x" or "onclick" in each]
    assert len(page.all("script")) == 1
    assert page.cards[0]["data-name"] == text.replace("\udcff", "\\udcff")


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        ({"after": None}, {"untouched"}),
        ({"verdict": replace(VERDICT, clean=True)}, {"restored", "clean"}),
        ({"verdict": replace(VERDICT, unfamiliar=True)}, {"restored", "unfamiliar"}),
        ({"verdict": replace(VERDICT, clean=None, unfamiliar=None)}, {"restored"}),
        ({"verdict": None}, {"restored"}),
        ({"notes": ("x",)}, {"restored", "notes"}),
    ],
)
def test_photos_can_be_filtered_by_what_is_true_of_them(tmp_path, values, marks):
    page = Page(write_restoration(tmp_path / "p.html", [entry(**values)], about=ABOUT))
    assert set(page.cards[0]["data-marks"].split()) - {"worse"} == marks


@pytest.mark.parametrize("worse", [True, False])
def test_whether_piqe_rose_is_marked(tmp_path, worse):
    smooth = torch.nn.functional.interpolate(noise(6, 6)[None], size=(96, 96), mode="bicubic")[0].clamp(0, 1)
    pair = (smooth, (smooth + 0.2 * noise(96, 96)).clamp(0, 1))
    before, after = pair if piqe(pair[0]) < piqe(pair[1]) else reversed(pair)
    both = (before, after) if worse else (after, before)
    page = Page(write_restoration(tmp_path / "p.html", [entry(before=both[0], after=both[1])], about=ABOUT))
    assert ("worse" in page.cards[0]["data-marks"]) == worse
    assert (float(page.cards[0]["data-change"]) > 0) == worse


def test_of_a_large_photo_the_part_that_changed_most_is_shown_pixel_for_pixel(tmp_path):
    before = torch.full((3, 700, 1400), 0.5)
    after = before.clone()
    after[:, 300:460, 1100:1300] = 0.9
    page = Page(write_restoration(tmp_path / "p.html", [entry(before=before, after=after)], about=ABOUT))
    whole, _, detail, changed = page.images
    assert whole.size == (previews.WHOLE, previews.WHOLE // 2)
    assert detail.size == (previews.DETAIL, previews.DETAIL)
    bright = torch.frombuffer(bytearray(changed.convert("L").tobytes()), dtype=torch.uint8) > 180
    assert bright.sum().item() == pytest.approx(160 * 200, rel=0.05)  # all of it, at its real size
    assert "(+0.0)" in page.text  # PIQE of the flat middle is the same
    assert "worse" not in page.cards[0]["data-marks"]


@pytest.mark.parametrize("size", [(1, 1), (15, 400), (641, 3), (3, 641), (17, 5000), (640, 20), (641, 20)])
@pytest.mark.parametrize("untouched", [False, True])
def test_every_size_has_its_pictures(tmp_path, size, untouched):
    before = noise(*size)
    page = Page(
        write_restoration(
            tmp_path / "p.html", [entry(before=before, after=None if untouched else 1 - before)], about=ABOUT
        )
    )
    large = max(size) > previews.WHOLE
    assert len(page.images) == (1 if untouched else 2) * (2 if large else 1)
    assert all(max(image.size) <= previews.WHOLE for image in page.images)
    assert ("PIQE -" in page.text) == (min(size) < 16)


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_pillow_images_are_shown_as_they_look(tmp_path, mode):
    image = Image.new("RGB", (30, 20), (255, 255, 255)).convert(mode)
    page = Page(write_restoration(tmp_path / "p.html", [entry(before=image, after=image)], about=ABOUT))
    assert [each.convert("RGB").getpixel((3, 3)) for each in page.images] == [(255, 255, 255)] * 2


@pytest.mark.parametrize("size", [(1000, 1500), (640, 640)])
def test_300_photos_of_the_noisiest_kind_stay_below_40_megabytes(size):
    photo = torch.nn.functional.interpolate(sample_photo("chelsea")[None], size, mode="bilinear")[0]
    both = [previews.as_photo(apply(photo, GaussianNoise(75), seed)) for seed in (0, 1)]
    assert 300 * previews.make_previews(*both).characters < 39_000_000


def test_both_sides_have_one_quality():
    noisy = previews.as_photo(noise(320, 320))
    found = previews.make_previews(noisy, previews.as_photo(torch.full((3, 320, 320), 0.5)))
    alone = previews.make_previews(noisy, noisy)
    assert len(found.before) > len(alone.before)  # what one leaves over, the other takes


def test_photos_beyond_the_pages_room_are_listed_without_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(restoration, "CHARACTERS", 10_000)
    page = Page(write_restoration(tmp_path / "p.html", [entry(str(n)) for n in range(9)], about=ABOUT))
    pictured = len(page.all("img")) // 2
    assert 0 < pictured < 9 == len(page.cards)
    assert f"room for the pictures of {pictured} photos" in page.text


def test_photos_are_taken_one_at_a_time(tmp_path):
    alive, most = [], 0

    def entries():
        nonlocal most
        for number in range(6):
            photo = Image.effect_noise((64, 64), 50).convert("RGB")
            alive.append(weakref.ref(photo))
            yield entry(str(number), before=photo, after=photo)
            del photo
            most = max(most, sum(ref() is not None for ref in alive))

    write_restoration(tmp_path / "p.html", entries(), about=ABOUT)
    assert most <= 2


def test_an_interrupted_page_is_gone_on_with(tmp_path):
    whole = [entry(str(number), before=noise(20, 20, seed=number), after=None) for number in range(4)]
    expected = write_restoration(tmp_path / "whole.html", whole, about=ABOUT).read_text()
    first = RestorationReport(tmp_path / "p.html", ABOUT)
    for each in whole[:2]:
        first.add(each)
    with (tmp_path / "p.html.entries").open("ab") as file:
        file.write(b'{"name": "2", "typ')  # killed while it wrote
    second = RestorationReport(tmp_path / "p.html", ABOUT)
    for each in whole[2:]:
        second.add(each)
    assert second.write().read_text() == expected
    assert not (tmp_path / "p.html.entries").exists()


def test_the_later_of_two_entries_of_a_photo_counts(tmp_path):
    entries = [entry("a", notes=("first",)), entry("b"), entry("a", notes=("second",))]
    page = Page(write_restoration(tmp_path / "p.html", entries, about=ABOUT))
    assert [each["data-name"] for each in page.cards] == ["b", "a"]
    assert "first" not in page.text
    assert "2 photos: 2 restored" in page.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps({"about": {"weights": "others"}}), "entries of another page"),
        (json.dumps({"no": "about"}), "line 1 is damaged; remove the file"),
        (json.dumps({"about": ABOUT}) + "\n[]", "line 2 is damaged; remove the file"),
        (json.dumps({"about": ABOUT}) + "\nnothing", "line 2 is damaged; remove the file"),
    ],
)
def test_entries_of_another_page_or_damaged_ones_are_refused(tmp_path, text, message):
    (tmp_path / "p.html.entries").write_text(f"{text}\n")
    with pytest.raises(UserError, match=message) as error:
        RestorationReport(tmp_path / "p.html", ABOUT)
    assert str(tmp_path / "p.html.entries") in str(error.value)


def test_sizes_that_differ_are_refused_by_name(tmp_path):
    with pytest.raises(UserError, match=r"a\.png: before and after are of one size, not 60 x 40 and 41 x 40 pixels"):
        write_restoration(tmp_path / "p.html", [entry(after=noise(40, 41))], about=ABOUT)


def test_failures_stand_on_the_page_even_if_nothing_was_restored(tmp_path):
    page = Page(write_restoration(tmp_path / "p.html", [], about=ABOUT, failures=["x.png: not an image"]))
    assert "0 photos: 0 restored, 1 not restored" in page.text
    assert "x.png: not an image" in page.text


DRIVE = """
<script>
window.onerror = message => { document.body.dataset.error = message; };
(async () => {
  const found = {}, card = document.querySelector("[data-name='b.png']"), pair = card.querySelector(".pair");
  const split = () => pair.style.getPropertyValue("--split");
  const range = card.querySelector("input[type=range]");
  range.value = 80; range.dispatchEvent(new Event("input", { bubbles: true }));
  found.ranged = split();
  const area = pair.getBoundingClientRect();
  const at = (type, x) => pair.dispatchEvent(new PointerEvent(type, { bubbles: true, button: 0,
    clientX: area.left + x * area.width, clientY: area.top + 5 }));
  at("pointerdown", 0.5); at("pointermove", 0.25); at("pointerup", 0.25);
  found.dragged = split(); found.range = range.value;
  const dialog = document.querySelector("dialog");
  found.openAfterDrag = dialog.open;
  at("pointerdown", 0.5); at("pointerup", 0.5);
  for (let waited = 0; waited < 100 && !dialog.open; waited++) await new Promise(done => setTimeout(done, 50));
  found.open = dialog.open;
  const large = dialog.querySelector(".pair");
  found.width = large.getBoundingClientRect().width;
  dialog.querySelector("[data-zoom='4']").click();
  found.enlarged = large.getBoundingClientRect().width;
  dialog.querySelector(".close").click();
  found.closed = !dialog.open;
  const form = document.querySelector(".filters");
  const choose = (name, value) => {
    form.elements[name].value = value; form.dispatchEvent(new Event("input", { bubbles: true }));
    return [...document.querySelectorAll(".card")].filter(each => !each.hidden).map(each => each.dataset.name).join();
  };
  found.unfamiliar = choose("mark", "unfamiliar"); choose("mark", "");
  found.text = choose("text", "C.PN"); choose("text", "");
  found.type = choose("type", "snow"); choose("type", "");
  found.names = choose("order", "name");
  found.wide = document.documentElement.scrollWidth > innerWidth;
  document.body.dataset.found = JSON.stringify(found);
})();
</script>
"""


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here to open the page in")
@pytest.mark.parametrize("width", [420, 1200])
def test_in_a_browser_the_slider_zoom_and_filters_work(tmp_path, width):
    entries = [
        entry("c.png", verdict=replace(VERDICT, unfamiliar=True)),
        entry("b.png", before=torch.full((3, 700, 900), 0.2), after=torch.full((3, 700, 900), 0.7)),
        entry("a.png", verdict=replace(VERDICT, types={"snow": 1.0}), after=None),
    ]
    path = write_restoration(tmp_path / "p.html", entries, about=ABOUT)
    path.write_text(path.read_text().replace("</body>", f"{DRIVE}</body>"))
    words = f"--headless --no-sandbox --disable-gpu --no-first-run --user-data-dir={tmp_path / 'profile'} --dump-dom"
    words += f" --window-size={width},900 --virtual-time-budget=9000 {path.as_uri()}"
    dom = subprocess.run([CHROMIUM, *words.split()], capture_output=True, text=True, check=True, timeout=120).stdout
    assert "data-error" not in dom
    found = json.loads(re.search(r'data-found="(.*?)"', dom)[1].replace("&quot;", '"'))
    assert found == {
        "ranged": "80%",
        "dragged": "25%",
        "range": "25",
        "openAfterDrag": False,
        "open": True,
        "width": previews.DETAIL,
        "enlarged": 4 * previews.DETAIL,
        "closed": True,
        "unfamiliar": "c.png",
        "text": "c.png",
        "type": "a.png",
        "names": "a.png,b.png,c.png",
        "wide": False,
    }

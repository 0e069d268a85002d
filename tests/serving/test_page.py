"""The page for people: driven in a browser, and attacked behind its back."""

import io
import shutil
import threading
import zipfile

import pytest
from PIL import Image

from maskdcpt.data.procedural import procedural_image
from maskdcpt.images import read_image, write_image

httpx = pytest.importorskip("httpx", reason="needs the extra 'ui', which `make test` installs")

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)


@pytest.fixture
def visit(server):
    """Opens the page at a width in a browser; returns it with a list of what it has asked of other machines."""
    if not CHROMIUM:
        pytest.skip("needs Chromium: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright, which `make test` installs")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])

        def open_page(width):
            page = browser.new_page(viewport={"width": width, "height": 900}, accept_downloads=True)
            page.set_default_timeout(60_000)
            foreign = []
            page.on(
                "request", lambda request: foreign.append(request.url) if _is_foreign(server, request.url) else None
            )
            page.goto(f"{server.address}/app/")
            page.wait_for_selector("#photos input[type=file]", state="attached")
            return page, foreign

        yield open_page
        browser.close()


def _is_foreign(server, url):
    return not url.startswith((f"{server.address}/", "data:", "blob:"))


@pytest.fixture
def photos(tmp_path):
    """Two photos of one name, and a file that is none."""
    paths = [tmp_path / folder / "photo.png" for folder in ("a", "b")]
    for seed, path in enumerate(paths):
        path.parent.mkdir()
        write_image(procedural_image(seed, (60, 80)), path)
    broken = tmp_path / "<img src=x onerror=alert(1)>.jpg"
    broken.write_bytes(b"no image")
    return [*paths, broken]


@pytest.mark.slow
@pytest.mark.parametrize("width", [1200, 420])
def test_photos_are_restored_compared_and_downloaded(visit, photos, tmp_path, width):
    page, foreign = visit(width)
    page.on("dialog", lambda dialog: pytest.fail("a file's name became a script"))
    page.set_input_files("#photos input[type=file]", photos)
    page.get_by_text("2 of 3 photos restored.").wait_for()
    assert "not an image that can be read" in page.locator("#status").inner_text()

    pictures = page.locator("#slider img")
    assert pictures.count() == 2
    page.wait_for_function("[...document.querySelectorAll('#slider img')].every(image => image.naturalWidth === 80)")
    assert "%" in page.locator("#damage").inner_text()

    # The part of the restored image that is seen follows the handle.
    def cut():
        return pictures.nth(1).evaluate("image => image.style.clipPath")

    before = cut()
    handle = page.locator("#slider [data-testid=slider] .inner, #slider [data-testid=slider]").first.bounding_box()
    place = (handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
    page.mouse.move(*place)
    page.mouse.down()
    page.mouse.move(place[0] - 80, place[1], steps=5)
    page.mouse.up()
    assert cut() != before

    with page.expect_download() as download:
        page.locator("#download").click()
    download.value.save_as(tmp_path / "one.png")
    assert read_image(tmp_path / "one.png").pixels.shape == (3, 60, 80)
    with page.expect_download() as download:
        page.locator("#download-all").click()
    download.value.save_as(tmp_path / "all.zip")
    with zipfile.ZipFile(tmp_path / "all.zip") as archive:
        assert archive.namelist() == ["1-photo-restored.png", "2-photo-restored.png"]
        first, second = (Image.open(io.BytesIO(archive.read(name))) for name in archive.namelist())
    assert first.tobytes() == Image.open(tmp_path / "one.png").tobytes() != second.tobytes()

    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, "the page does not fit its window"
    assert foreign == []


def test_the_documentation_fetches_nothing_from_elsewhere(server):
    page = httpx.get(f"{server.address}/docs").text
    assert "swagger-ui" in page
    assert "//cdn" not in page
    assert "https://" not in page
    assert set(httpx.get(f"{server.address}/openapi.json").json()["paths"]) == {
        "/v1/restore",
        "/v1/classify",
        "/health",
        "/metrics",
    }


@pytest.mark.parametrize(
    "path",
    [
        "gradio_api/file=/etc/passwd",
        "gradio_api/file=../../../../etc/passwd",
        "gradio_api/file=%2Fetc%2Fpasswd",
        "gradio_api/file=%252Fetc%252Fpasswd",
        "gradio_api/file=http://127.0.0.1:1/",
        "gradio_api/file=file:///etc/passwd",
        "gradio_api/proxy=http://127.0.0.1:1/",
        "gradio_api/component_server",
        "gradio_api/vibe-code",
        "gradio_api/runs",
        "monitoring",
        "static/..%2f..%2f..%2f..%2fetc/passwd",
        "assets/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "gradio_api/upload/../file=/etc/passwd",
    ],
)
def test_nothing_outside_the_folder_of_uploads_is_served(server, path):
    answer = _raw(server, path)
    assert answer.status_code in (400, 403, 404), answer.text
    assert "root:" not in answer.text


def _raw(server, path):
    # httpx would tidy the path up.
    request = httpx.Request("GET", server.address, extensions={"target": f"/app/{path}".encode()})
    with httpx.Client() as client:
        return client.send(request)


@pytest.mark.parametrize(
    "file",
    [
        {"path": "/etc/passwd"},
        {"path": "/etc/hostname", "url": "http://127.0.0.1:1/x.png"},
        {"path": "http://127.0.0.1:1/x.png", "url": "http://127.0.0.1:1/x.png"},
        {"path": "../../../etc/passwd"},
    ],
)
def test_a_path_in_a_request_is_not_opened(server, file):
    base = f"{server.address}/app/gradio_api"
    config = httpx.get(f"{server.address}/app/config").json()
    number = next(index for index, each in enumerate(config["dependencies"]) if len(each["inputs"]) == 2)
    data = [[{**file, "orig_name": "x.png", "meta": {"_type": "gradio.FileData"}}], 1]
    body = {"data": data, "fn_index": number, "session_hash": "attacker", "trigger_id": 1}
    joined = httpx.post(f"{base}/queue/join", json=body)
    text = joined.text
    if joined.status_code == 200:
        with httpx.stream("GET", f"{base}/queue/data", params={"session_hash": "attacker"}, timeout=30) as events:
            for line in events.iter_lines():
                text += line
                if "process_completed" in line:
                    break
        assert '"success":false' in text
    assert "restored" not in text
    assert "root:" not in text


def test_uploads_beyond_the_limit_are_refused(server):
    answer = httpx.post(f"{server.address}/app/gradio_api/upload", files={"files": ("x.png", bytes(2**20 + 1))})
    assert answer.status_code == 413
    name = "../../../../tmp/maskdcpt-escaped.png"
    (kept,) = httpx.post(f"{server.address}/app/gradio_api/upload", files={"files": (name, b"x")}).json()
    assert "/maskdcpt-serve-" in kept
    assert ".." not in kept


def test_many_visitors_at_once_do_not_block_health(server):
    uploads = [
        threading.Thread(
            target=httpx.post,
            args=(f"{server.address}/app/gradio_api/upload",),
            kwargs={"files": {"files": (f"{number}.png", bytes(500_000))}, "timeout": 60},
        )
        for number in range(20)
    ]
    for upload in uploads:
        upload.start()
    assert httpx.get(f"{server.address}/health", timeout=20).status_code == 200
    for upload in uploads:
        upload.join()

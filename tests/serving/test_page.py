"""The page for people: driven in a browser, and attacked behind its back."""

import io
import json
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
    page.locator("#damage").get_by_text("%").first.wait_for()

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


SUBMISSION = {"orig_name": "x.png", "meta": {"_type": "gradio.FileData"}}


@pytest.mark.parametrize("place", ["files", "strength", "beside"])
@pytest.mark.parametrize(
    "path",
    [
        "/etc/hostname",
        "http://127.0.0.1:1/x.png",
        "../../etc/hostname",
        "{folder}/../../etc/hostname",
        "",
        None,
        ["/etc"],
    ],
)
def test_no_file_but_an_upload_reaches_the_page(server, path, place):
    if isinstance(path, str):
        path = path.format(folder=upload(server, b"x").rpartition("/")[0])
    file = {**SUBMISSION, "path": path}
    data = {"files": [[file], 1], "strength": [[], file], "beside": [[], 1]}[place]
    extra = {"event_data": {"deep": [file]}} if place == "beside" else {}
    answer = submit(server, data, **extra)
    assert answer.status_code == 403
    assert list(answer.json()) == ["error"]


def test_an_upload_reaches_the_page(server):
    answer = submit(server, [[{**SUBMISSION, "path": upload(server, b"x")}], 1])
    assert "event_id" in answer.json()


@pytest.mark.parametrize("body", [b"{", b"[" * 100_000, b"\xff", b'{"data": [[], NaN]}'])
def test_a_submission_that_is_no_json_is_refused(server, body):
    answer = httpx.post(f"{server.address}/app/gradio_api/queue/join", content=body)
    assert (answer.status_code, answer.json()) == (400, {"error": "not JSON"})


def test_what_is_passed_on_is_what_was_checked(tmp_path):
    from maskdcpt.serving.submissions import checked_submission

    twice = f'{{"path": "/etc/hostname", "path": "{tmp_path}/x"}}'.encode()
    assert json.loads(checked_submission(twice, tmp_path.resolve())) == {"path": f"{tmp_path}/x"}
    assert b"/etc" not in checked_submission(twice, tmp_path.resolve())


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    from maskdcpt.serving.submissions import is_within

    (tmp_path / "link").symlink_to("/etc/hostname")
    assert is_within(f"{tmp_path}/x", tmp_path.resolve())
    assert not is_within(f"{tmp_path}/link", tmp_path.resolve())
    assert not is_within(f"{tmp_path}/\ud800", tmp_path.resolve())  # which JSON can say, and no file be called


def upload(server, data):
    (path,) = httpx.post(f"{server.address}/app/gradio_api/upload", files={"files": ("x.png", data)}).json()
    return path


def submit(server, data, **extra):
    config = httpx.get(f"{server.address}/app/config").json()
    body = {"data": data, "fn_index": config["dependencies"][0]["id"], "session_hash": "someone", "trigger_id": 1}
    return httpx.post(f"{server.address}/app/gradio_api/queue/join", json=body | extra)


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

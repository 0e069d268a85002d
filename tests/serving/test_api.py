"""The interface for programs over real connections: results, refusals, and staying alive."""

import asyncio
import io
import json
import socket
import struct
import time
import zlib

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from maskdcpt.data.procedural import procedural_image
from maskdcpt.images import FORMATS, decode_document, decode_image, format_named, to_pil
from maskdcpt.inference import Restorer

httpx = pytest.importorskip("httpx", reason="needs the extra 'ui', which `make test` installs")


def photo(name="PNG", size=(40, 56), **options):
    data = io.BytesIO()
    to_pil(procedural_image(1, size)).save(data, name, **options)
    return data.getvalue()


def bomb(width, height):
    """A PNG of which only the size is there: all its pixels would be zeros."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes(10_000))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def film(count, side):
    """A GIF of many frames, small as a file."""
    data = io.BytesIO()
    frames = [Image.new("L", (side, side), number) for number in range(count)]
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:])
    return data.getvalue()


def post(server, path="/v1/restore", data=b"", **options):
    return httpx.post(server.address + path, content=data, timeout=60, **options)


def refused(answer, status):
    """Asserts that an answer is a refusal in one line, and returns that."""
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    assert "\n" not in answer.json()["error"]
    assert "Traceback" not in answer.text
    return answer.json()["error"]


def test_what_comes_back_is_what_the_network_makes(server, weights):
    data = photo()
    answer = post(server, data=data)
    assert answer.status_code == 200
    restorer = Restorer.from_pretrained(weights, device="cpu")
    image = decode_image(data, "image").pixels
    expected, verdict = restorer.restore(image), restorer.examine(image)
    assert torch.equal(decode_image(answer.content, "answer").pixels, decode_image(_png(expected), "").pixels)
    found = json.loads(answer.headers["X-Verdict"])
    assert found.pop("types") == pytest.approx(verdict.types)
    assert found == {"clean": None, "unfamiliar": None, "reason": verdict.reason}
    assert answer.headers["Content-Disposition"] == 'attachment; filename="restored.png"'
    half = decode_image(post(server, "/v1/restore?strength=0.5", data).content, "").pixels
    assert (half - torch.lerp(image, expected, 0.5)).abs().max() <= 0.51 / 255
    untouched = decode_image(post(server, "/v1/restore?strength=0", data).content, "").pixels
    assert torch.equal(untouched, image)


@pytest.mark.parametrize("name", sorted(set(FORMATS.values()) - {"HEIF"}))
def test_the_format_stays_unless_another_is_asked_for(server, name):
    like = decode_document(photo(), "image")
    data = like.encode([like.frames[0].pixels], name).data
    for path, sent in (("/v1/restore", data), (f"/v1/restore?format={name.lower()}", photo("PPM"))):
        answer = post(server, path, sent)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == format_named(name).media_type
        assert decode_document(answer.content, "answer").format == name


def test_damage_is_named_and_what_is_lost_said(server):
    data = io.BytesIO()
    Image.new("LA", (9, 7)).save(data, "PNG")
    answer = post(server, "/v1/classify", data.getvalue())
    assert answer.status_code == 200
    values = answer.json()
    assert sum(values["types"].values()) == pytest.approx(1)
    assert list(values["types"].values()) == sorted(values["types"].values(), reverse=True)
    assert (values["width"], values["height"], values["frames"]) == (9, 7, 1)
    assert next(iter(values["types"])) in values["reason"]
    restored = post(server, "/v1/restore?format=jpeg&quality=50", data.getvalue())
    assert json.loads(restored.headers["X-Verdict"]).items() <= values.items()
    (note,) = json.loads(restored.headers["X-Notes"])
    assert "JPEG" in note


def test_depth_opacity_and_what_the_file_says_stay(server):
    before = photo(size=(12, 16))
    document = decode_document(before, "image")
    deep = document.encode([document.frames[0].pixels], depth=16).data
    assert decode_document(post(server, data=deep).content, "answer").depth == 16
    assert decode_document(post(server, "/v1/restore?depth=8", deep).content, "answer").depth == 8
    data = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "a harbour"
    Image.new("RGBA", (9, 7), (200, 40, 30, 99)).save(data, "PNG", exif=exif)
    after = Image.open(io.BytesIO(post(server, data=data.getvalue()).content))
    assert after.getpixel((4, 3))[3] == 99
    assert after.getexif()[0x010E] == "a harbour"
    bare = Image.open(io.BytesIO(post(server, "/v1/restore?metadata=false", data.getvalue()).content))
    assert 0x010E not in bare.getexif()


def test_every_frame_is_restored(server, weights):
    shots = [to_pil(procedural_image(seed, (16, 20))) for seed in range(3)]
    data = io.BytesIO()
    shots[0].save(data, "PNG", save_all=True, append_images=shots[1:], duration=[40, 60, 80], loop=2)
    assert post(server, "/v1/classify", data.getvalue()).json()["frames"] == 3
    after = decode_document(post(server, data=data.getvalue()).content, "answer")
    restorer = Restorer.from_pretrained(weights, device="cpu")
    assert [frame.duration for frame in after.frames] == [40, 60, 80]
    for shot, frame in zip(shots, after.frames, strict=True):
        expected = np.asarray(restorer.restore(shot), dtype=int)
        assert np.abs(np.asarray(to_pil(frame.pixels), dtype=int) - expected).max() <= 1


@pytest.mark.parametrize("path", ["/v1/restore", "/v1/classify"])
@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        (b"", 400, "the body is empty"),
        (b"hello", 422, "not an image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>", 422, "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file", 422, "not an image"),
        (photo()[:300], 422, "damaged or cut short"),
        (photo("JPEG")[:-2], 422, "damaged or cut short"),
        (bomb(710, 710), 413, "more than 500,000 pixels"),
        (bomb(30_000, 30_000), 413, "more than 500,000 pixels"),
        (bomb(2**31 - 1, 2**31 - 1), 413, "more than 500,000 pixels"),
        (film(8, 300), 413, "more than 500,000 pixels, frames together"),
        (photo("BMP", (760, 700)), 413, "larger than 1 MiB"),
    ],
    ids=[
        "empty",
        "text",
        "svg",
        "postscript",
        "png cut",
        "jpeg cut",
        "large",
        "bomb",
        "large bomb",
        "film",
        "large file",
    ],
)
def test_bad_uploads_are_refused(server, path, data, status, message):
    assert message in refused(post(server, path, data), status)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("strength=2", "strength: "),
        ("strength=nan", "strength: "),
        ("format=exe", "format: "),
        ("format=..%2Fx", "format: "),
        ("quality=0", "quality: "),
        ("depth=12", "depth: "),
        ("format=jpeg&depth=16", "JPEG holds 8 bits"),
    ],
)
def test_bad_parameters_are_refused(server, query, message):
    assert refused(post(server, f"/v1/restore?{query}", photo()), 422).removeprefix("image: ").startswith(message)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_images_are_restored_or_refused(server, data):
    name = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "TIFF", "BMP", "PPM", "GIF", "AVIF"]))
    image = bytearray(photo(name, (12, 16)))
    for place, value in data.draw(st.lists(st.tuples(st.integers(0, len(image) - 1), st.integers(0, 255)), max_size=6)):
        image[place] = value
    answer = post(server, data=bytes(image[: data.draw(st.integers(1, len(image)))]))
    if answer.status_code == 200:
        assert decode_image(answer.content, "").pixels.isfinite().all()
    else:
        refused(answer, 413 if "pixels, frames" in answer.text else 422)


def test_a_form_is_refused_with_what_to_send(server):
    answer = httpx.post(f"{server.address}/v1/restore", files={"file": photo()})
    assert "--data-binary" in refused(answer, 415)


def test_a_body_without_a_length_is_cut_off_at_the_limit(server):
    def endless():
        while True:
            yield bytes(2**16)

    try:
        answer = httpx.post(f"{server.address}/v1/restore", content=endless(), timeout=60)
    except httpx.TransportError:
        return  # cut off while sending
    assert "larger than 1 MiB" in refused(answer, 413)


def test_a_body_that_comes_too_slowly_is_given_up(faulty):
    with socket.create_connection(("127.0.0.1", faulty.port)) as line:
        line.sendall(b"POST /v1/restore HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\nwork")
        line.settimeout(20)
        assert line.recv(1000).startswith(b"HTTP/1.1 408 ")
    assert post(faulty, data=b"work done").content == b"done"


@pytest.mark.parametrize(
    ("data", "status", "message"),
    [
        (b"crash", 500, "has ended"),
        (b"fail", 500, "the server's log says why"),
        (b"refuse", 422, "a reason"),
        (b"sleep 60", 504, "2 s, which is the limit"),
    ],
)
def test_the_server_outlives_its_workers(faulty, data, status, message):
    assert message in refused(post(faulty, data=data), status)
    assert post(faulty, data=b"work done").content == b"done"


def test_work_is_dropped_when_the_client_goes(faulty):
    names = (
        'maskdcpt_dropped_total{reason="client gone"}',
        'maskdcpt_requests_total{route="/v1/restore",status="499"}',
    )
    before = [faulty.metric(name) for name in names]
    with socket.create_connection(("127.0.0.1", faulty.port)) as line:
        line.sendall(b"POST /v1/restore HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9\r\n\r\nsleep 1.9")
        time.sleep(0.3)
        assert faulty.metric("maskdcpt_requests_in_house") == 1
    time.sleep(0.3)
    assert faulty.metric("maskdcpt_requests_in_house") == 0
    assert [faulty.metric(name) for name in names] == [count + 1 for count in before]


@pytest.mark.slow
def test_a_hundred_at_once_are_all_served_in_the_end(server):
    data = photo(size=(24, 24))
    expected = post(server, data=data).content
    busy = 0

    async def insist(client):
        nonlocal busy
        while (answer := await client.post("/v1/restore", content=data)).status_code == 503:
            busy += 1
            await asyncio.sleep(float(answer.headers["Retry-After"]))
        return answer.content

    async def crowd():
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(base_url=server.address, limits=limits, timeout=120) as client:
            return await asyncio.gather(*(insist(client) for _ in range(100)))

    assert set(asyncio.run(crowd())) == {expected}
    assert busy > 0, "the queue holds 16"
    assert server.metric("maskdcpt_requests_in_house") == 0
    assert server.metric("maskdcpt_worker_restarts_total") == 0


def test_health_and_metrics(server):
    assert httpx.get(f"{server.address}/health").json() == {"status": "ok", "workers": 1, "waiting": 0}
    before = server.metric('maskdcpt_requests_total{route="/v1/classify",status="200"}')
    post(server, "/v1/classify", photo())
    assert server.metric('maskdcpt_requests_total{route="/v1/classify",status="200"}') == before + 1


@pytest.mark.parametrize(
    ("path", "query", "headers", "data", "status"),
    [
        ("/v1/restore", "?strength=2", {}, photo(), 422),
        ("/v1/restore", "", {}, b"hello", 422),
        ("/v1/classify", "", {}, b"", 400),
        ("/v1/classify", "", {"Origin": "null"}, photo(), 403),
    ],
)
def test_whoever_refuses_a_request_it_is_counted_once(server, path, query, headers, data, status):
    name = f'maskdcpt_requests_total{{route="{path}",status="{status}"}}'
    before = server.metric(name)
    refused(post(server, path + query, data, headers=headers), status)
    assert server.metric(name) == before + 1


def test_other_names_and_other_sites_are_refused(server):
    for host in ("evil.example", "localhost.evil.example", "169.254.169.254", ""):
        refused(httpx.get(f"{server.address}/health", headers={"Host": host}), 400)
    for host in ("localhost", f"LOCALHOST:{server.port}", "[::1]:80"):
        assert httpx.get(f"{server.address}/health", headers={"Host": host}).status_code == 200
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "http://["):
        refused(post(server, data=photo(), headers={"Origin": origin}), 403)
    assert post(server, data=photo(), headers={"Origin": server.address}).status_code == 200


@pytest.mark.parametrize(
    ("target", "origin", "status"),
    [("/v1/restore?strength=2", "", b"422"), ("/v1/restore", "Origin: null\r\n", b"403")],
)
def test_who_is_refused_while_still_sending_sees_the_answer(server, target, origin, status):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\n{origin}Content-Length: 600000\r\n\r\n"
        client.sendall(head.encode())
        for _ in range(3):
            time.sleep(0.1)
            client.sendall(bytes(200_000))
        assert client.recv(100).split()[1] == status


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/restore"), ("DELETE", "/health"), ("GET", "/nothing")])
def test_other_routes_and_methods_are_refused_alike(server, method, path):
    refused(httpx.request(method, server.address + path), 404 if path == "/nothing" else 405)


def test_every_answer_keeps_browsers_from_other_places(server):
    for path in ("/health", "/nothing", "/app/", "/docs", "/openapi.json", "/app/nothing"):
        headers = httpx.get(server.address + path).headers
        assert "default-src 'self'" in headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert headers["X-Content-Type-Options"] == "nosniff"


def _png(pixels):
    data = io.BytesIO()
    Image.fromarray(np.asarray(to_pil(pixels))).save(data, "PNG")
    return data.getvalue()

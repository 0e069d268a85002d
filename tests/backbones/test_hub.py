"""Saving, loading and publishing: one format on disk and on the Hub, and one line for whatever goes wrong between."""

import base64
import json
import re
import threading
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub import ModelCard
from test_contract import TINY

import maskdcpt
from maskdcpt.backbones import Backbone, NAFNet, adapt, load_backbone, save_backbone
from maskdcpt.backbones.presets import FAMILIES
from maskdcpt.cli.main import main
from maskdcpt.errors import UserError
from maskdcpt.images import read_image, write_image

ID = "somebody/tiny-v1.0"


@pytest.fixture(params=sorted(TINY))
def net(request) -> Backbone:
    return maskdcpt.create_backbone(request.param, **TINY[request.param])


@pytest.fixture
def nafnet() -> Backbone:
    return maskdcpt.create_backbone("nafnet", **TINY["nafnet"])


class FakeHub:
    """What the Hub answers, from memory: models with their files, made and changed by commits."""

    def __init__(self):
        self.models: dict[str, dict[str, bytes]] = {}
        self.refusals: dict[str, tuple[int, dict[str, str]]] = {}
        """Model to the status and headers that all requests for it get."""
        self.requests: list[str] = []

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        self.requests.append(f"{method} {path}")
        for model, (status, headers) in self.refusals.items():
            if model in path:
                return status, headers, b"{}"
        if path == "/api/validate-yaml":
            return self.json({"errors": [], "warnings": []})
        if path == "/api/repos/create":
            wanted = json.loads(body)
            model = f"{wanted['organization']}/{wanted['name']}"
            self.models.setdefault(model, {})
            return self.json({"url": f"{huggingface_hub.constants.ENDPOINT}/{model}", "name": model, "id": "1"})
        _, model, action, *rest = re.fullmatch(r"(/api/models)?/([^/]+/[^/]+)(?:/([^/]+)/(.*))?", path).groups()
        if model not in self.models:
            return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"
        files = self.models[model]
        commit = self.commit(files)
        if action is None or action == "revision":
            if rest[0] not in (None, "main", commit):
                return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
            return self.json({"id": model, "sha": commit, "siblings": [{"rfilename": name} for name in files]})
        if action == "tree":
            return self.json(
                [{"type": "file", "path": n, "size": len(f), "oid": self.oid(f)} for n, f in files.items()]
            )
        if action == "preupload":
            names = [file["path"] for file in json.loads(body)["files"]]
            return self.json({"files": [{"path": n, "uploadMode": "regular", "shouldIgnore": False} for n in names]})
        if action == "commit":
            for line in body.splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
            return self.json(
                {
                    "commitUrl": f"{huggingface_hub.constants.ENDPOINT}/{model}/commit/{self.commit(files)}",
                    "commitOid": commit,
                }
            )
        assert action == "resolve"
        name = rest[0].split("/", 1)[1]
        if name not in files:
            return 404, {"X-Error-Code": "EntryNotFound"}, b""
        return 200, {"ETag": f'"{self.oid(files[name])}"', "X-Repo-Commit": commit}, files[name]

    def json(self, value) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()

    def oid(self, content: bytes) -> str:
        return sha1(content).hexdigest()

    def commit(self, files: dict[str, bytes]) -> str:
        return self.oid(repr(sorted(files.items())).encode())


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A Hub on this machine, which the library is told to talk to, and an empty cache and working folder."""
    fake = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, headers, content = fake.answer(self.command, self.path.split("?")[0], body)
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = reply  # noqa: N815 -- names that the standard library calls

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    constants = huggingface_hub.constants
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "hf_token")
    monkeypatch.chdir(tmp_path)
    huggingface_hub.close_session()
    yield fake
    huggingface_hub.close_session()
    server.shutdown()
    server.server_close()
    thread.join()


def upload(hub: FakeHub, folder: Path, name: str = ID) -> None:
    hub.models[name] = {path.name: path.read_bytes() for path in folder.iterdir()}


def same(a: Backbone, b: Backbone) -> bool:
    x, y = a.state_dict(), b.state_dict()
    return a.config == b.config and x.keys() == y.keys() and all(torch.equal(x[key], y[key]) for key in x)


def failure(call, *arguments, **options) -> str:
    with pytest.raises(UserError) as error:
        call(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_is_saved_is_loaded_bit_for_bit(net, tmp_path):
    net.train().save_pretrained(tmp_path / "new" / "folder")
    for found in (
        Backbone.from_pretrained(tmp_path / "new" / "folder"),
        type(net).from_pretrained(str(tmp_path / "new" / "folder")),
        type(net).from_pretrained(tmp_path / "new" / "folder" / "model.safetensors"),
    ):
        assert type(found) is type(net)
        assert same(found, net)
        assert not found.training
    assert net.training


def test_there_is_one_format(net, tmp_path):
    (tmp_path / "a").mkdir()
    save_backbone(net, tmp_path / "a")
    net.save_pretrained(tmp_path / "b")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == ["README.md", "config.json", "model.safetensors"]
    assert same(load_backbone(tmp_path / "b"), net)


def test_saving_again_replaces_the_weights(nafnet, tmp_path):
    maskdcpt.create_backbone("swinir", **TINY["swinir"]).save_pretrained(tmp_path)
    nafnet.save_pretrained(tmp_path)
    assert same(NAFNet.from_pretrained(tmp_path), nafnet)


def test_a_single_file_of_weights_is_loaded(nafnet, tmp_path):
    torch.save(nafnet.state_dict(), tmp_path / "x.pth")
    assert same(NAFNet.from_pretrained(tmp_path / "x.pth"), nafnet)


def test_weights_of_another_family_are_refused(net, tmp_path):
    net.save_pretrained(tmp_path)
    for family in FAMILIES.values():
        if family.network is not type(net):
            message = failure(family.network.from_pretrained, tmp_path)
            assert message.startswith(f"{tmp_path}: these are weights of a {type(net).__name__}, not of a ")


def test_damaged_weights_give_the_same_lines_as_ever(nafnet, tmp_path):
    assert failure(NAFNet.from_pretrained, tmp_path) == failure(load_backbone, tmp_path)
    nafnet.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert failure(NAFNet.from_pretrained, tmp_path) == failure(load_backbone, tmp_path)
    (tmp_path / "config.json").write_text("{")
    message = failure(NAFNet.from_pretrained, tmp_path)
    assert message == failure(load_backbone, tmp_path)
    assert "config.json: not a JSON file" in message


def test_the_card_says_what_the_network_is(net, tmp_path):
    net.save_pretrained(tmp_path)
    card = ModelCard.load(tmp_path / "README.md")
    family = net.config.name
    assert (card.data.library_name, card.data.pipeline_tag) == ("maskdcpt", "image-to-image")
    assert {"image-restoration", "maskdcpt", family, "arxiv:2510.13282"} == set(card.data.tags)
    assert card.data.license is None
    rows = dict(re.findall(r"^\| ([a-z ]+) \| (.+) \|$", card.text, flags=re.MULTILINE))
    assert rows == {
        "family": family,
        "parameters": f"{sum(parameter.numel() for parameter in net.parameters()):,}",
        "stride": str(net.stride),
        "licence of the code": "Apache-2.0",
        "licence of the weights": "not stated",
    }
    assert "https://arxiv.org/abs/2510.13282" in card.text


def test_the_card_states_a_licence_that_is_given(nafnet, tmp_path):
    nafnet.save_pretrained(tmp_path, model_card_kwargs={"license": "cc-by-4.0"})
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.license == "cc-by-4.0"
    assert "| licence of the weights | cc-by-4.0 |" in card.text


def test_the_lines_on_the_card_work(nafnet, hub, tmp_path):
    nafnet.push_to_hub(ID)
    write_image(torch.rand(3, 20, 30), tmp_path / "photo.jpg")
    (code,) = re.findall(r"```python\n(.*?)```", hub.models[ID]["README.md"].decode(), flags=re.DOTALL)
    assert code.count("\n") == 3
    exec(code)
    assert read_image(tmp_path / "restored.jpg").pixels.shape == (3, 20, 30)


def test_a_readme_is_kept(nafnet, tmp_path):
    (tmp_path / "README.md").write_text("mine")
    nafnet.save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_network_goes_to_the_hub_and_comes_back(net, hub):
    net.push_to_hub(ID)
    assert set(hub.models[ID]) == {"README.md", "config.json", "model.safetensors"}
    for found in (Backbone.from_pretrained(ID), type(net).from_pretrained(ID, revision="main")):
        assert type(found) is type(net)
        assert same(found, net)
        assert not found.training


def test_a_card_on_the_hub_is_kept(nafnet, hub):
    hub.models[ID] = {"README.md": b"mine", "config.json": b"{}"}
    nafnet.push_to_hub(ID)
    assert hub.models[ID]["README.md"] == b"mine"
    assert same(NAFNet.from_pretrained(ID), nafnet)


def test_options_reach_the_hub_library(nafnet, hub, tmp_path):
    nafnet.push_to_hub(ID)
    NAFNet.from_pretrained(ID, cache_dir=tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere").is_dir()
    assert not (tmp_path / "cache").exists()
    hub.requests.clear()
    assert same(NAFNet.from_pretrained(ID, cache_dir=tmp_path / "elsewhere", local_files_only=True), nafnet)
    assert hub.requests == []
    assert "no such revision" in failure(NAFNet.from_pretrained, ID, revision="v2")


def test_only_what_is_read_is_downloaded(nafnet, hub, tmp_path):
    nafnet.save_pretrained(tmp_path / "net")
    upload(hub, tmp_path / "net")
    hub.models[ID] |= {"state.pt": b"training", "samples/model.safetensors": b"other"}
    assert same(NAFNet.from_pretrained(ID), nafnet)
    assert not [request for request in hub.requests if "state.pt" in request or "samples" in request]


def test_a_restorer_with_its_classifier_comes_from_the_hub(weights, hub):
    upload(hub, weights)
    photo = torch.rand(3, 20, 30)
    here, there = (maskdcpt.Restorer.from_pretrained(name, device="cpu") for name in (weights, ID))
    assert torch.equal(here.restore(photo), there.restore(photo))
    assert here.classify(photo) == there.classify(photo)


def test_what_exists_here_is_no_name_on_the_hub(nafnet, hub, tmp_path):
    other = maskdcpt.create_backbone("nafnet", **TINY["nafnet"])
    nafnet.push_to_hub(ID)
    hub.requests.clear()
    other.save_pretrained(tmp_path / ID)
    assert same(NAFNet.from_pretrained(ID), other)
    maskdcpt.Restorer.from_pretrained(ID)
    assert hub.requests == []


@pytest.mark.parametrize(
    "name",
    [
        "weights",
        "./weights",
        "../weights",
        "~/weights",
        "/weights/net",
        "missing/folder/deeper",
        "missing/folder/",
        "missing/x.pth",
        "missing/x.safetensors",
        "mis--sing/folder",
        "missing/-folder",
        "missing//folder",
        "here/folder",  # the folder `here` exists
        Path("missing/folder"),
    ],
)
def test_paths_are_no_names_on_the_hub(name, hub, tmp_path):
    (tmp_path / "here").mkdir()
    for load in (Backbone.from_pretrained, maskdcpt.Restorer.from_pretrained):
        assert "no such file or folder of weights; expected a folder with" in failure(load, name)
    assert hub.requests == []


GATED = (403, {"X-Error-Code": "GatedRepo"})


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (None, "there is no such model, or it is private and your token does not open it"),
        (GATED, "its owner has to grant you access"),
        ((500, {}), "500"),
    ],
)
def test_a_failed_download_is_one_line(refusal, reason, hub, capsys):
    if refusal:
        hub.refusals[ID] = refusal
    start = f"{ID}: no such file or folder, and not downloaded from the Hub: "
    for load in (Backbone.from_pretrained, maskdcpt.Restorer.from_pretrained):
        message = failure(load, ID)
        assert message.startswith(start)
        assert reason in message
    with pytest.raises(SystemExit) as end:
        main(["restore", "a.png", "b.png", "--weights", ID])
    error = capsys.readouterr().err
    assert end.value.code == 2
    assert error.startswith(f"error: {start}")
    assert error.count("\n") == 1


def test_no_network_is_one_line(hub, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    assert "ConnectError" in failure(Backbone.from_pretrained, ID)
    assert "the cache does not have all of it" in failure(Backbone.from_pretrained, ID, local_files_only=True)


def test_a_model_of_another_library_is_one_line(hub):
    hub.models[ID] = {"README.md": b"text", "pytorch_model.bin": b"other"}
    message = failure(Backbone.from_pretrained, ID)
    assert message == f"{ID}: no weights there on the Hub; expected model.safetensors and config.json"
    hub.models[ID] |= {"model.safetensors": b"other", "config.json": b"{}"}
    assert "config.json: no backbone is called None" in failure(Backbone.from_pretrained, ID)


def test_a_failed_upload_is_one_line(nafnet, hub):
    assert failure(nafnet.push_to_hub, "name").startswith("a model on the Hub is called user/name")
    hub.refusals["/api/repos/create"] = (403, {"X-Error-Message": "no rights in this namespace"})
    message = failure(nafnet.push_to_hub, ID)
    assert message.startswith(f"{ID}: not uploaded to the Hub: ")
    assert "no rights in this namespace" in message


def test_saving_that_fails_leaves_the_folder_as_it_was(nafnet, tmp_path, monkeypatch):
    nafnet.save_pretrained(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("maskdcpt.backbones.weights.write_bytes", full)
    with pytest.raises(OSError, match="No space"):
        nafnet.save_pretrained(tmp_path)
    adapted = adapt(nafnet, ["decoder0"], "ending")
    with pytest.raises(UserError, match="no configuration"):
        adapted.save_pretrained(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

"""The recipes that come with the package: what they open with, what they say, and that each of them runs."""

import json
import re
import shlex
from pathlib import Path

import pytest

from maskdcpt.cli import finetune, fit_classifier, pretrain
from maskdcpt.cli.recipe import read_command
from maskdcpt.config import flatten, from_dict, read_toml
from maskdcpt.data.procedural import procedural_image
from maskdcpt.degradations import CATALOGUE
from maskdcpt.errors import UserError
from maskdcpt.images import write_image
from maskdcpt.recipes import find_recipe, presets
from maskdcpt.training import ClassifierFitConfig, FinetuneConfig, PretrainConfig, read_metrics

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "training.md").read_text()

CONFIGS = {"pretrain": PretrainConfig, "finetune": FinetuneConfig}
COMMANDS = {"pretrain": pretrain, "finetune": finetune}
ALL = [(kind, name) for kind in CONFIGS for name in presets(kind)]

PAIRS = {
    "5d": {"OTS": "haze", "Rain200L": "rain_streak", "GoPro": "motion_blur", "LOL-v1": "low_light"},
    "12d": {
        "real-noise": "sensor_noise",
        "motion-blur": "motion_blur",
        "defocus-blur": "defocus_blur",
        "haze": "haze",
        "rain": "rain_streak",
        "raindrop": "raindrop",
        "snow": "snow",
        "low-light": "low_light",
        "moire": "moire",
    },
    "mixed": {
        "blur-jpeg": "blur_jpeg",
        "RainDropClarity": "blur_rain",
        "LOL-Blur": "low_light_blur",
        "CDD-11": "low_light_weather",
    },
}
CLEAN = {"5d": "BSD400-WED", "12d": "clean", "mixed": "clean"}

TINY = {
    "nafnet": "--backbone.width 4 --backbone.encoder-blocks 1 1 --backbone.decoder-blocks 1 1",
    "restormer": "--backbone.width 8 --backbone.blocks 1 1 --backbone.heads 1 2 --backbone.refinement-blocks 1",
    "promptir": "--backbone.width 8 --backbone.blocks 1 1 1 --backbone.heads 1 1 2 --backbone.refinement-blocks 1 "
    "--backbone.prompt-channels 4 8 --backbone.prompt-sizes 4 4 --backbone.prompt-heads 2",
    "swinir": "--backbone.width 8 --backbone.heads 2 --backbone.encoder-blocks 1 --backbone.decoder-blocks 1",
}
QUICK = "--data.crop 32 --data.workers 0 --train.steps 2 --train.batch 2 --train.device cpu --train.log-every 1"
SLIM = {
    "pretrain": "--classifier.blocks 1 --classifier.expansion 1",
    "finetune": "--validation.images 1 --validation.crop 32",
}


def recipe(kind, name):
    path = find_recipe(kind, name)
    return from_dict(CONFIGS[kind], read_toml(path), where=str(path))


def header(kind, name):
    lines = find_recipe(kind, name).read_text().split("\n\n")[0].splitlines()
    assert all(line.startswith("#") for line in lines)
    return [line.lstrip("#").strip() for line in lines]


def options(kind):
    return COMMANDS[kind].Options, CONFIGS[kind]


@pytest.mark.parametrize(("kind", "name"), ALL)
def test_a_recipe_opens_with_command_cost_and_result(kind, name):
    text = "\n".join(header(kind, name))
    line, cost, result = text.split("\n", 1)[0], text.index("\ncost: "), text.index("\nresult: ")
    assert 0 < cost < result
    program, command, preset, *words = shlex.split(line)
    assert (program, command, preset) == ("maskdcpt", kind, name)
    folder, config = read_command(kind, *options(kind), [preset, *words])
    assert folder.parts[0] == "runs"
    expected = flatten(read_toml(find_recipe(kind, name)))
    found = flatten(json.loads(json.dumps(config, default=vars)))
    assert {key: found[key] for key in expected if key != "data.sources"} == {
        key: value for key, value in expected.items() if key != "data.sources"
    }


@pytest.mark.parametrize("name", presets("classifier"))
def test_a_recipe_of_a_classifier_opens_alike_and_teaches_every_type(name, tmp_path):
    line, cost, result, *_ = header("classifier", name)
    assert (cost.split(": ")[0], result.split(": ")[0]) == ("cost", "result")
    program, command, preset, *words = shlex.split(line)
    assert (program, command, preset) == ("maskdcpt", "fit-classifier", name)
    _, config = read_command(
        "classifier", fit_classifier.Options, ClassifierFitConfig, [preset, *words], "fit-classifier"
    )
    assert config.data.classes == (*CATALOGUE.names, "clean")


@pytest.mark.parametrize("kind", CONFIGS)
def test_help_names_every_preset(kind, capsys):
    with pytest.raises(SystemExit) as end:
        read_command(kind, *options(kind), ["--help"])
    assert not end.value.code
    shown = " ".join(capsys.readouterr().out.split())
    assert f"Presets: {', '.join(presets(kind))}." in shown
    assert {"cpu", "smoke", "laptop-gpu", "single-gpu", "5d", "12d"} <= set(presets(kind))


@pytest.mark.parametrize("name", ["5d", "12d"])
def test_pre_training_is_what_the_paper_states(name):
    config = recipe("pretrain", name)
    train = config.train
    assert config.method == "maskdcpt"
    assert (config.mask.patch, config.mask.ratio, config.mask.style) == (16, 0.5, "random")
    assert (config.loss.alpha, config.loss.pixels, config.loss.gamma) == (1, "all", 2)
    assert (train.steps, train.batch, config.data.crop) == (100_000, 16, 256)
    assert (train.lr, train.decoder_lr, train.weight_decay, train.schedule) == (3e-4, 1e-4, 0, "constant")
    assert config.classifier.features == "latter-half"
    assert not config.decoder.tokens
    assert (config.backbone.name, config.backbone.width) == ("nafnet", 64)
    assert (config.backbone.encoder_blocks, config.backbone.middle_blocks) == ((1, 1, 1, 28), 1)


@pytest.mark.parametrize("kind", CONFIGS)
def test_repetition_ratios_are_those_of_the_paper(kind):
    ratios = {
        "5d": {"haze": 1, "rain_streak": 300, "gaussian_noise": 15, "motion_blur": 5, "low_light": 60},
        "12d": {
            "noise": 4,
            "sensor_noise": 4,
            "motion_blur": 1,
            "defocus_blur": 20,
            "gaussian_blur": 1,
            "jpeg": 4,
            "haze": 5,
            "rain_streak": 8,
            "raindrop": 180,
            "snow": 5,
            "mosaic": 4,
            "low_light": 30,
            "moire": 6,
        },
    }
    for name, expected in ratios.items():
        data = recipe(kind, name).data
        found = {source.type or source.types[0]: source.repeat for source in data.sources}
        assert found == expected
        assert data.balance == "images"
        assert set(data.types) == set(expected)


@pytest.mark.parametrize(
    ("name", "steps", "batch", "lr"),
    [("5d", 1_000_000, 24, 3e-4), ("12d", 500_000, 128, 2.5e-4), ("mixed", 750_000, 32, 3e-4)],
)
def test_fine_tuning_goes_down_a_cosine_to_one_millionth(name, steps, batch, lr):
    config = recipe("finetune", name)
    train = config.train
    assert (train.steps, train.batch, train.lr, train.schedule) == (steps, batch, lr, "cosine")
    assert train.lr * train.final_lr == pytest.approx(1e-6)
    assert (train.weight_decay, train.ema, train.clip, config.loss.name) == (0, 0.999, 0.01, "l1")
    assert config.data.crop == 128


@pytest.mark.parametrize("name", [name for kind, name in ALL if kind == "pretrain"])
def test_both_kinds_show_the_same_types_to_the_same_network(name):
    first, second = recipe("pretrain", name), recipe("finetune", name)
    assert first.backbone == second.backbone
    assert first.data.types == second.data.types
    assert first.data.sources == second.data.sources


def test_the_preset_of_the_demo_is_what_it_was():
    first, second = recipe("pretrain", "cpu"), recipe("finetune", "cpu")
    assert (first.train.steps, first.train.lr, first.train.schedule) == (400, 2e-3, "constant")
    assert (second.train.steps, second.train.lr, second.train.schedule) == (1000, 2e-3, "cosine")
    for config in (first, second):
        assert (config.backbone.width, config.backbone.encoder_blocks) == (16, (1, 1, 1, 4))
        assert (config.train.batch, config.train.decoder_lr, config.train.warmup) == (8, 1.5e-3, 50)
        assert config.data.types == ("gaussian_noise", "motion_blur", "haze", "rain_streak", "low_light")
        assert config.data.crop == 64


@pytest.mark.parametrize("kind", CONFIGS)
@pytest.mark.parametrize("name", ["laptop-gpu", "single-gpu"])
def test_scaled_recipes_keep_the_batch_and_need_nothing_but_clean_images(kind, name):
    config = recipe(kind, name)
    assert config.data.sources == ()
    assert (config.train.batch, config.train.lr, config.train.precision) == (16, 3e-4, "bf16-mixed")
    assert config.train.checkpointing == (name == "laptop-gpu")


@pytest.mark.parametrize("family", TINY)
@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, name in ALL if name in CLEAN])
def test_other_networks_come_at_their_published_size(kind, name, family):
    words = [name, "--run-dir", "run", "--backbone.name", family]
    _, config = read_command(kind, *options(kind), words)
    assert config.backbone == type(config.backbone)()
    assert config.backbone.name == family
    assert config.data == recipe(kind, name).data


@pytest.fixture(scope="module", autouse=True)
def no_reports():
    """Leaves out the pages, which have tests of their own and take longer than runs so short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("maskdcpt.reports.write_run_report", lambda folder: folder / "report.html")
        yield


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """The folders that the recipes name, with a few small images each; pairs lie in a folder for each data set."""
    desk = tmp_path_factory.mktemp("desk")
    images = [procedural_image(seed, (40, 48)) for seed in range(2)]
    for name, sources in PAIRS.items():
        places = [Path(folder, side, "set") for folder in sources for side in ("clean", "degraded")]
        for place in [*places, Path(CLEAN[name])]:
            (desk / name / place).mkdir(parents=True)
            for number, image in enumerate(images):
                write_image(image, desk / name / place / f"{number}.png")
    (desk / "clean-images").symlink_to(desk / "12d" / "clean")
    return desk


@pytest.fixture(scope="module")
def pretrained(desk):
    """Runs the pre-training recipe of a name once for each family; returns its folder."""

    def run(name, family="nafnet"):
        folder = desk / "runs" / f"pretrain-{name}-{family}"
        if not folder.exists():
            tiny_run("pretrain", name, family, desk, folder)
        return folder

    return run


def tiny_run(kind, name, family, desk, folder, *more):
    words = [name, "--run-dir", str(folder), "--data", str(desk / (name if name in PAIRS else "clean-images"))]
    size = shlex.split(f"--backbone.name {family} {TINY[family]} {QUICK} {SLIM[kind]}")
    assert COMMANDS[kind].run([*words, *size, *more]) == 0
    rows = read_metrics(folder)
    assert [row["step"] for row in rows] == [1, 2]
    assert all(row["loss"] == row["loss"] != float("inf") for row in rows)
    changed = {"data.folder", "init"} | {word[2:].replace("-", "_") for word in size if word.startswith("--")}
    before, after = flatten(read_toml(find_recipe(kind, name))), flatten(read_toml(folder / "config.toml"))
    for key in before.keys() - {"data.sources"}:
        if key not in changed and not key.startswith("backbone."):
            assert after[key] == before[key], key
    for source, kept in zip(before.get("data.sources", ()), after.get("data.sources", ()), strict=True):
        assert source.items() <= kept.items()
    if name in PAIRS:
        shown = (folder / "images.txt").read_text()
        for place, type_name in PAIRS[name].items():
            assert f"{place}/set/0 {type_name}\n" in shown


@pytest.mark.parametrize("family", TINY)
@pytest.mark.parametrize("name", ["5d", "12d"])
def test_published_recipes_run(desk, pretrained, tmp_path, name, family):
    start = pretrained(name, family)
    tiny_run("finetune", name, family, desk, tmp_path / "run", "--init", str(start))
    assert (tmp_path / "run" / "checkpoints" / "step-00000002" / "classifier.safetensors").is_file()


@pytest.mark.parametrize("family", TINY)
def test_the_recipe_of_mixed_damage_runs_from_the_network_of_five_types(desk, pretrained, tmp_path, family):
    tiny_run("finetune", "mixed", family, desk, tmp_path / "run", "--init", str(pretrained("5d", family)))
    assert not (tmp_path / "run" / "checkpoints" / "step-00000002" / "classifier.safetensors").exists()


def test_a_classifier_of_other_types_is_refused_with_the_way_out(desk, pretrained, tmp_path):
    words = ["mixed", "--run-dir", str(tmp_path / "run"), "--data", str(desk / "mixed"), "--keep-classifier"]
    with pytest.raises(UserError, match="or do without it by --no-keep-classifier"):
        finetune.run([*words, "--init", str(pretrained("5d"))])
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["cpu", "smoke", "laptop-gpu", "single-gpu"])
def test_scaled_recipes_run(desk, pretrained, tmp_path, name):
    tiny_run("finetune", name, "nafnet", desk, tmp_path / "run", "--init", str(pretrained(name)))


@pytest.mark.parametrize("name", ["universal", "universal-last", "universal-mild", "universal-gpu"])
def test_recipes_of_all_types_run(desk, pretrained, tmp_path, name):
    start = pretrained(name if name == "universal-gpu" else "universal")
    tiny_run("finetune", name, "nafnet", desk, tmp_path / "run", "--init", str(start))


def test_later_stages_show_the_same_classes_as_the_first():
    first, *later = (recipe("finetune", f"universal{name}") for name in ("", "-last", "-mild"))
    for stage in later:
        assert (stage.backbone, stage.data.classes) == (first.backbone, first.data.classes)
        assert stage.data.crop > first.data.crop
        assert stage.train.lr < first.train.lr


def test_the_page_shows_where_every_source_lies():
    for name in PAIRS:
        for kind in CONFIGS:
            if name in presets(kind):
                for source in recipe(kind, name).data.sources:
                    assert re.search(rf"^{re.escape(source.folder)}/", PAGE, flags=re.MULTILINE), source.folder

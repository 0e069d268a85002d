"""``maskdcpt bench``."""

import pytest


def test_unknown_networks_are_refused_before_anything_is_measured(command):
    code, out, err = command("bench", "backbones", "--names", "nafnet", "restorer")
    assert (code, out) == (2, "")
    assert err == "error: no backbone is called 'restorer'; did you mean 'restormer'?\n"


def test_unknown_presets_and_devices_are_refused_before_anything_is_measured(command):
    code, out, err = command("bench", "training", "--preset", "smok")
    assert (code, out) == (2, "")
    assert "did you mean 'smoke'" in err
    code, out, err = command("bench", "training", "--preset", "smoke", "--device", "cuda:1")
    assert (code, out) == (2, "")
    assert "train.device" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("subject", "words", "users"),
    [
        ("degradations", ("--device", "auto"), "backbones and training"),
        ("degradations", ("--compiled",), "backbones and restore"),
        ("degradations", ("--preset", "smoke"), "training"),
        ("backbones", ("--preset", "smoke"), "training"),
        ("training", ("--compiled",), "backbones and restore"),
        ("training", ("--names", "nafnet"), "backbones and degradations"),
        ("data", ("--preset", "smoke"), "training"),
        ("training", ("--photos", "x"), "data"),
    ],
)
def test_options_that_a_subject_does_not_use_are_refused(command, subject, words, users):
    problem = f"error: {words[0]}: bench {subject} has no use for it, only {users}\n"
    assert command("bench", subject, *words, "--quick") == (2, "", problem)


def test_a_folder_without_photos_is_refused_before_anything_is_measured(command, tmp_path):
    code, out, err = command("bench", "data", "--photos", tmp_path)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {tmp_path}: no images here")

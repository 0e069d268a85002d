"""A study that takes seconds."""

from maskdcpt.config import from_dict
from maskdcpt.study import Measuring, StudyConfig, plan_runs, run_study
from maskdcpt.study.recipe import merged

TRAINING = {
    "data": {"types": ["gaussian_noise", "haze"], "crop": 32, "workers": 0},
    "train": {"batch": 2, "log_every": 1, "checkpoint_every": 2, "device": "cpu", "lr": 1e-3},
}
TINY = {
    "title": "A study for tests",
    "steps": 8,
    "share": 0.25,
    "seeds": [0, 1],
    "families": {
        "small": {"name": "nafnet", "width": 4, "encoder_blocks": [1], "middle_blocks": 1, "decoder_blocks": [1]}
    },
    "pretrain": {**TRAINING, "classifier": {"blocks": 1, "expansion": 1.0}},
    "finetune": {**TRAINING, "validation": {"images": 1, "crop": 24}},
    "arms": [
        {"name": "scratch", "title": "no pre-training", "share": 0.0},
        {"name": "method", "title": "the method"},
        {"name": "naming", "title": "with naming", "finetune": {"loss": {"naming": 0.5}}, "against": "method"},
        {
            "name": "several",
            "title": "each type a question",
            "pretrain": {"data": {"labels": "multi"}},
            "finetune": {"data": {"labels": "multi"}},
            "seeds": [0],
        },
        {"name": "alone", "title": "the method's fine-tuning alone", "share": 0.0, "part": 0.75},
    ],
    "tests": [
        {"name": "seen", "title": "seen", "damage": "trained", "images": 6, "crop": 24, "entering": True},
        {
            "name": "strong",
            "title": "strong noise",
            "damage": "levels",
            "levels": [{"type": "gaussian_noise", "sigma": 75.0}],
            "images": 2,
            "crop": 24,
        },
    ],
    "probe": {"samples": 6, "crop": 16},
}


def tiny(**changes):
    return from_dict(StudyConfig, merged(TINY, changes), where="test")


def run_all(study, out, pool, runs=None):
    planned, lines = plan_runs(study, out, None), []
    outcome = run_study(
        study, planned, planned if runs is None else runs, Measuring.of(study, None), out, pool, lines.append
    )
    return outcome, lines

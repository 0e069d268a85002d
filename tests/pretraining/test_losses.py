"""Losses follow their equations, computed here in double precision by other means."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from maskdcpt.errors import UserError
from maskdcpt.masking import VisibleMask
from maskdcpt.pretraining import focal_loss, multi_label_focal_loss, pixel_l1

GAMMAS = st.sampled_from([0.0, 0.5, 1.0, 2.0, 5.0])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(gamma=GAMMAS, seed=st.integers(0, 1000), classes=st.integers(2, 7))
def test_class_weights_enter_the_focal_loss_as_factors(gamma, seed, classes):
    logits = torch.randn(6, classes, generator=seeded(seed)) * 3
    labels = torch.randint(classes, (6,), generator=seeded(seed + 1))
    weights = torch.rand(classes, generator=seeded(seed + 2)) * 4
    p = np.exp(logits.double().numpy())
    p = (p / p.sum(1, keepdims=True))[np.arange(6), labels.numpy()]
    expected = np.mean(-weights.double().numpy()[labels.numpy()] * (1 - p) ** gamma * np.log(p))
    assert focal_loss(logits, labels, gamma, weights).item() == pytest.approx(expected, rel=1e-4)


@given(gamma=GAMMAS, seed=st.integers(0, 1000))
def test_equal_weights_scale_the_focal_loss_and_none_leave_it_as_it_was(gamma, seed):
    logits = (torch.randn(8, 5, generator=seeded(seed)) * 3).requires_grad_()
    labels = torch.randint(5, (8,), generator=seeded(seed + 1))
    log_p = -F.cross_entropy(logits, labels, reduction="none")
    former = -((1 - log_p.exp()) ** gamma * log_p).mean()  # of earlier versions
    loss = focal_loss(logits, labels, gamma)
    assert torch.equal(loss, former)
    assert torch.equal(torch.autograd.grad(loss, logits)[0], torch.autograd.grad(former, logits)[0])
    assert torch.equal(focal_loss(logits, labels, gamma, torch.full((5,), 2.0)), 2 * loss)


@given(gamma=GAMMAS, seed=st.integers(0, 1000))
def test_binary_focal_loss_follows_its_equation(gamma, seed):
    logits = torch.randn(6, 4, generator=seeded(seed)) * 4
    targets = torch.randint(2, (6, 4), generator=seeded(seed + 1))
    weights = torch.rand(4, generator=seeded(seed + 2)) * 4
    p = 1 / (1 + np.exp(-logits.double().numpy()))
    p = np.where(targets.numpy() == 1, p, 1 - p)
    terms = -((1 - p) ** gamma) * np.log(p)
    assert multi_label_focal_loss(logits, targets, gamma).item() == pytest.approx(terms.mean(), rel=1e-4)
    weighted = (terms * weights.double().numpy()).mean()
    assert multi_label_focal_loss(logits, targets, gamma, weights).item() == pytest.approx(weighted, rel=1e-4)


def test_binary_focal_loss_without_fading_is_binary_cross_entropy():
    logits = torch.randn(6, 4, generator=seeded()) * 4
    targets = torch.randint(2, (6, 4), generator=seeded(1)).float()
    expected = F.binary_cross_entropy_with_logits(logits, targets)
    assert torch.allclose(multi_label_focal_loss(logits, targets, 0.0), expected, rtol=1e-6)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_losses_have_finite_gradients_where_a_probability_is_all_but_one_or_zero(gamma):
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0], [60.0, 30.0]], requires_grad=True)
    focal_loss(logits, torch.tensor([0, 0, 0]), gamma).backward()
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[1].abs().max() > 0.1  # surely wrong
    logits.grad = None
    multi_label_focal_loss(logits, torch.tensor([[1, 0], [1, 0], [0, 0]]), gamma).backward()
    assert torch.isfinite(logits.grad).all()
    assert logits.grad[1].abs().min() > 0.1
    assert logits.grad[0].abs().max() == 0


def images(seed: int, size: tuple[int, int] = (8, 6), batch: int = 6) -> torch.Tensor:
    return torch.rand(batch, 3, *size, generator=seeded(seed))


def uneven_mask() -> torch.Tensor:
    visible = VisibleMask.random(6, (4, 3), 0.5, generator=seeded(3)).visible.clone()
    visible[0, 0, :2] = True
    return VisibleMask(visible).at((8, 6))


@pytest.mark.parametrize("over", ["visible", "hidden"])
def test_pixel_loss_is_the_mean_error_over_the_chosen_pixels_of_each_image(over):
    one, other, visible = images(1), images(2), uneven_mask()
    expected = []
    for a, b, seen in zip(one.double().numpy(), other.double().numpy(), visible.numpy(), strict=True):
        chosen = seen[0] if over == "visible" else ~seen[0]
        expected.append(np.abs(a - b)[:, chosen].mean())
    assert pixel_l1(one, other, visible, over).item() == pytest.approx(np.mean(expected), rel=1e-5)


def test_pixel_loss_over_all_is_the_plain_one():
    one, other, visible = images(1), images(2), uneven_mask()
    for mask in (visible, None):
        assert torch.equal(pixel_l1(one, other, mask), F.l1_loss(one, other))
    assert torch.equal(pixel_l1(one, other, None, "visible"), F.l1_loss(one, other))


@pytest.mark.parametrize("over", ["all", "visible", "hidden"])
def test_pixel_loss_reaches_the_chosen_pixels_alone(over):
    one, visible = images(1).requires_grad_(), uneven_mask()
    pixel_l1(one, images(2), visible, over).backward()
    expected = {"all": torch.ones_like(visible), "visible": visible, "hidden": ~visible}[over]
    assert torch.equal(one.grad != 0, expected.expand_as(one))


@pytest.mark.parametrize("over", ["all", "visible", "hidden"])
def test_means_of_equal_parts_average_to_that_of_the_batch(over):
    one, other, visible = images(1).double(), images(2).double(), uneven_mask()
    logits, labels = torch.randn(6, 4, generator=seeded()).double(), torch.tensor([0, 1, 2, 3, 0, 1])
    weights, targets = torch.tensor([1.0, 2.0, 3.0, 4.0]), torch.randint(2, (6, 4), generator=seeded(5))

    def losses(part: slice) -> torch.Tensor:
        return torch.stack(
            [
                pixel_l1(one[part], other[part], visible[part], over),
                focal_loss(logits[part], labels[part], 2.0, weights),
                multi_label_focal_loss(logits[part], targets[part], 2.0, weights),
            ]
        )

    parts = torch.stack([losses(slice(start, start + 2)) for start in (0, 2, 4)]).mean(0)
    assert torch.allclose(parts, losses(slice(6)), rtol=1e-6, atol=0)


def test_an_image_without_chosen_pixels_counts_as_zero():
    one, other, visible = images(1).requires_grad_(), images(2), uneven_mask().clone()
    visible[3] = True
    loss = pixel_l1(one, other, visible, "hidden")
    others = [index for index in range(6) if index != 3]
    alone = pixel_l1(one[others], other[others], visible[others], "hidden")
    assert loss.item() == pytest.approx(alone.item() * 5 / 6, rel=1e-5)
    loss.backward()
    assert torch.isfinite(one.grad).all()


def test_hidden_pixels_without_a_mask_are_refused():
    with pytest.raises(UserError, match="nothing is hidden; it can be over all or visible"):
        pixel_l1(images(1), images(2), None, "hidden")

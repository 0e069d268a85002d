"""``maskdcpt bench``."""


def test_unknown_networks_are_refused_before_anything_is_measured(command):
    code, out, err = command("bench", "backbones", "--names", "nafnet", "restorer")
    assert (code, out) == (2, "")
    assert err == "error: no backbone is called 'restorer'; did you mean 'restormer'?\n"

import pytest

from maskdcpt.config import configuration, from_dict, read_toml, to_dict, to_toml
from maskdcpt.errors import UserError


@configuration
class Inner:
    sizes: tuple[int, ...] = (1, 2)
    rate: float = 0.5
    name: str | None = None


@configuration
class Outer:
    inner: Inner = Inner()
    several: tuple[Inner, ...] = ()
    steps: int = 3

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UserError(f"steps is {self.steps}; at least 1")


def test_round_trip_through_toml(tmp_path):
    config = Outer(inner=Inner(sizes=(4,), rate=2.0, name="x"), steps=9)
    path = tmp_path / "config.toml"
    path.write_text(to_toml(config))
    assert from_dict(Outer, read_toml(path), where="test") == config
    assert from_dict(Outer, to_dict(config), where="test") == config


def test_left_out_entries_keep_their_default():
    assert from_dict(Outer, {"inner": {"rate": 1}}, where="test") == Outer(inner=Inner(rate=1.0))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stepz": 1}, r"recipe: no setting is called 'stepz'; did you mean 'steps'\?"),
        ({"inner": {"rat": 1}}, r"recipe: no setting is called 'inner.rat'; did you mean 'rate'\?"),
        ({"inner": {"zzz": 1}}, r"'inner.zzz'; known: sizes, rate, name"),
        ({"steps": "many"}, r"recipe: steps: .*integer, not 'many'"),
        ({"steps": 1.5}, r"steps: .*integer"),
        ({"inner": {"sizes": [1, "b"]}}, r"inner.sizes.1: .*integer, not 'b'"),
        ({"inner": 3}, r"inner: "),
        ({"several": [{}, {"rat": 1}]}, r"no setting is called 'several.1.rat'; did you mean 'rate'\?"),
        ({"several": [{"rate": "x"}]}, r"several.0.rate: .*number, not 'x'"),
        ({"steps": 0}, r"recipe: steps is 0; at least 1"),
    ],
)
def test_faults_are_named_in_one_line(values, message):
    with pytest.raises(UserError, match=message) as caught:
        from_dict(Outer, values, where="recipe")
    assert "\n" not in str(caught.value)


def test_files_that_are_no_toml(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read_toml(tmp_path / "missing.toml")
    (tmp_path / "bad.toml").write_text("steps = = 3")
    with pytest.raises(UserError, match="not a TOML file"):
        read_toml(tmp_path / "bad.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not a TOML file"):
        read_toml(tmp_path / "binary.toml")


def test_configurations_cannot_change():
    with pytest.raises(AttributeError):
        Outer().steps = 4

"""Checkpoints: what goes in comes out, and a damaged one is named."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tinyml_nas.errors import ToolError
from tinyml_nas.train.checkpoint import load_checkpoint, save_checkpoint

pytestmark = pytest.mark.fast


def test_optimizer_state_survives_the_round_trip(tmp_path: Path) -> None:
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    path = tmp_path / "state.npz"
    save_checkpoint(path, {"model": model.state_dict(), "opt": optimizer.state_dict(), "epoch": 3})
    state = load_checkpoint(path)
    other = torch.nn.Linear(3, 2)
    other.load_state_dict(state["model"])
    fresh = torch.optim.Adam(other.parameters())
    fresh.load_state_dict(state["opt"])
    for net, opt in ((model, optimizer), (other, fresh)):
        opt.zero_grad()
        net(torch.ones(4, 3)).pow(2).sum().backward()
        opt.step()
    assert torch.equal(model.weight, other.weight)
    assert state["epoch"] == 3


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b"no zip"])
def test_damaged_checkpoint_is_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "state.npz"
    save_checkpoint(path, {"epoch": 1})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ToolError, match=r"state\.npz cannot be read"):
        load_checkpoint(path)

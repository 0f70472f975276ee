"""Controls beside a formula in a network, and outputs that are switched off while it trains."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import closedform as cf  # noqa: E402
from hybrid_networks import Known, known_law, network, rows  # noqa: E402


def laws_of(net, name, loader, **options):
    return cf.hybrid.distill(net, name, loader, **{"time_limit": 20, "engines": [], **options})


def test_controls_say_what_the_formula_is_worth():
    net, x = network(), rows(400, 4)
    y = net(x).detach()
    cost = lambda net, batch: nn.functional.mse_loss(net(batch[0]), batch[1])  # noqa: E731
    batches = [(x[:200], y[:200]), (x[200:], y[200:])]
    found = cf.hybrid.controls(net, "1", known_law(), cost, batches)
    told = {c.name: c for c in found}
    assert list(told) == ["the block itself", "formula", "a linear map", "its mean", "zero"]
    assert told["the block itself"].cost == 0
    assert told["formula"].cost < 1e-10 < told["a linear map"].cost < told["its mean"].cost
    assert told["its mean"].regained == 0 and told["formula"].regained > 0.9999
    said = net[1](net[0](x)).detach()
    mean = net[2](said.mean(0).expand(400, -1)).detach()
    assert told["its mean"].cost == pytest.approx(float(((mean - y) ** 2).mean()), rel=1e-4)
    zero = net[2](torch.zeros(400, 2)).detach()
    assert told["zero"].cost == pytest.approx(float(((zero - y) ** 2).mean()), rel=1e-4)
    assert "the formula saves 100.0%" in str(found)
    wrong = cf.hybrid.controls(net, "1", known_law(weight=-9.0), cost, batches)
    assert "says nothing that" in wrong.verdict
    assert isinstance(net[1], Known)
    with pytest.raises(cf.BadInput, match="no number"):
        cf.hybrid.controls(net, "1", known_law(), lambda net, batch: net(batch[0]), batches)
    with pytest.raises(cf.BadInput, match="unchanged network is no finite number"):
        cf.hybrid.controls(net, "1", known_law(), lambda net, batch: np.nan, batches)
    with pytest.raises(cf.BadInput, match="no batch") as caught:
        cf.hybrid.controls(net, "1", known_law(), cost, iter(batches))
    assert "iterator" in caught.value.hint


def test_what_breaks_the_cost_is_worse_than_anything():
    net, x = network(), rows(50, 4)
    y = net(x).detach()

    def cost(net, batch):
        away = ((net(batch) - y) ** 2).mean()
        return away if away < 1e-6 else away * float("nan")

    found = cf.hybrid.controls(net, "1", known_law(), cost, [x])
    assert found["zero"].cost == np.inf and "mean of 1 batch\n" in str(found)
    assert "does without" not in found.verdict
    assert np.isnan(found["formula"].regained)


def test_a_block_that_does_nothing_is_found_out_by_its_controls():
    net, x = nn.Sequential(nn.Linear(3, 3), nn.Identity()), rows(100, 3)
    laws = laws_of(net, "1", x, rows="last", reduce=1, time_limit=0)
    y = net(x).detach()
    found = cf.hybrid.controls(net, "1", laws, lambda net, b: ((net(b) - y) ** 2).mean(), [x])
    told = {c.name: c for c in found}
    assert {"its input", "the block, fewer directions"} <= set(told)
    assert told["its input"].cost == 0
    # One direction of three, whatever the formula.
    assert told["the block, fewer directions"].cost > 1e-3
    assert "does without the block: its input" in found.verdict


def test_outputs_are_switched_off_by_the_schedule_and_the_mask_is_saved():
    net = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 1))
    with torch.no_grad():
        net[0].weight.mul_(torch.tensor([1.0, 9.0, 2.0, 8.0, 3.0, 7.0])[:, None])
    x = rows(200, 4)
    order = net[0](x).std(0).argsort(descending=True).tolist()
    pruning = cf.hybrid.Pruning(net, "0", keep=2, steps=4, schedule="linear")
    assert pruning.active == []
    counts = [len(pruning.step(x)) for _ in range(5)]
    assert counts == [5, 4, 3, 2, 2]
    assert pruning.active == sorted(order[:2])
    state = net.state_dict()["0.closedform_mask"]
    assert state.tolist() == [float(i in order[:2]) for i in range(6)]
    off = [i for i in range(6) if i not in pruning.active]
    assert net[0](x)[:, off].abs().max() == 0
    laws = laws_of(net, "0", x, outputs=pruning.active)
    kept = laws.best(x.numpy())
    assert np.allclose(kept, net[0](x).detach().numpy(), atol=1e-4)
    assert list(laws.best.formula.outputs) == [f"y{i}" for i in pruning.active]
    other = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 1))
    cf.hybrid.Pruning(other, "0", keep=2, steps=4)
    other.load_state_dict(net.state_dict(), strict=True)
    assert torch.equal(other(x), net(x))
    pruning.remove()
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


@pytest.mark.parametrize("schedule", ["linear", "cosine", "exp"])
def test_a_schedule_begins_with_all_and_ends_with_those_that_stay(schedule):
    net = nn.Sequential(nn.Linear(2, 100))
    pruning = cf.hybrid.Pruning(net, "0", keep=3, steps=50, schedule=schedule)
    counts = []
    for step in range(60):
        pruning.now = step
        counts.append(pruning.wanted(100))
    assert counts[0] == 100 and counts[50] == counts[-1] == 3
    assert counts == sorted(counts, reverse=True)
    with pytest.raises(cf.BadInput, match="being pruned already"):
        cf.hybrid.Pruning(net, "0", keep=3, steps=50)
    with pytest.raises(cf.BadInput, match="no schedule"):
        cf.hybrid.Pruning(network(), "0", keep=3, steps=50, schedule="steep")


def test_a_pruning_that_was_removed_or_learns_nothing_says_so():
    net, x = network(), rows(20, 4)
    pruning = cf.hybrid.Pruning(net, "0", keep=1, steps=2)
    for batch, said in ((x[:1], "1 row"), (x * float("nan"), "not finite")):
        with pytest.raises(cf.BadInput, match=said):
            pruning.step(batch)
    pruning.step(x, number=2)
    assert str(pruning) == f"Pruning(step 2 of 2, keep=1, active={pruning.active})"
    pruning.remove()
    pruning.remove()
    assert pruning.active == []
    with pytest.raises(cf.BadInput, match="was removed"):
        pruning.step(x)

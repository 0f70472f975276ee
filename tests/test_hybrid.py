"""Laws of parts of networks: what is captured, asked and left as it was; and what peers got wrong.

Each law is compared with the part itself, which is known, or with the network that has it.
"""

import random

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import closedform as cf  # noqa: E402
from hybrid_networks import (  # noqa: E402
    Known,
    Messages,
    Recurrent,
    Repeated,
    known_law,
    network,
    rows,
)

LAW = "y0 = 2.5*x0*x1\ny1 = x0 + 0.5*x2"
QUICK = {"time_limit": 20, "engines": []}
"""Laws of these parts are found in a second; on a busy machine the limit leaves room."""


def laws_of(net, name, loader, **options):
    return cf.hybrid.distill(net, name, loader, **{**QUICK, **options})


def agrees(net, name, law, *batch, tolerance=1e-5):
    """Whether the network says the same with the law as with the part."""
    first = lambda said: said[0] if isinstance(said, tuple) else said  # noqa: E731
    net.eval()
    with torch.no_grad():
        before = first(net(*batch))
        cf.hybrid.swap(net, name, law)
        after = first(net(*batch))
        cf.hybrid.restore(net, name)
    assert after.shape == before.shape and after.dtype == before.dtype
    return torch.allclose(after, before, atol=tolerance, rtol=tolerance)


def test_the_law_of_a_known_part_is_found_and_stands_in_its_place():
    net, x = network(), rows(300, 4)
    laws = laws_of(net, "1", x)
    assert laws.best.text.strip() == LAW
    assert agrees(net, "1", laws.best, x)
    told = laws.told[laws.chosen]
    assert told.r2 > 1 - 1e-9 and told.worst < 1e-5
    assert [name for name, _, _ in told.of] == ["y0", "y1"]
    assert "2.5*x0*x1" in str(laws) and "60 that no step saw" in str(laws)
    assert laws.pick(min_r2=0.99) is laws.best
    assert r"x_{0}" in laws.best.latex or "x_0" in laws.best.latex
    certificate = laws.verify()
    assert {c.output for c in certificate.checks} == {"y0", "y1"}
    with pytest.raises(cf.BadInput, match="No law explains 2"):
        laws.pick(min_r2=2)


@pytest.mark.slow  # training and a law that is only nearly right: 20 s
def test_a_trained_network_gives_back_the_product_that_it_has_learned():
    torch.manual_seed(0)
    x = 2 * torch.rand(1000, 2, generator=torch.Generator().manual_seed(1)) - 1
    y = x[:, :1] * x[:, 1:]
    net = nn.Sequential(nn.Sequential(nn.Linear(2, 12), nn.Tanh(), nn.Linear(12, 1)), nn.Identity())
    optimiser = torch.optim.LBFGS(net.parameters(), max_iter=80, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = ((net(x) - y) ** 2).mean()
        loss.backward()
        return loss

    optimiser.step(closure)
    wrong = float(((net(x) - y) ** 2).mean().detach()) ** 0.5
    assert wrong < 0.01
    laws = laws_of(net, "0", x, time_limit=20)
    law = laws.pick(min_r2=0.999)
    away = np.abs(law(x.numpy())[:, 0] - y.numpy()[:, 0])
    # A product with a number before it, the network's own: 0.996 for 1.
    assert law.length <= 6 and away.max() < 5 * wrong, laws


def test_everything_is_left_as_it_was():
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5), Known())
    net[1].eval()
    net[0].weight.requires_grad_(False)
    net[0].bias.grad = torch.ones(3)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(rows(200, 4), rows(200, 1)), 50, shuffle=True
    )
    modes = [m.training for m in net.modules()]
    state = {k: v.clone() for k, v in net.state_dict().items()}
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002 - the state that must not move
    drawn = torch.rand(3), random.random(), np.random.rand(3)  # noqa: NPY002
    torch.manual_seed(5)
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    laws = laws_of(net, "3", loader)
    pruning = cf.hybrid.Pruning(net, "3", keep=1, steps=2)
    pruning.step(rows(20, 4))
    pruning.remove()
    with pytest.raises(cf.BadInput) as caught:
        laws_of(net, "3", rows(200, 5))
    with pytest.raises(cf.BadInput) as caught_later:
        laws_of(net, "3", rows(200, 4), rows="channels")
    assert torch.is_grad_enabled()
    del caught, caught_later
    assert torch.is_grad_enabled()
    again = torch.rand(3), random.random(), np.random.rand(3)  # noqa: NPY002
    assert torch.equal(drawn[0], again[0])
    assert drawn[1] == again[1] and (drawn[2] == again[2]).all()
    assert [m.training for m in net.modules()] == modes
    assert list(net.state_dict()) == list(state)
    assert all(torch.equal(state[k], v) for k, v in net.state_dict().items())
    assert not next(net.parameters()).requires_grad
    assert net[0].bias.grad.tolist() == [1, 1, 1]
    assert not net[3]._forward_hooks and not net[3]._forward_pre_hooks
    assert "2.5*x0*x1" in str(laws.best)


def test_the_same_seed_gives_the_same_laws_from_a_loader_that_shuffles():
    net, data = network(), torch.utils.data.TensorDataset(rows(300, 4))
    made = []
    for state in (1, 2):
        torch.manual_seed(state)
        loader = torch.utils.data.DataLoader(data, 64, shuffle=True)
        made.append(str(laws_of(net, "1", loader, sample=100)))
    assert made[0] == made[1]


@pytest.mark.parametrize(
    ("network_of", "name", "batch", "kind", "inputs"),
    [
        (lambda: nn.Sequential(nn.Linear(3, 3), Known()), "1", (rows(40, 6, 3),), "last", 3),
        (lambda: nn.Sequential(nn.Linear(3, 5), nn.Tanh()), "1", (rows(60, 3),), "elements", 1),
        (lambda: nn.Sequential(nn.Conv2d(3, 2, 1), nn.Tanh()), "0", (rows(4, 3, 6, 7),), "channels",
         3),
        (Repeated, "part", (rows(100, 2),), "last", 2),
        (Messages, "message", (rows(40, 2), torch.arange(600).reshape(2, 300) % 40), "last", 4),
    ],
    ids=["batch time features", "activation", "convolution", "called thrice", "graph network"],
)  # fmt: skip
def test_what_a_row_is_is_found_by_asking(network_of, name, batch, kind, inputs):
    # Weights drawn when tests are collected depend on what else is collected. A law of some of
    # them has 4 digits: where one input hardly matters, what it does is taken for noise.
    torch.manual_seed(1)
    net = network_of()
    laws = laws_of(net, name, [batch])
    assert laws.best.layout.kind == kind
    assert laws.best.layout.width == inputs
    assert agrees(net, name, laws.best, *batch, tolerance=1e-4)


def test_several_calls_in_one_pass_are_all_seen():
    laws = laws_of(Repeated(), "part", rows(100, 2))
    assert laws.seen == 300


def test_one_number_for_each_row_is_a_row():
    class Product(nn.Module):
        def forward(self, x):
            return x[..., 0] * x[..., 1]

    net, x = nn.Sequential(Product()), rows(100, 2)
    laws = laws_of(net, "0", x)
    assert str(laws.best.to("text")).strip() == "y = x0*x1"
    assert agrees(net, "0", laws.best, x)


def test_a_tuple_comes_out_of_a_recurrent_part_as_it_did():
    net, x = Recurrent(), rows(200, 3, 2)
    with torch.no_grad():
        for p in net.gru.parameters():
            p.mul_(0.05)  # nearly linear
    laws = laws_of(net, "gru", x, time_limit=0)
    best = laws.best
    assert best.layout.kind == "whole"
    assert best.returned == (0, 1)
    assert [s.shape for s in best.layout.outputs] == [(3, 1), (1, 1)]
    assert best.layout.outputs[1].axis == 1  # the last state is (layers, batch, hidden)
    cf.hybrid.swap(net, "gru", best)
    said, last = net.gru(x[:7])
    assert said.shape == (7, 3, 1) and last.shape == (1, 7, 1)


def test_attention_to_itself_has_one_input_and_what_is_not_looked_at_is_none():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(2, 1, batch_first=True)

        def forward(self, x):
            return self.attention(x, x, x)[0]

    net, x = Net(), rows(120, 2, 2)
    laws = laws_of(net, "attention", x, result=0, time_limit=0)
    best = laws.best
    assert [s.path for s in best.layout.inputs] == [("query",)]
    assert [path for path, _ in best.layout.tied] == [("key",), ("value",)]
    assert best.returned == (0, None)
    cf.hybrid.swap(net, "attention", best)
    assert net(x[:5]).shape == (5, 2, 2)


def test_bfloat16_is_asked_in_double_precision():
    net = network().to(torch.bfloat16)
    x = rows(300, 4).to(torch.bfloat16)
    laws = laws_of(net, "1", x)
    assert laws.best.text.strip() == LAW
    assert agrees(net, "1", laws.best, x, tolerance=0.05)
    assert next(net.parameters()).dtype is torch.bfloat16


def test_a_part_that_mixes_the_rows_of_a_batch_is_not_asked_and_says_so():
    class Centred(nn.Module):
        def forward(self, x):
            return x - x.mean(0, keepdim=True)

    laws = laws_of(nn.Sequential(Centred()), "0", [rows(200, 2)], time_limit=0)
    assert any("more than the row" in note for note in laws.notes)
    with pytest.raises(cf.BadInput, match="no block to compare"):
        laws.verify()


def test_a_part_is_looked_at_where_a_formula_stands_for_it():
    net, x = network(), rows(300, 4)
    made = cf.hybrid.swap(net, "1", known_law(weight=9.0))
    laws = laws_of(net, "1", x)
    assert net[1] is made
    assert "2.5*x0*x1" in str(laws.best)


def test_a_cache_knows_when_weights_transforms_or_rows_changed(tmp_path):
    net, x, cache = network(), rows(200, 4), tmp_path / "laws.json"
    options = {"cache": cache, "outputs": [0]}
    first = laws_of(net, "1", x, **options)
    again = laws_of(net, "1", x, **options)
    assert again.oracle is None and str(again) == str(first)  # it comes from the file
    with torch.no_grad():
        net[1].weight.mul_(10)
    other = laws_of(net, "1", x, **options)
    assert other.best.text.strip() == "y0 = 25*x0*x1"
    turned = laws_of(net, "1", x, **options, transforms={"a": "x1", "b": "x0", "c": "x2"})
    assert turned.key != other.key and turned.oracle is not None
    assert laws_of(net, "1", 2 * x, **options, time_limit=0).oracle is not None


def test_a_weight_that_no_row_has_met_yet_changes_the_key():
    class Limited(nn.Module):
        def __init__(self):
            super().__init__()
            self.most = nn.Parameter(torch.tensor(100.0))

        def forward(self, x):
            return torch.minimum(x.sum(-1), self.most)

    net, x = nn.Sequential(Limited()), rows(100, 2)
    first = laws_of(net, "0", x, time_limit=0).key
    assert laws_of(net, "0", x, time_limit=0).key == first
    with torch.no_grad():
        net[0].most.fill_(50.0)
    assert laws_of(net, "0", x, time_limit=0).key != first


def test_transforms_are_columns_and_the_part_is_asked_about_its_own_inputs():
    net, x = nn.Sequential(Force2()), rows(300, 4)
    law = laws_of(net, "0", x, transforms={"dx": "x0 - x2", "m": "x3"}).best
    assert np.allclose(law(x.numpy()), net(x).numpy(), atol=1e-5)
    assert law.full.used == (0, 2, 3)
    assert agrees(net, "0", law, x)
    with pytest.raises(cf.BadInput, match="is no text"):
        laws_of(net, "0", x, transforms={"dx": lambda x: x})


class Force2(nn.Module):
    def forward(self, x):
        return (x[..., :1] - x[..., 2:3]) * x[..., 3:]


def test_outputs_are_chosen_by_number_also_the_first():
    net, x = network(), rows(300, 4)
    first = laws_of(net, "1", x, outputs=[0])
    assert list(first.best.formula.outputs) == ["y0"]
    assert str(first.best.to("text")).strip() == "y0 = 2.5*x0*x1"
    second = laws_of(net, "1", x, outputs=[1]).best
    assert str(second.to("text")).strip() == "y1 = x0 + 0.5*x2"
    said = second(np.ones((2, 3)))
    means = net[1](net[0](x)).mean(0).detach().numpy()
    assert said[:, 1] == pytest.approx(1.5)
    assert said[:, 0] == pytest.approx(means[0], abs=0.1)  # of four in five of the rows
    with pytest.raises(cf.BadInput, match="has 2 outputs"):
        laws_of(net, "1", x, outputs=[2])


def test_few_directions_of_many_outputs_are_turned_until_each_is_simple():
    torch.manual_seed(0)

    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            self.mix = nn.Linear(3, 20)

        def forward(self, x):
            a, b, c, d = x.unbind(-1)
            return self.mix(torch.stack([torch.sin(a), b * c, d * d], -1))

    net, x = nn.Sequential(Wide()), rows(600, 4)
    laws = laws_of(net, "0", x, reduce="pca")
    assert laws.best.directions.count == 3
    assert laws.lost < 1e-9
    used = sorted(laws.best.formula.only(f"z{i}").used for i in range(3))
    assert used == [(0,), (1, 2), (3,)]
    assert laws.told[laws.chosen].r2 > 0.9999
    assert agrees(net, "0", laws.best, x, tolerance=0.05)
    one = laws_of(net, "0", x, reduce=1, time_limit=3)
    assert one.lost > 0.1 and f"{one.lost:.2%}" in str(one)


def test_several_exact_laws_are_the_best_however_long_they_are_together():
    torch.manual_seed(6)  # a knee at half of the terms, by the rule for one formula
    net = nn.Sequential(nn.Linear(4, 3))
    laws = laws_of(net, "0", rows(200, 4))
    assert laws.best.length > 60
    assert laws.told[laws.chosen].r2 > 1 - 1e-9
    assert "is the block" in laws.reason


def test_too_many_outputs_need_directions():
    with pytest.raises(cf.BadInput, match="100 outputs") as caught:
        laws_of(nn.Sequential(nn.Linear(2, 100)), "0", rows(100, 2))
    assert "reduce" in caught.value.hint


def test_batches_of_every_kind_are_taken():
    net, x = network(), rows(120, 4)
    for loader in ([x[:60], x[60:]], [(x, torch.zeros(120))], {"input": x}, (x,), x.numpy()):
        assert cf.hybrid.distill(net, "1", loader, time_limit=0).seen == 120
    called = [{"rows": x, "more": 1}]
    laws = laws_of(net, "1", called, call=lambda net, b: net(b["rows"]), time_limit=0)
    assert laws.seen == 120
    # No time for a search: the best honest answer is linear, and right of the linear output.
    assert laws.best.formula.only("y1").to("text").strip() == "y1 = x0 + 0.5*x2"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "2.weight"}, "no part '2.weight'"),
        ({"rows": "pixels"}, "rows='pixels'"),
        ({"rows": "channels"}, "'channels' does not fit"),
        ({"reduce": 0}, "reduce=0"),
        ({"result": 3}, "returns 1 tensor of"),
        ({"outputs": [0.5]}, "has no meaning"),
        ({"outputs": [0, None]}, "has no meaning"),
        ({"outputs": [[0], [1, 2]]}, "has no meaning"),
        ({"batch_axis": -1}, "batch_axis=-1"),
        ({"cache": 3}, "cache=3 is no path"),
        ({"names": ["a"]}, "1 names for 3 inputs"),
        ({"loader": 3}, "int gives no batches"),
        ({"loader": rows(200, 7)}, "cannot be called"),
        ({"loader": rows(10, 4)}, "too few"),
        ({"loader": []}, "never calls"),
        ({"time_limit": -1}, "time_limit=-1"),
    ],
)
def test_bad_input_is_told(options, said):
    options = {"name": "1", "loader": rows(100, 4), "time_limit": 0, **options}
    with pytest.raises(cf.BadInput, match=said):
        cf.hybrid.distill(network(), **options)


def test_laws_are_saved_and_loaded_all_of_them(tmp_path):
    net, x = network(), rows(200, 4)
    laws = laws_of(net, "1", x)
    laws.save(tmp_path / "laws.json")
    read = cf.hybrid.load(tmp_path / "laws.json")
    assert str(read) == str(laws)
    for own, other in zip(laws, read, strict=True):
        assert np.array_equal(own(rows(9, 3).numpy()), other(rows(9, 3).numpy()))
    assert agrees(net, "1", read.best, x)


def test_importing_it_imports_no_torch():
    import subprocess
    import sys

    code = "import sys, closedform as cf; cf.hybrid.distill; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

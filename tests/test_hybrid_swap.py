"""A formula in the place of a part of a network: shapes, types, gradients, state and export."""

import copy
import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import closedform as cf  # noqa: E402
from closedform import ops  # noqa: E402
from closedform.hybrid.directions import Directions  # noqa: E402
from closedform.hybrid.law import BlockLaw  # noqa: E402
from closedform.hybrid.layout import Layout, Slot  # noqa: E402
from hybrid_networks import (  # noqa: E402
    Known,
    Repeated,
    formula,
    known_formula,
    known_law,
    network,
    rows,
)

swap, restore = cf.hybrid.swap, cf.hybrid.restore


def close(a, b, tolerance=1e-5):
    """Float32 has 7 digits; what is compared is of size 1 to 10."""
    return torch.allclose(a.double(), b.double(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", [(5, 4), (2, 7, 4), (2, 3, 5, 4), (4,)])
def test_a_formula_takes_and_gives_the_shapes_of_the_part(shape):
    net, x = network(), rows(*shape)
    before = net(x)
    swap(net, "1", known_law())
    assert net(x).shape == before.shape
    assert close(net(x), before)


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    [(torch.float64, 1e-12), (torch.bfloat16, 0.1), (torch.float16, 0.02)],
)
def test_types_are_those_of_the_part(dtype, tolerance):
    net, x = network().to(dtype), rows(50, 4).to(dtype)
    before = net(x)
    made = swap(net, "1", known_law())
    assert net(x).dtype is dtype
    assert made.constants.dtype is dtype
    assert close(net(x), before, tolerance)


def test_a_network_in_halves_computes_its_formula_in_single_precision():
    net, x = nn.Sequential(Known()), 200 * rows(50, 3)
    swap(net, "0", formula(ops.lin(0, (1e-3, ops.mul(*[ops.input_(0)] * 2))), ops.input_(1)))
    found = net.half()(x.half())
    # 200² and more is beyond the range of float16, where 65,504 is the greatest number.
    assert found.isfinite().all()
    assert close(found[:, 0], 1e-3 * x[:, 0] ** 2, 0.01)


def test_the_part_leaves_the_state_dict_and_the_parameters():
    net = nn.Sequential(nn.Linear(4, 3), nn.Sequential(nn.Linear(3, 300), nn.Linear(300, 2)))
    before = sum(v.numel() for v in net.state_dict().values())
    swap(net, "1", known_law())
    state = net.state_dict()
    assert list(state) == ["0.weight", "0.bias", "1.constants"]
    assert sum(v.numel() for v in state.values()) == 17 < before
    assert sum(p.numel() for p in net.parameters()) == 17
    assert all(isinstance(v, torch.Tensor) for v in state.values())


def test_a_state_dict_is_loaded_strictly_into_another_network_with_the_formula():
    net, other, x = network(), network(1), rows(9, 4)
    swap(net, "1", known_law(weight=7.0))
    swap(other, "1", known_law())
    other.load_state_dict({k: v.clone() for k, v in net.state_dict().items()}, strict=True)
    assert torch.equal(net(x), other(x))
    assert "7*x0*x1" in str(other[1].formula())


def test_weights_alone_are_saved_and_loaded_without_a_pickle_of_code(tmp_path):
    net = network()
    swap(net, "1", known_law())
    torch.save(net.state_dict(), tmp_path / "net.pt")
    state = torch.load(tmp_path / "net.pt", weights_only=True)
    net.load_state_dict(state, strict=True)


def test_the_part_comes_back_unchanged_and_the_state_loads_strictly():
    net, x = network(), rows(9, 4)
    part, before, state = net[1], net(x), copy.deepcopy(net.state_dict())
    swap(net, "1", known_law(weight=9.0))
    swap(net, "1", known_law(weight=8.0))  # a second formula: the part is still the part
    assert restore(net, "1") is part is net[1]
    assert torch.equal(net(x), before)
    net.load_state_dict(state, strict=True)


def test_parts_within_parts_come_back_one_after_the_other():
    net = nn.Sequential(nn.Sequential(Known(), nn.Linear(2, 2)), nn.Linear(2, 1))
    x, inner, outer = rows(9, 3), net[0][0], net[0]
    before = net(x)
    swap(net, "0.0", known_law(weight=3.0))
    within = net(x)
    swap(net, "0", known_law())
    with pytest.raises(cf.BadInput, match=r"no part '0\.0'"):
        restore(net, "0.0")
    assert restore(net, "0") is outer
    assert torch.equal(net(x), within)
    assert restore(net, "0.0") is inner
    assert torch.equal(net(x), before)


def test_a_part_that_stands_at_two_places_is_swapped_at_both():
    part = nn.Linear(2, 2)
    net = nn.ModuleDict({"a": part, "b": part})
    law = formula(ops.input_(0), ops.lin(0, (3.0, ops.input_(1))), inputs=2)
    made = swap(net, "b", law)
    assert net["a"] is net["b"] is made
    assert list(net.state_dict()) == ["a.constants", "b.constants"]
    restore(net, "a")
    assert net["a"] is net["b"] is part


def test_constants_train_and_the_formula_is_read_back():
    net, x = network(), rows(400, 4)
    target = net(x).detach()
    made = swap(net, "1", known_law(weight=1.5, half=-0.3))
    first = loss = nn.functional.mse_loss(net(x), target)
    optimiser = torch.optim.Adam([made.constants], lr=0.05)
    for _ in range(150):
        optimiser.zero_grad()
        loss = nn.functional.mse_loss(net(x), target)
        loss.backward()
        optimiser.step()
    assert loss < 1e-4 * first
    read = made.formula()
    row = np.array([[1.0, 1.0, 1.0]])
    assert np.allclose(read(row), [[2.5, 1.5]], atol=1e-2)  # the constants of the part itself
    assert np.allclose(read(row), made(torch.ones(1, 3)).detach().numpy(), atol=1e-6)
    assert made.now()(row) == pytest.approx(read(row))


def test_constants_are_frozen_on_request_and_all_of_them_train_on_request():
    net, x = network(), rows(9, 4)
    before = net(x)
    frozen = swap(net, "1", known_law(), trainable=False)
    assert not list(frozen.parameters())
    assert "1.constants" in net.state_dict()
    every = swap(net, "1", known_law(), trainable="all")
    assert close(net(x), before)
    # w·x0·x1, x0 + h·x2: two numbers are written; a factor 1, a bias 0 each and the outer ones too.
    assert every.constants.numel() > 2
    with pytest.raises(cf.BadInput, match="trainable='some'"):
        swap(net, "1", known_law(), trainable="some")


def test_gradients_reach_what_lies_before_the_formula_and_are_right():
    net = network().double()
    swap(net, "1", known_law())
    x = rows(6, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(net, (x,))
    net(x).sum().backward()
    assert net[0].weight.grad.abs().sum() > 0


def test_a_root_of_nothing_gives_no_nan_as_a_gradient():
    net = nn.Sequential(Known())
    swap(net, "0", formula(ops.sqrt(ops.input_(0)), ops.log(ops.input_(1))))
    x = torch.tensor([[4.0, 1.0, 0.0]], requires_grad=True)
    net(x).sum().backward()
    assert x.grad.tolist() == [[0.25, 1.0, 0.0]]


def test_it_is_exported_and_compiled():
    net, x = network(), rows(6, 4)
    swap(net, "1", known_law())
    program = torch.export.export(net, (x,))
    assert close(program.module()(x), net(x))
    compiled = torch.compile(copy.deepcopy(net), backend="eager", fullgraph=True)
    assert close(compiled(x), net(x))


def test_it_is_copied_and_the_copy_has_constants_of_its_own():
    net, x = network(), rows(6, 4)
    swap(net, "1", known_law())
    other = copy.deepcopy(net)
    with torch.no_grad():
        other[1].constants.mul_(2)
    assert not close(other(x), net(x))
    restore(other, "1")
    assert isinstance(net[1], type(net[1])) and isinstance(other[1], Known)


def test_a_whole_network_is_pickled_by_those_who_do_so(tmp_path):
    net, x = network(), rows(6, 4)
    swap(net, "1", known_law())
    torch.save(net, tmp_path / "net.pt")
    other = torch.load(tmp_path / "net.pt", weights_only=False)
    assert torch.equal(other(x), net(x))
    restore(other, "1")
    assert close(other(x), net(x))


def test_any_formula_of_numbers_stands_in_a_network_and_only_constants_are_saved():
    trees = pytest.importorskip("sklearn.tree")
    x = rows(200, 3)
    y = (x[:, 0] * x[:, 1]).numpy()
    model = trees.DecisionTreeRegressor(max_depth=4, random_state=0).fit(x.numpy(), y)
    net = nn.Sequential(nn.Linear(3, 1))
    swap(net, "0", cf.read(model))
    assert np.allclose(net(x)[..., 0].detach().numpy(), model.predict(x.numpy()), atol=1e-6)
    assert list(net.state_dict()) == ["0.constants"]
    before = net(x)
    assert torch.equal(net.half().float()(x), before)  # thresholds and leaves are not halved
    net.double()
    assert np.allclose(net(x.double())[..., 0].numpy(), model.predict(x.numpy()), rtol=1e-14)


def test_a_formula_reads_one_argument_of_several_by_name_or_place():
    class Gate(nn.Module):
        def forward(self, x, scale, *, shift=None):
            return x * scale + shift

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.gate = Gate()

        def forward(self, x, scale):
            return self.gate(x, scale=scale, shift=1.0)

    x, scale = ops.input_(0), ops.input_(1)
    slots = (Slot(("x",), 1, bare=True), Slot(("scale",), 1, bare=True))
    law = BlockLaw(
        formula(ops.lin(1, (1, ops.mul(x, scale))), inputs=2),
        Layout("elements", slots, (Slot((), 1, bare=True),)),
    )
    net, a, b = Net(), rows(3, 5), rows(3, 1, seed=1)
    before = net(a, b)
    swap(net, "gate", law)
    assert close(net(a, b), before)
    assert net.gate(a, b).shape == (3, 5)


def test_channels_and_whole_entries_keep_their_places():
    net, x = nn.Sequential(nn.Conv2d(3, 2, 1)), rows(2, 3, 4, 5)
    weight, bias = net[0].weight.detach()[:, :, 0, 0].tolist(), net[0].bias.tolist()
    inputs = [ops.input_(i) for i in range(3)]
    roots = [ops.lin(b, *zip(w, inputs, strict=True)) for w, b in zip(weight, bias, strict=True)]
    law = BlockLaw(formula(*roots), Layout("channels", (Slot(("input",), 3),), (Slot((), 2),)))
    before = net(x)
    swap(net, "0", law)
    assert close(net(x), before)
    other = nn.Sequential(nn.Flatten(0))
    whole = Layout(
        "whole", (Slot(("input",), 2, (2,), 1),), (Slot((), 2, (2,), 1), Slot((), 1, (), 0))
    )
    a, b = ops.input_(0), ops.input_(1)
    made = BlockLaw(formula(b, a, ops.lin(0, (1, a), (1, b)), inputs=2), whole, (0, None, [1]))
    swap(other, "0", made)
    turned, nothing, (total,) = other(rows(2, 7))
    assert nothing is None
    assert torch.equal(turned, rows(2, 7).flip(0))
    assert close(total, rows(2, 7).sum(0))


def test_directions_and_means_of_the_rest_are_part_of_the_module():
    back = np.array([[1.0, 0.0], [2.0, 1.0], [0.0, -1.0]])
    found = Directions(np.array([0.5, 0.0, 1.0]), np.linalg.pinv(back), back, 1.0)
    rest = np.array([np.nan, 4.0, np.nan, np.nan])
    law = BlockLaw(
        known_formula(), Layout("last", (Slot(("x",), 3),), (Slot((), 4),)),
        directions=found, rest=rest,
    )  # fmt: skip
    net, x = nn.Sequential(Known()), rows(20, 3)
    before = net(x).detach().numpy()
    made = swap(net, "0", law)
    expected = np.insert(np.array([0.5, 0.0, 1.0]) + before @ back.T, 1, 4.0, axis=1)
    assert np.allclose(net(x).detach(), expected, atol=1e-5)
    assert np.allclose(law.full(x.numpy()), expected, atol=1e-5)
    assert np.allclose(law(x.numpy()), expected, atol=1e-5)
    assert sorted(made.state_dict()) == ["back", "centre", "constants"]


def test_laws_are_saved_as_json_and_loaded(tmp_path):
    back = np.array([[1.0, 0.0], [2.0, 1.0], [0.0, -1.0]])
    found = Directions(np.array([0.5, 0.0, 1.0]), np.linalg.pinv(back), back, 1.0)
    layout = Layout("whole", (Slot(("a", 1), 3, (3,)),), (Slot((0,), 4, (4,)),), ((("b",), 0),))
    law = BlockLaw(known_formula(), layout, ({"h": 0}, None), found, np.array([np.nan] * 3 + [2.0]))
    law.save(tmp_path / "law.json")
    json.loads((tmp_path / "law.json").read_text())
    read = cf.hybrid.load(tmp_path / "law.json")
    assert read.layout == layout
    assert read.returned == ({"h": 0}, None)
    x = rows(9, 3).numpy()
    assert np.array_equal(read(x), law(x))


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", '{"format": "closedform block", "version": 2}', '{"format": "pickle"}'],
)
def test_a_file_that_is_no_law_is_refused(tmp_path, text):
    (tmp_path / "law.json").write_text(text)
    with pytest.raises(cf.ClosedformError, match=r"law\.json"):
        cf.hybrid.load(tmp_path / "law.json")
    with pytest.raises(cf.ClosedformError, match="nothing there"):
        cf.hybrid.load(tmp_path / "nothing there")


@pytest.mark.parametrize(
    ("name", "law", "said"),
    [
        ("7", known_law(), "no part '7'"),
        ("", known_law(), "out of itself"),
        ("1", "x0 + x1", "str cannot stand"),
    ],
)
def test_what_cannot_be_swapped_is_said(name, law, said):
    with pytest.raises(cf.BadInput, match=said):
        swap(network(), name, law)


def test_no_formula_is_no_silent_network():
    net = network()
    with pytest.raises(cf.BadInput, match="No formula stands"):
        restore(net, "1")
    with pytest.raises(cf.BadInput, match=r"no torch\.nn\.Module"):
        swap(known_formula(), "1", known_law())


def test_a_part_that_is_called_three_times_is_one_formula():
    net, x = Repeated(), rows(9, 2)
    before = net(x)
    a, b = ops.input_(0), ops.input_(1)
    swap(net, "part", formula(ops.mul(a, b), ops.lin(0, (0.5, a)), inputs=2))
    assert close(net(x), before)


def test_a_network_moved_since_takes_its_part_along():
    net = network()
    swap(net, "1", known_law())
    net.double()
    restore(net, "1")
    assert net(rows(3, 4).double()).dtype is torch.float64

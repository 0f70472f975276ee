"""How networks call their parts: by names, with records coming out, past them; what is refused."""

import json
import pickle
from collections import OrderedDict, namedtuple
from dataclasses import dataclass

import pytest
import torch
from torch import nn

import closedform as cf
from closedform.errors import BadFile, BadInput
from hybrid_networks import known_law, network, rows

Pair = namedtuple("Pair", "product total")


@dataclass
class Answer:
    """A record of the part's own."""

    product: torch.Tensor
    total: torch.Tensor | None = None


class Entries(OrderedDict):
    """As transformers return: entries are attributes, and have numbers."""

    def __getattr__(self, name):
        return self[name]


class Part(nn.Module):
    """x0·x1 of one tensor, and the sum of two, in a record."""

    def __init__(self, made):
        super().__init__()
        self.made = made
        self.bias, self.unit, self.constants, self.width = True, "kg", 2, 3

    def forward(self, x, **others):
        return self.made(product=x[:, :1] * x[:, 1:2], total=x[:, :1] + others["other"])


class Net(nn.Module):
    """A network that reads its part's record by the names of its fields."""

    def __init__(self, made):
        super().__init__()
        self.part = Part(made)

    def forward(self, x):
        said = self.part(x[:, :2], other=x[:, 2:])
        return said.product + 2 * said.total


def laws_of(net, name, loader, **options):
    return cf.hybrid.distill(net, name, loader, **{"time_limit": 10, "engines": [], **options})


@pytest.mark.parametrize("made", [Pair, Answer, Entries])
def test_records_come_out_as_the_part_gave_them_also_after_files_and_copies(made, tmp_path):
    net, x = Net(made), rows(100, 3)
    laws = laws_of(net, "part", x)
    assert laws.best.text.split("\n")[:2] == ["y0 = x0*x1", "y1 = x0 + others_other"]
    wanted = net(x)
    laws.best.save(tmp_path / "law.json")
    cf.hybrid.swap(net, "part", cf.hybrid.load(tmp_path / "law.json"))
    for own in (net, pickle.loads(pickle.dumps(net))):
        # One product and two sums in float32, in another order.
        torch.testing.assert_close(own(x), wanted, atol=1e-6, rtol=1e-6)
    assert net.part.width == 3
    said = net.part(x[:, :2], other=x[:, 2:])
    assert torch.equal(said[1], said.total)
    with pytest.raises(BadInput, match=r"reads the argument others\.other"):
        net.part(x[:, :2])
    cost = lambda net, batch: ((net(batch) - wanted) ** 2).mean()  # noqa: E731
    assert cf.hybrid.controls(net, "part", laws, cost, [x])["formula"].cost < 1e-9


def test_a_layer_that_reads_the_weights_of_its_parts_calls_a_formula_in_their_place():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(2, 1, 3, batch_first=True, activation="gelu")
    net = nn.Sequential(layer).eval()
    x = rows(60, 4, 2)
    laws = laws_of(net, "0.linear1", x)
    with torch.no_grad():
        wanted = net(x)
        made = cf.hybrid.swap(net, "0.linear1", laws.best)
        said = net(x)
    assert made.in_features == 2  # what is no weight is there to be read
    torch.testing.assert_close(said, wanted, atol=1e-4, rtol=0)  # a law of 4 digits


def test_attention_that_always_was_to_itself_is_refused_to_others():
    class Itself(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(2, 1, batch_first=True)

        def forward(self, x):
            return self.attention(x, x, x)[0]

    net, x = Itself(), rows(50, 2, 2)
    formula = cf.hybrid.swap(
        net, "attention", laws_of(net, "attention", x, result=0, time_limit=0)[0]
    )
    assert net(x).shape == x.shape
    assert formula(x, x.clone(), x)[0].shape == x.shape
    gap = x.clone()
    gap[0] = torch.nan
    assert formula(gap, gap.clone(), gap)[0].shape == x.shape
    for other in (x + 1, x[:1], None):
        with pytest.raises(BadInput, match="key was the same as another one"):
            formula(x, other, x)


def test_calls_with_another_factor_are_no_rows_of_one_law():
    class Scaled(nn.Module):
        def forward(self, x, scale):
            return scale * x[:, :1] * x[:, 1:]

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.scaled = Scaled()

        def forward(self, x):
            return self.scaled(x, 2.0) + self.scaled(x, 5.0)

    laws = laws_of(Twice(), "scaled", rows(100, 2))
    assert laws.best.text.strip() == "y = 2*x0*x1" and laws.seen == 100
    assert any("1 call with other values" in note for note in laws.notes)


def test_a_part_that_answers_some_rows_alone_is_asked_about_them():
    class Logarithm(nn.Module):
        def forward(self, x):
            return torch.log(x[:, :1]) * x[:, 1:]

    laws = laws_of(nn.Sequential(Logarithm()), "0", rows(300, 2))
    assert laws.best.text.split("\n")[0] == "y = x1*log(x0)"
    assert any("150 of 300 rows are not finite" in note for note in laws.notes)


def test_a_part_that_takes_no_float64_is_asked_in_its_own_type():
    class Single(nn.Module):
        def forward(self, x):
            return (x @ torch.eye(2)).prod(-1)  # made in float32: other types do not multiply

    laws = laws_of(nn.Sequential(Single()), "0", rows(200, 2))
    assert laws.best.text.strip() == "y = x0*x1" and laws.oracle is not None
    assert not laws.oracle.double


def test_what_torch_export_made_is_refused_once_and_clearly():
    made = torch.export.export(nn.Sequential(nn.Linear(2, 2)), (rows(4, 2),)).module()
    with pytest.raises(BadInput, match=r"torch\.export made"):
        laws_of(made, "0", rows(100, 2))


def test_what_a_part_draws_is_not_what_its_rows_were_drawn_from():
    class Noisy(nn.Module):
        def forward(self, x):
            return x + torch.randn_like(x)

    torch.manual_seed(0)
    laws = laws_of(nn.Sequential(Noisy()), "0", torch.randn(200, 2), time_limit=0)
    assert laws.told[laws.chosen].r2 < 0.7  # half of the variance is noise; it was 1
    assert any("more than the row" in note for note in laws.notes)


def test_what_only_passes_batches_on_takes_them_as_the_network_within():
    net = nn.DataParallel(network())
    laws = laws_of(net, "module.1", [(rows(100, 4), torch.zeros(100))], time_limit=0)
    assert laws.seen == 100


def test_parts_that_are_not_there_now_are_told():
    net, x = nn.Sequential(network(), nn.Linear(1, 1)), rows(60, 4)
    cf.hybrid.swap(net, "0", laws_of(net, "0", x, time_limit=0)[0])
    with pytest.raises(BadInput, match=r"a formula stands in the place of '0'"):
        cf.hybrid.restore(net, "0.1")
    with pytest.raises(BadInput, match="meta device"):
        laws_of(network().to("meta"), "1", x)


def test_a_certificate_names_the_part():
    laws = laws_of(network(), "1", rows(60, 4), time_limit=0)
    assert laws.verify().subject == "formula against the part 1"


def changed(where, value):
    def change(made):
        *path, last = where
        for key in path:
            made = made[key]
        made[last] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        changed(["inputs", 0, "size"], 10**9),
        changed(["inputs", 0, "size"], -3),
        changed(["inputs", 0, "size"], float("inf")),
        changed(["inputs", 0, "axis"], -1),
        changed(["rows"], "whole"),
        changed(["rows"], ["last"]),
        changed(["returned"], None),
        changed(["returned"], 1),
        changed(["returned"], {"tuple": [0, 0]}),
        changed(["returned"], {"named": ["import os", [["a", 0]]]}),
        changed(["tied"], [[["key"], 9]]),
        changed(["rest"], [1.0, 2.0]),
        changed(["rest"], [None, None, None]),
        changed(["directions"], {"centre": [0, 0], "ahead": [[1]], "back": [[1]], "kept": 1}),
        changed(["version"], 99),
    ],
)
def test_a_file_whose_parts_do_not_fit_is_refused_when_it_is_read(change, tmp_path):
    made = json.loads(known_law().to_json())
    change(made)
    (tmp_path / "law.json").write_text(json.dumps(made))
    with pytest.raises(BadFile, match=r"law\.json: "):
        cf.hybrid.load(tmp_path / "law.json")


@pytest.mark.parametrize("content", ["[]", "3", "{}", "{", "[" * 100_000, b"\xff\xfe"])
def test_what_is_no_law_is_refused_in_one_sentence(content, tmp_path):
    path = tmp_path / "law.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadFile, match="no laws of a block"):
        cf.hybrid.load(path)
    with pytest.raises(BadFile, match="No such file"):
        cf.hybrid.load(tmp_path / "none.json")


def test_images_of_many_outputs_are_told_that_patches_are_no_rows():
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Tanh())
    with pytest.raises(BadInput, match="144 outputs") as caught:
        laws_of(net, "0", rows(40, 1, 6, 6))
    assert "patches of images are no rows" in caught.value.hint

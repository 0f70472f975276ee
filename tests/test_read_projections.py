"""Partial least squares, sparse components and codes, hidden units and word weights."""

import numpy as np
import pytest
from sklearn import cross_decomposition as cross
from sklearn import decomposition as dec
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE, Isomap, LocallyLinearEmbedding
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelBinarizer, StandardScaler

import closedform as cf
import made_up as data
from battery import Case, check_reader, fit
from closedform.errors import UnsupportedModel
from test_read_bayes import word_counts

PLS, DL = cross.PLSRegression, dec.DictionaryLearning
ATOMS = np.random.default_rng(8).normal(size=(5, 4))


def standard_pairs():
    """Two numbers to predict, columns of one size."""
    x, y = data.two_numbers()
    return x / x.std(axis=0), y


def of(model, **options):
    """The model as a transformer, at the end of a pipeline."""
    return make_pipeline(model.set_params(**options), "passthrough")


CASES = [
    Case(PLS(), data.two_numbers),
    Case(PLS(1), data.frame),
    Case(PLS(3, scale=False), data.numbers),
    Case(PLS(1), data.one_column),
    Case(PLS(2), data.same_columns),
    Case(PLS(1), data.constant),
    Case(of(PLS(3)), data.frame),
    Case(of(PLS(2, scale=False)), data.two_numbers),
    Case(cross.PLSCanonical(2), standard_pairs),
    Case(of(cross.PLSCanonical(1)), data.two_numbers),
    Case(cross.CCA(2, max_iter=2000), standard_pairs),
    Case(of(cross.CCA(1)), standard_pairs),
    Case(cross.PLSSVD(2), data.two_numbers),
    Case(cross.PLSSVD(1, scale=False), standard_pairs),
    Case(dec.SparsePCA(2, random_state=0), data.standard_numbers),
    Case(dec.SparsePCA(3, alpha=20, random_state=0), data.standard_numbers, note="zeros"),
    Case(dec.SparsePCA(2, alpha=20, ridge_alpha=0, random_state=0), data.standard_numbers),
    Case(dec.MiniBatchSparsePCA(2, ridge_alpha=0.5, random_state=0), data.frame),
    Case(BernoulliRBM(3, random_state=0, n_iter=3), data.standard_numbers),
    Case(dec.SparseCoder(ATOMS, transform_algorithm="threshold"), data.numbers),
    Case(dec.SparseCoder(ATOMS, transform_algorithm="threshold", transform_alpha=0.3,
                         split_sign=True), data.numbers),
    Case(dec.SparseCoder(ATOMS, transform_algorithm="threshold", positive_code=True),
         data.numbers),
    Case(dec.SparseCoder(ATOMS, transform_algorithm="threshold", positive_code=True,
                         split_sign=True), data.numbers),
    Case(DL(3, transform_algorithm="threshold", random_state=0), data.standard_numbers),
    Case(dec.MiniBatchDictionaryLearning(3, transform_algorithm="threshold", alpha=0.2,
                                         random_state=0), data.standard_numbers),
    Case(TfidfTransformer(), word_counts),
    Case(TfidfTransformer(norm="l1", smooth_idf=False), word_counts),
    Case(TfidfTransformer(norm=None, use_idf=False), word_counts),
    Case(TfidfTransformer(sublinear_tf=True), word_counts),
    Case(TfidfTransformer(sublinear_tf=True, norm=None), word_counts),
    Case(make_pipeline(TfidfTransformer(), LogisticRegression()), word_counts),
    Case(make_pipeline(StandardScaler(), PLS(2)), data.frame),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_projection_and_its_formula_agree(case):
    model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)


def test_a_step_that_iterates_or_only_places_its_own_rows_says_so():
    x, y = data.standard_numbers()
    positive = np.abs(x)
    for model, rows, said in [
        (dec.NMF(2, max_iter=20), positive, "by iteration"),
        (dec.LatentDirichletAllocation(2), positive, "by iteration"),
        (DL(2, transform_algorithm="omp"), x, "transform_algorithm='omp'.*has no formula"),
        (TSNE(), x, "never new ones"),
        (Isomap(), x, "shortest paths"),
        (LocallyLinearEmbedding(), x, "equations of each row's neighbours"),
    ]:
        with pytest.raises(UnsupportedModel, match=f"(?s){said}"):
            cf.read(fit(model, rows, y))
    with pytest.raises(UnsupportedModel, match="targets, not columns"):
        cf.read(LabelBinarizer().fit(["a", "b", "c"]), names=["x"])

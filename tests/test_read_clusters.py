"""Clusters, mixtures and envelopes against their own predictions."""

import numpy as np
import pytest
from sklearn import cluster, mixture
from sklearn.covariance import EllipticEnvelope, MinCovDet
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KernelDensity, LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform as cf
import made_up as data
from battery import Case, ask, check_reader, fit
from closedform.errors import UnsupportedModel

KM, GM, BM = cluster.KMeans, mixture.GaussianMixture, mixture.BayesianGaussianMixture


def spots():
    """Three round spots in a DataFrame."""
    x, y = data.frame()
    spread = np.array([1, 10, 0.01, 1000])
    return x + np.outer(np.arange(len(x)) % 3, 6 * spread), y


def far_spots():
    """Three spots far from zero."""
    x, y = data.numbers()
    return x / x.std(axis=0) + np.outer(np.arange(len(x)) % 3, [5, 0, 5, 5]) + 1e3, y


def flat():
    """Columns of deficient rank."""
    x, y = data.standard_numbers()
    return np.column_stack([x, x.iloc[:, 0] + x.iloc[:, 1]]), y


KINDS = ("full", "tied", "diag", "spherical")
PRIORS = ("dirichlet_process", "dirichlet_distribution")
CASES = [
    Case(KM(3, random_state=0, n_init=2), spots),
    Case(KM(8, random_state=0, n_init=2), data.standard_numbers),
    Case(KM(2, random_state=0, n_init=2), data.one_column),
    Case(KM(1, n_init=1), data.numbers),
    Case(KM(5, random_state=0, n_init=1, algorithm="elkan"), far_spots),
    Case(cluster.MiniBatchKMeans(4, random_state=0, n_init=2), spots),
    Case(cluster.BisectingKMeans(6, random_state=0), spots),
    Case(cluster.BisectingKMeans(5, random_state=0, bisecting_strategy="largest_cluster"),
         data.standard_numbers),
    Case(cluster.BisectingKMeans(1, random_state=0), data.numbers),
    Case(cluster.MeanShift(bandwidth=2.5), data.standard_numbers),
    Case(cluster.MeanShift(bandwidth=1.5, cluster_all=False), data.standard_numbers),
    Case(cluster.AffinityPropagation(random_state=0), data.standard_numbers),
    Case(cluster.AffinityPropagation(random_state=0, max_iter=1), data.numbers, note="no centre"),
    Case(cluster.Birch(n_clusters=3), data.standard_numbers),
    Case(cluster.Birch(n_clusters=None, threshold=1), data.standard_numbers),
    Case(cluster.Birch(n_clusters=cluster.KMeans(2, n_init=1, random_state=0)), spots),
    *[Case(GM(3, covariance_type=k, random_state=0), spots) for k in KINDS],
    *[Case(GM(2, covariance_type=k, random_state=0), data.standard_numbers) for k in KINDS],
    # A diagonal or spherical mixture computes x² − 2x·μ + μ², which loses (μ/σ)² = 1e6 of digits.
    *[Case(GM(3, covariance_type=k, random_state=0), far_spots, rtol=1e-7) for k in KINDS],
    Case(GM(1), data.numbers),
    Case(GM(2), data.one_column),
    *[Case(BM(n_components=4, covariance_type=k, random_state=0), data.standard_numbers)
      for k in KINDS],
    *[Case(BM(n_components=3, weight_concentration_prior_type=p, random_state=0), spots)
      for p in PRIORS],
    Case(EllipticEnvelope(random_state=0), data.numbers),
    Case(EllipticEnvelope(random_state=0, contamination=0.3), spots),
    Case(EllipticEnvelope(store_precision=False, random_state=0), data.standard_numbers),
    Case(EllipticEnvelope(assume_centered=True, random_state=0), data.standard_numbers),
    Case(make_pipeline(StandardScaler(), KM(3, random_state=0, n_init=2)), spots),
    Case(make_pipeline(StandardScaler(), GM(3, random_state=0)), data.frame),
    Case(make_pipeline(KM(3, random_state=0, n_init=2), LogisticRegression()), data.standard_three),
    # scikit-learn's own distance loses half of the digits of a row that is (nearly) a centre.
    Case(make_pipeline(KM(8, random_state=0, n_init=1), "passthrough"), data.standard_three,
         rtol=1e-7),
    Case(make_pipeline(cluster.BisectingKMeans(4, random_state=0), "passthrough"), spots,
         rtol=1e-7),
    Case(make_pipeline(cluster.MiniBatchKMeans(4, random_state=0, n_init=1), "passthrough"),
         data.numbers, rtol=1e-7),
    Case(make_pipeline(cluster.Birch(n_clusters=2, threshold=2), "passthrough"),
         data.standard_numbers, rtol=1e-7),
    Case(cluster.FeatureAgglomeration(2), data.frame),
    Case(cluster.FeatureAgglomeration(3, pooling_func=np.max), data.standard_numbers),
    Case(cluster.FeatureAgglomeration(2, pooling_func=np.min), data.numbers),
    Case(cluster.FeatureAgglomeration(1, pooling_func=np.sum), data.numbers),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_model_of_clusters_and_its_formula_agree(case):
    model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)


def test_a_mixture_has_its_density_beside_the_chances():
    rows, _ = spots()
    for kind in KINDS:
        for model in (GM(3, covariance_type=kind), BM(n_components=3, covariance_type=kind)):
            fit(model.set_params(random_state=0), rows, None)
            got = cf.read(model)(rows, "score_samples")
            np.testing.assert_allclose(got, model.score_samples(rows), rtol=1e-9)


def test_an_envelope_has_its_score_beside_the_decision():
    rows, y = data.standard_numbers()
    for model in (EllipticEnvelope(random_state=0), LocalOutlierFactor(novelty=True)):
        got = cf.read(fit(model, rows, y))(rows, "score_samples")
        np.testing.assert_allclose(got, ask(model, "score_samples", rows), rtol=1e-9)


def test_far_out_the_first_of_equally_near_clusters_is_given_as_by_the_model():
    rows, y = data.standard_numbers()
    model = fit(cluster.MeanShift(bandwidth=1.5), rows, y)
    far = np.array([[1e30, 0, 0, 0], [-1e30, 0, 0, 0]])
    assert len(model.cluster_centers_) > 3
    assert cf.read(model)(far).tolist() == ask(model, "predict", far).tolist() == [0, 0]
    assert cf.read(model).verify(model, rows).ok


def test_a_cluster_is_printed_with_its_scores_and_its_borders():
    rows, y = spots()
    text = str(cf.read(fit(KM(3, random_state=0, n_init=2), rows, y)))
    assert "class = the class c with the greatest g(c)" in text
    assert all(f"\ng({c}) = " in text for c in range(3)) and "g(0) - g(1) = 0, that is" in text


def test_what_cannot_predict_is_refused_with_a_hint():
    rows, y = data.standard_numbers()
    near = rows.to_numpy() @ rows.to_numpy().T
    for model, x, said in [
        (cluster.AffinityPropagation(affinity="precomputed", random_state=0), near, "precomputed"),
        (cluster.DBSCAN(), rows, "never new ones"),
        (cluster.AgglomerativeClustering(), rows, "never new ones"),
        (KernelDensity(), rows, "sums bounds"),
        (MinCovDet(random_state=0), rows, "predicts nothing"),
        (cluster.FeatureAgglomeration(2, pooling_func=np.median), rows, "median"),
    ]:
        with pytest.raises(UnsupportedModel, match=said):
            cf.read(fit(model, x, y))


def test_too_many_subclusters_are_refused():
    draw = np.random.default_rng(0).normal(size=(2001, 2))
    model = cluster.Birch(n_clusters=None, threshold=1e-9).fit(draw)
    with pytest.raises(UnsupportedModel, match="2,001 training rows"):
        cf.read(model)

"""Classes that have no formula, or that no reader knows, and what to do about each."""

from __future__ import annotations

from typing import Any

from closedform.readers import registry
from closedform.readers.reading import NO_FORMULA

LABELS_ONLY = (
    "It gives labels to its training rows, never new ones: train a KMeans, or a classifier on "
    "these labels."
)
MAPS_ONLY = "It places its training rows, never new ones: use a PCA."
ITERATES = (
    "Its transform() solves a problem by iteration for each row: use a PCA or a TruncatedSVD."
)
WORDS_ONLY = "It reads words, not columns; read the steps behind it alone."
DICTS_ONLY = "It reads dicts, not columns; use a OneHotEncoder on a DataFrame."
NEIGHBOURS_ONLY = "It gives a graph of neighbours, not columns; read a KNeighborsRegressor instead."
COVARIANCE_ONLY = "It predicts nothing; an EllipticEnvelope has a formula."
TARGETS_ONLY = "It changes targets, not columns; a classifier is read with its labels as they are."
HINTS: dict[str, str] = {
    "PatchExtractor": "It reads images, not columns.",
    "NearestNeighbors": "It predicts nothing; read a KNeighborsRegressor or KNeighborsClassifier.",
    "KernelDensity": "Its tree sums bounds, which leave 1e-7 to all of the density; a "
    "GaussianMixture has a formula.",
    "Isomap": "Its transform() searches for shortest paths among training rows; use a PCA.",
    "LocallyLinearEmbedding": "It solves equations of each row's neighbours; use a PCA.",
    **dict.fromkeys(("TSNE", "MDS", "ClassicalMDS", "SpectralEmbedding"), MAPS_ONLY),
    **dict.fromkeys(("CountVectorizer", "TfidfVectorizer", "HashingVectorizer"), WORDS_ONLY),
    **dict.fromkeys(("DictVectorizer", "FeatureHasher"), DICTS_ONLY),
    **dict.fromkeys(("KNeighborsTransformer", "RadiusNeighborsTransformer"), NEIGHBOURS_ONLY),
    **dict.fromkeys(("LabelBinarizer", "LabelEncoder", "MultiLabelBinarizer"), TARGETS_ONLY),
    **dict.fromkeys(
        (
            "DBSCAN",
            "HDBSCAN",
            "OPTICS",
            "AgglomerativeClustering",
            "SpectralClustering",
            "SpectralBiclustering",
            "SpectralCoclustering",
        ),
        LABELS_ONLY,
    ),
    **dict.fromkeys(("NMF", "MiniBatchNMF", "LatentDirichletAllocation"), ITERATES),
    **dict.fromkeys(
        (
            "EmpiricalCovariance",
            "ShrunkCovariance",
            "LedoitWolf",
            "OAS",
            "MinCovDet",
            "GraphicalLasso",
            "GraphicalLassoCV",
        ),
        COVARIANCE_ONLY,
    ),
}
"""What to do about classes that have no formula, where more can be said than NO_FORMULA."""
LEARN = "Train a model that has a formula (docs/reading.md lists them) on its predictions."
OVERRIDDEN = {"transform", "predict", "predict_proba", "decision_function", "inverse_transform"}
"""Methods by which a class is another one than what it inherits from."""


def unread(model: Any, kind: str) -> tuple[str, str]:
    """Return what is said of a model that no reader knows, and what to do.

    Args:
        model: of a class that is in no table.
        kind: what it stands for: "estimators" or "transformers".
    """
    name = type(model).__name__
    hint = HINTS.get(name, LEARN if kind == "estimators" else NO_FORMULA)
    own = sorted(OVERRIDDEN.intersection(vars(type(model))))
    if not own or type(model).__module__.startswith("sklearn."):
        return f"{name} is not among the {kind} that can be read.", hint
    held = [f".{at}" for at in registry.models_in(vars(model)) if not at.startswith("_")]
    if held and kind == "estimators":
        first = f"If it only calls the model in {held[-1]}, read that."
        hint = f"{first} Else: {hint[0].lower()}{hint[1:]}"
    return f"{name} has a {own[0]}() of its own, whose formula is not known.", hint

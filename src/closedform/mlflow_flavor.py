"""Formulas as models of MLflow: saved, logged, loaded and served without a pickle.

The name is not `mlflow`: a module of that name inside of closedform would be taken for the package
wherever this folder is on the path.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from closedform.about import __version__
from closedform.errors import BadFile, BadInput, ClosedformError, MissingExtra
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.store import load
from closedform.verify.card import card, checked
from closedform.verify.plain import Told

FLAVOR = "closedform"
FILE = "formula.json"
PRINTED = 20_000
"""Symbols up to which the formula is there in LaTeX, too."""


def save_model(
    formula: Formula, path: Any, *, certificate: Told | None = None, signature: Any = None,
    input_example: Any = None, mlflow_model: Any = None, pip_requirements: Any = None,
    **options: Any,
) -> None:  # fmt: skip
    """Write a formula as a model of MLflow into a folder.

    In `data/closedform` stand the formula (as JSON, text and LaTeX), its model card in Markdown
    and, where one is given, the certificate as JSON and Markdown: with the rows on which it differs
    most, as the certificate shows them.

    Args:
        formula: the formula.
        path: a folder that is not there yet.
        certificate: what `formula.verify(model, X)` returned.
        signature: of MLflow; default: that of the example, or of the formula's inputs.
        input_example: a few rows, which MLflow writes beside the model.
        mlflow_model: of MLflow, where it is begun already.
        pip_requirements: default: this version of closedform, and pandas.
        options: of `mlflow.pyfunc.save_model`, as `metadata` or `conda_env`.

    Raises:
        BadInput: it is no formula, or the certificate is none.
        MissingExtra: MLflow is not installed.
    """
    mlflow = _mlflow()
    if not isinstance(formula, Formula):
        raise BadInput(
            f"{type(formula).__name__} is no formula.", hint="Give closedform.read(model)."
        )
    model = mlflow.models.Model() if mlflow_model is None else mlflow_model
    model.add_flavor(FLAVOR, closedform_version=__version__, data=f"data/{FLAVOR}/{FILE}")
    if pip_requirements is None and "conda_env" not in options:
        pip_requirements = [f"closedform=={__version__}", "pandas"]
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / FLAVOR
        data.mkdir()
        _write(data, formula, certificate)
        mlflow.pyfunc.save_model(
            path, loader_module=__name__, data_path=str(data), mlflow_model=model,
            signature=_signature(formula, input_example) if signature is None else signature,
            input_example=input_example, pip_requirements=pip_requirements, **options,
        )  # fmt: skip


def log_model(formula: Formula, name: str = "formula", **options: Any) -> Any:
    """Log a formula as a model of the run that is active; return MLflow's `ModelInfo`.

    Args:
        formula: the formula.
        name: of the model.
        options: of `save_model`, and `registered_model_name`, `metadata`, `tags`, `params`, `step`
            as of MLflow.

    Raises:
        BadInput: as of `save_model`.
        MissingExtra: MLflow is not installed.
    """
    model = _mlflow().models.Model
    return model.log(
        artifact_path=None, name=name, flavor=sys.modules[__name__], formula=formula, **options
    )


def load_model(model_uri: str, dst_path: Any = None) -> Formula:
    """Return the formula that was saved or logged.

    Args:
        model_uri: as "models:/formula/1", "runs:/…/formula", or a folder.
        dst_path: a folder to copy the files to.

    Raises:
        BadFile: the model has no formula, or its file is damaged.
        MissingExtra: MLflow is not installed.
    """
    mlflow = _mlflow()
    folder = Path(
        mlflow.artifacts.download_artifacts(artifact_uri=str(model_uri), dst_path=dst_path)
    )
    flavors = mlflow.models.Model.load(str(folder)).flavors
    if FLAVOR not in flavors:
        raise BadFile(
            f"{model_uri}: a model of another kind: {', '.join(flavors)}.",
            hint="Load it by mlflow, and read it: closedform.read(mlflow.sklearn.load_model(uri)).",
        )
    return load(folder / flavors[FLAVOR]["data"])


class Served:
    """What `mlflow.pyfunc.load_model` asks for predictions."""

    def __init__(self, formula: Formula) -> None:
        """Hold a formula."""
        self.formula = formula

    def predict(self, rows: Any, params: Mapping[str, Any] | None = None) -> Any:
        """Return what the formula says of rows; `params={"output": name}` asks for an output.

        Raises:
            BadInput: a column is absent or of another kind, or there is no such output.
        """
        output = (params or {}).get("output") or None
        if output is not None and output not in self.formula.outputs:
            self.formula.only(output)  # refuses it, and says which there are
        return self.formula(rows, output)


def _load_pyfunc(path: str) -> Served:
    """Return what predicts; MLflow calls this with the folder of the data."""
    return Served(load(Path(path) / FILE))


def _write(folder: Path, formula: Formula, certificate: Told | None) -> None:
    formula.save(folder / FILE)
    texts = {"formula.txt": str(formula) + "\n", "card.md": card(formula, certificate=certificate)}
    if formula.length <= PRINTED:
        with suppress(ClosedformError):  # what LaTeX cannot spell is there as text and JSON
            texts["formula.tex"] = formula.to("latex")
    if certificate is not None:
        texts["certificate.json"] = certificate.to_json() + "\n"
        texts["certificate.md"] = checked(certificate) + "\n"
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def _signature(formula: Formula, example: Any) -> Any:
    """Return what goes in and comes out: of the example, or what the formula's inputs say."""
    from mlflow.models import ModelSignature, infer_signature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    params = ParamSchema([ParamSpec("output", "string", "")])
    if example is not None:
        made = infer_signature(example, formula(example))
        return ModelSignature(made.inputs, made.outputs, params)
    inputs = [
        ColSpec(_type(f), f.name, required=i in formula.needed)
        for i, f in enumerate(formula.inputs)
    ]
    classes = formula.task.classes if formula.task.kind == "classification" else ()
    kind = _type_of(classes) if classes else "double"
    several = len(formula.answer) > 1
    outputs = [ColSpec(kind, name if several else None) for name in formula.answer]
    return ModelSignature(Schema(inputs), Schema(outputs), params)


def _type(feature: Feature) -> Any:
    return "double" if feature.type is Type.REAL else _type_of(feature.categories or ())


def _type_of(labels: Sequence[Any]) -> Any:
    """Return MLflow's type of labels: any, where they are of several."""
    from mlflow.types.schema import AnyType

    for kind, name in ((bool, "boolean"), (int, "long"), (float, "double"), (str, "string")):
        if all(type(label) is kind for label in labels) and labels:
            return name
    return AnyType() if labels else "string"


def _mlflow() -> Any:
    try:
        import mlflow
        import mlflow.pyfunc  # mlflow-skinny comes without pandas, which this needs
    except ImportError:
        raise MissingExtra("mlflow", "mlflow", "a model of MLflow") from None
    return mlflow

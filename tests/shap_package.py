"""The shap package, uncompiled: compiling takes it 6 s, and tests ask about a few rows."""

import warnings

import numba

was = numba.config.DISABLE_JIT
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it warns of its own age
    numba.config.DISABLE_JIT = True
    try:
        import shap
    finally:
        numba.config.DISABLE_JIT = was

__all__ = ["shap"]

"""Certificates: how far a formula, or a printed program, is from the model; and why."""

from __future__ import annotations

from closedform.verify.certificate import Certificate
from closedform.verify.checking import verify
from closedform.verify.differ import Comparison, compare
from closedform.verify.programs import verify_program
from closedform.verify.running import RUNNERS

__all__ = ["RUNNERS", "Certificate", "Comparison", "compare", "verify", "verify_program"]

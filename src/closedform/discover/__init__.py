"""Laws: what a model has learned, looked for by asking it."""

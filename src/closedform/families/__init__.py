"""Framework-free records of a model's parameters, which know how to become nodes."""

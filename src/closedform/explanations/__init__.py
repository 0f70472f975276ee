"""What drives a model and its formula: each explanation of both, side by side."""

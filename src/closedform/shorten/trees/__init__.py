"""Trees and rules that imitate a model: grown on what it says, with few digits."""

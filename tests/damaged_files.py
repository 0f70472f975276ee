"""Bytes of a model file that may be damaged, and how reading them may end."""

import closedform as cf


def read_bytes(raw, path):
    """Return the formula in some bytes, written to a file."""
    path.write_bytes(raw)
    return cf.read(path)


def survives(raw, path):
    """Tell whether some bytes are read; every other end than a clear error fails."""
    try:
        read_bytes(raw, path)
    except (cf.BadFile, cf.UnsupportedModel):
        return False
    return True

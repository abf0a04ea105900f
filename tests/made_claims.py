"""Made-up measurements for all claims, and the files that the claims stage would write of them."""

import numpy as np
import pandas as pd
import torch

from conftest import ROOT
from vaepipe import params
from vaepipe.claims import NAMES, pictures
from vaepipe.claims.conditions import CLAIMS
from vaepipe.claims.inputs import ALL_SIZES, ANY_SEED, COLUMNS
from vaepipe.claims.job import verdicts
from vaepipe.core.files import read_yaml, write_json, write_text
from vaepipe.data.manifest import MNIST
from vaepipe.params import Claims, Matrix
from vaepipe.results import Results

CLASSES = [str(k) for k in range(10)]
SETTINGS = params.from_dict(Claims, read_yaml(ROOT / "params.yaml")["claims"])
# Means that support every claim.
SUPPORTING = {
    "separates": {"knn": {"ae": 90, "vae": 88, "cvae": 20, "pca": 60, "pixels": 92}},
    "cannot_generate": {"frechet": {"ae": 300, "ae-fitted": 250, "vae": 50}},
    "kl_gaussian": {
        "moments": {"ae": 30, "vae": 0.01, "vae-beta0": 9},
        "ks": {"ae": 0.4, "vae": 0.05, "vae-beta0": 0.3},
    },
    "compares": {
        "error": {"vae": 10, "vae-inverted": 9, "gan": 20},
        "seconds": {"vae": 0.01, "vae-inverted": 30, "gan": 30},
    },
    "blurrier": {
        "edges": {"vae": 0.6, "gan": 0.9},
        "laplacian": {"vae": 0.3, "gan": 0.8},
        "grey": {"vae": 0.06, "gan": 0.02},
    },
    "faster": {
        "epoch_seconds": {"vae": 4, "gan": 9},
        "quality_seconds": {"vae": 10, "gan": 40},
        "epochs": {"vae": 4, "gan": 4},
        "target": {"vae": 80, "gan": 80},
        "look_1": {"vae": 300, "gan": 500},
        "look_2": {"vae": 75, "gan": 70},
    },
    "obeys": {"right": {"cvae": 99}, "worst": {"cvae": 97}, "right_0": {"cvae": 98}},
    "closed_form": {"ratio": {"vae": 1.0, "cvae": 1.0}, "closed": {"vae": 20, "cvae": 18}},
}
ROWS = {
    "cannot_generate": ("ae", "ae-fitted", "vae"),
    "compares": ("vae", "original", "vae-inverted", "gan"),
    "blurrier": ("vae", "gan", "vae-cut", "gan-cut"),
    "obeys": ("input", "own", "swapped", "averaged", "left_out"),
}


def made_table(matrix: Matrix, factor: float = 1.0, mixed: bool = False) -> pd.DataFrame:
    """The means of `SUPPORTING` with a little spread over the seeds.

    Args:
        factor: by which the AE's, GAN's and CVAE's means are multiplied: a small one fails claims.
        mixed: only those of every other seed, and only GANs of one learning rate and seed fail.
    """
    rng = np.random.default_rng(0)
    rows = []
    for claim, quantities in SUPPORTING.items():
        for quantity, arms in quantities.items():
            for arm, mean in arms.items():
                for dim in matrix.latent_dims:
                    seeds = [ANY_SEED] if arm in ("pca", "pixels") else matrix.seeds
                    for seed in seeds:
                        kept = mixed and seed % 2 == 0
                        changed = arm.startswith(("ae", "gan", "cvae")) and not kept
                        value = mean * (factor if changed else 1)
                        value *= 1 + 1e-4 * rng.standard_normal()
                        rows.append((claim, quantity, arm, dim, seed, value))
    for arm, share in (("vae", 0.0), ("vae-lr0.02", 0.0), ("gan", 1.0), ("gan-lr0.02", 1.0)):
        for dim in matrix.latent_dims:
            for seed in range(5):
                failed = share if factor == 1 else 1 - share
                if mixed:
                    failed = float(seed == 0 and arm == "gan")
                rows.append(("stabler", "failed", arm, dim, seed, failed))
                rows.append(("stabler", "frechet", arm, dim, seed, 100 + 900 * failed))
    rows.append(("stabler", "failed", "gan", ALL_SIZES, ANY_SEED, 1.0))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def write_claims(results: Results, matrix: Matrix, table: pd.DataFrame | None = None) -> None:
    """The files of the claims stage; without a table those of a matrix that can't answer any."""
    if table is None:
        table = pd.DataFrame({name: [] for name in COLUMNS})
    found = verdicts(table, matrix, SETTINGS, CLASSES)
    write_json(results.claims, found)
    write_text(results.claims_table, table.to_csv(index=False))
    write_text(results.claims_seconds, table[:0].to_csv(index=False))
    grey = torch.linspace(0, 1, 784).repeat(10, 1)
    images = {name: dict.fromkeys(rows, grey) for name, rows in ROWS.items()}
    pictures.draw_all(table, found, images, MNIST, results)
    assert set(found["claims"]) == set(NAMES) == set(CLAIMS)

"""The measurements for each claim: from trained runs to rows of a table, and images to show."""

import math
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from vaepipe.claims import codes, posterior, stability
from vaepipe.claims.conditions import trained_alike
from vaepipe.claims.inputs import ALL_SIZES, ANY_SEED, Inputs, Table, frame, spread
from vaepipe.claims.inversion import invert
from vaepipe.claims.labels import label_effects
from vaepipe.claims.sampling import decoded, gaussian_draws
from vaepipe.claims.sharpness import sharpness
from vaepipe.core.rng import generator
from vaepipe.data.dataset import as_input
from vaepipe.models import objectives
from vaepipe.results import Run

# A part of the measurements, which fills a table of its own.
Part = Callable[[Inputs, Table], None]


def separates(inputs: Inputs, table: Table) -> None:
    """5-NN and linear probe: on codes as the evaluate stage measured them, and on baselines."""
    for run in inputs.of_kind("ae", "vae", "cvae"):
        metrics = inputs.metrics[run.name]
        if "knn_accuracy" in metrics:
            found = {"knn": metrics["knn_accuracy"], "probe": metrics["probe_accuracy"]}
            table.add("separates", run.model, run.latent_dim, run.seed, **found)
    # The images, and their binarised pixels, on which the evaluate stage measured the codes.
    how, seed = inputs.protocol["binarize"], inputs.protocol["evaluation_seed"]
    training = inputs.training.first(inputs.protocol["training_images"])
    x = as_input(training.pixels, how, generator(seed, "evaluation training"))
    seen = as_input(inputs.test.pixels, how, generator(seed, "evaluation"))
    dims = [d for d in inputs.matrix.latent_dims if d <= x.shape[1]]
    if not dims:  # no code is smaller than the pixels
        return
    found = codes.baselines((x, training.labels), (seen, inputs.test.labels), dims)
    for (name, dim), values in found.items():
        accuracies = {"knn": values["knn_accuracy"], "probe": values["probe_accuracy"]}
        for size in [dim] if dim else dims:
            table.add("separates", name, size, ANY_SEED, **accuracies)


def samples_of(inputs: Inputs, table: Table) -> None:
    """All that is measured on samples: generation by the AE, blur, and failed trainings."""
    noise = inputs.quality(inputs.noise)["frechet"] if inputs.has_gan else math.nan
    for run in inputs.of_kind("ae", "vae", "gan", own="learning_rate"):
        model, metadata = inputs.trained(run)
        at = run.model, run.latent_dim, run.seed
        quality = images = None
        if model is not None:
            images = inputs.samples(model, run)
            quality = inputs.quality(images)
        if run.model in ("ae", "vae") and quality:
            table.add("cannot_generate", *at, **quality)
            _show(inputs, table, "cannot_generate", run.model, run, images)
        if run.model == "ae" and model is not None:
            seen, labels = inputs.seen(metadata)
            z = gaussian_draws(
                model.codes(seen, labels), inputs.settings.samples, inputs.rng("fitted", run)
            )
            fitted = decoded(model, z)
            table.add("cannot_generate", "ae-fitted", *at[1:], **inputs.quality(fitted))
            _show(inputs, table, "cannot_generate", "ae-fitted", run, fitted)
        if inputs.has_gan and run.model in ("vae", "gan") and quality and not drawn(model):
            blur(inputs, table, run, images, quality)
        if inputs.has_gan and run.model.startswith(("vae", "gan")):
            why = stability.failure(quality, noise, inputs.variety)
            found = {"failed": float(why is not None)}
            if quality and math.isfinite(quality["frechet"]):
                found |= {"frechet": quality["frechet"], "variety": quality["variety"]}
            table.add("stabler", *at, **found)
    over_all_runs(table)


def drawn(model: nn.Module) -> bool:
    """Whether the model's images are draws, pixel by pixel, where a GAN's are grey."""
    return model.architecture.likelihood == "autoregressive"


def over_all_runs(table: Table) -> None:
    """Over learning rates, latent sizes and seeds: share of failed runs, and of those whose
    samples have one the median and the largest distance.
    """
    for kind, of in trained_alike(frame(table.rows)).items():
        found = {"failed": of["failed"].mean()} if len(of["failed"]) else {}
        if len(of["frechet"]):
            found |= {"median": of["frechet"].median(), "worst_run": of["frechet"].max()}
        table.add("stabler", kind, ALL_SIZES, ANY_SEED, **found)


def blur(inputs: Inputs, table: Table, run: Run, images: Tensor, quality: dict[str, float]) -> None:
    """Sharpness of samples, and how they and the real images cover each other."""
    from vaepipe.claims.coverage import neighbourhoods, prd

    at = run.model, run.latent_dim, run.seed
    originals = inputs.originals()
    n = min(len(originals), len(images))
    both = (originals[spread(len(originals), n)], images[:n])
    features = [inputs.classifier.predict(some)[0] for some in both]
    found = sharpness(images, originals, inputs.data.image)
    if found:
        found |= {"frechet": quality["frechet"]}
        found |= prd(*features, inputs.settings.seed) | neighbourhoods(*features)
        table.add("blurrier", *at, **found)
    _show(inputs, table, "blurrier", run.model, run, images)
    _show(inputs, table, "blurrier", f"{run.model}-cut", run, (images > 0.5).float())


def posteriors(inputs: Inputs, table: Table) -> None:
    """Codes against the prior N(0, I), and the KL term against its Monte Carlo estimate."""
    for run in inputs.of_kind("ae", "vae", "cvae", own="beta"):
        model, metadata = inputs.trained(run)
        if model is None or metadata["architecture"]["prior"] != "normal":
            continue
        at = run.model, run.latent_dim, run.seed
        metrics = inputs.metrics[run.name]
        seen, labels = inputs.seen(metadata)
        z = model.codes(seen, labels)
        if model.variational:
            mean, log_var = model.posterior(seen, labels)
            noise = torch.randn(mean.shape, generator=inputs.rng("posterior", run))
            z = objectives.gaussian_sample(mean, log_var, noise)
            kl_by_both(inputs, table, run, mean, log_var)
        found = {"moments": metrics["prior_moments"] / run.latent_dim, "mmd": metrics["prior_mmd"]}
        table.add("kl_gaussian", *at, **found, **posterior.axes(z))


def kl_by_both(inputs: Inputs, table: Table, run: Run, mean: Tensor, log_var: Tensor) -> None:
    """The closed form, the Monte Carlo estimate, in nats per image, and their ratio."""
    closed = objectives.gaussian_kl(mean.double(), log_var.double()).mean().item()
    draws = inputs.settings.posterior_draws
    estimate = posterior.monte_carlo_kl(mean, log_var, draws, inputs.rng("kl", run)).mean().item()
    found = {"closed": closed, "monte_carlo": estimate, "ratio": estimate / closed}
    table.add("closed_form", run.model, run.latent_dim, run.seed, **found)


def compares(inputs: Inputs, table: Table, run: Run) -> None:
    """Reconstruction by the VAE's encoder, or by the best codes of a GAN or a VAE's decoder."""
    model, metadata = inputs.trained(run)
    if model is None or drawn(model):
        return
    s, at = inputs.settings, (run.latent_dim, run.seed)
    chosen = spread(len(inputs.some.labels), s.inversion_images)
    originals, labels = inputs.originals()[chosen], inputs.some.labels[chosen]
    table.show("compares", "original", originals)
    arm = run.model
    if model.variational:
        begin = time.process_time()
        seen = inputs.seen(metadata)[0][chosen]
        images = model.images(model.codes(seen, labels), labels)
        _error(inputs, table, run, arm, images, originals)
        table.add_seconds("compares", arm, *at, seconds=time.process_time() - begin)
        arm = "vae-inverted"
    begin = time.process_time()
    z, _ = invert(
        lambda z: model.decode(z, torch.zeros(len(z), dtype=torch.int64)),
        originals,
        run.latent_dim,
        s.inversion_restarts,
        s.inversion_steps,
        inputs.rng("inversion", run),
    )
    table.add_seconds("compares", arm, *at, seconds=time.process_time() - begin)
    _error(inputs, table, run, arm, model.images(z, labels), originals)


def _error(
    inputs: Inputs, table: Table, run: Run, arm: str, images: Tensor, originals: Tensor
) -> None:
    error = (images - originals).square().sum(1).to(torch.float64).mean()
    table.add("compares", arm, run.latent_dim, run.seed, error=error)
    _show(inputs, table, "compares", arm, run, images)


def faster(inputs: Inputs, table: Table) -> None:
    """VAE and GAN trained in turns once more, for their seconds."""
    from vaepipe.claims.race import run_races

    run_races(inputs, table)


def obeys(inputs: Inputs, table: Table) -> None:
    """What the label does to a conditional model's images."""
    for run in inputs.of_kind("cvae"):
        model, metadata = inputs.trained(run)
        if model is None:
            continue
        seen, labels = inputs.seen(metadata)
        images = inputs.samples(model, run)
        found, shown = label_effects(
            model, inputs.classifier, images, seen, labels, inputs.rng("labels", run)
        )
        table.add("obeys", run.model, run.latent_dim, run.seed, **found)
        for row, pixels in shown.items():
            _show(inputs, table, "obeys", row, run, pixels)


def _show(inputs: Inputs, table: Table, claim: str, row: str, run: Run, images: Tensor) -> None:
    """Keep images of the largest latent size and the first seed."""
    first = run.seed == inputs.matrix.seeds[0]
    if first and run.latent_dim == max(inputs.matrix.latent_dims):
        table.show(claim, row, images)


def parts(inputs: Inputs) -> list[Part]:
    """All measurements, the longest first.

    Images without labels have no classifier: what needs one is not measured.
    """
    dim, found = max(inputs.matrix.latent_dims), []
    runs = [run for run in inputs.of_kind("vae", "gan") if run.latent_dim == dim]
    if {run.model for run in runs} == {"vae", "gan"}:
        if inputs.classifier is not None:
            found.append(faster)
        found += [partial(compares, run=run) for run in runs]
    if inputs.classifier is not None:
        found += [samples_of, separates, obeys]
    return [*found, posteriors]


@torch.no_grad()
def measure(inputs: Inputs, part: Part) -> Table:
    """What one part measures."""
    table = Table()
    part(inputs, table)
    return table

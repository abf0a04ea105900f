"""Evaluation of one trained run on the test set, in nats per image.

Likelihoods keep the images apart (`[n]`); means and standard errors are taken once, at the end.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from vaepipe.core.device import explain_out_of_memory, prepare
from vaepipe.core.rng import generator, normal
from vaepipe.data.dataset import Images, as_input, test_images, training_images
from vaepipe.data.manifest import about, read_manifest
from vaepipe.evaluation import generation, latents, likelihood, statistics
from vaepipe.evaluation.chunks import in_chunks
from vaepipe.evaluation.classifier import ImageClassifier
from vaepipe.evaluation.classifier import load as load_classifier
from vaepipe.models import objectives, weights
from vaepipe.params import Evaluate


@torch.no_grad()
def evaluate(
    model: nn.Module,
    test: Images,
    training: Images,
    classifier: ImageClassifier | None,
    binarize: str,
    settings: Evaluate,
    run_seed: int,
    device: torch.device,
) -> dict[str, float]:
    """All metrics of one run, each with its standard error (`..._sem`).

    Args:
        test, training: images on the CPU; the codes of the training images fit the classifiers of
            `latents.code_accuracy`.
        classifier: of generated images. Without one the images have no labels, and what needs them
            is not measured.
        binarize: how the model was given its pixels in training. The Bernoulli draws depend on
            `settings.seed` alone, so all runs are measured on the same pixels.
        run_seed: the seed of the run, for `generation.sample_quality`.
    """
    seed = settings.seed
    # On the CPU, so that the pixels are the same on every device.
    x = as_input(test.pixels, binarize, generator(seed, "evaluation")).to(device)
    seen = as_input(training.pixels, binarize, generator(seed, "evaluation training")).to(device)
    test, training = test.to(device), training.to(device)

    if model.adversarial:  # neither codes nor a likelihood: of its images alone something is known
        if classifier is None:
            return {}
        return generation.sample_quality(model, classifier, settings, run_seed, device)
    per_image = likelihood.reconstruction_metrics(model, x, test.labels, settings.chunk)
    metrics = {}
    codes = z = in_chunks(model.codes, x, test.labels, settings.chunk)
    if model.variational:
        rng = generator(seed, "evaluation latent", device)
        per_image |= likelihood.likelihood_metrics(model, x, test.labels, settings, rng)
        mean, log_var = likelihood.posteriors(model, x, test.labels, settings.chunk)
        z = objectives.gaussian_sample(mean, log_var, normal(codes.shape, rng))
        metrics |= statistics.bootstrapped(
            "active_units", latents.active_units, codes, generator(seed, "bootstrap")
        )
    for name, values in per_image.items():
        metrics |= statistics.mean(name, values)
    # A learned prior is compared where it is N(0, I): after its flow.
    noise = model.prior.to_normal(z)
    metrics |= latents.distance_to_prior(noise, generator(seed, "evaluation prior"))
    if classifier is None:
        return metrics
    metrics |= latents.code_accuracy(
        (in_chunks(model.codes, seen, training.labels, settings.chunk), training.labels),
        (codes, test.labels),
    )
    return metrics | generation.sample_quality(model, classifier, settings, run_seed, device)


def protocol(
    data: Mapping[str, Any], metadata: Mapping[str, Any], images: int, settings: Evaluate
) -> dict[str, Any]:
    """How a run was measured: this must be the same for runs to be compared.

    Args:
        data: the data set's manifest.
        metadata: what stands beside the run's weights.
        images: how many test images there are.
    """
    likelihood = metadata["train"].get("likelihood", "bernoulli")
    return {
        # Named where it is not that of all earlier results.
        **({"likelihood": likelihood} if likelihood != "bernoulli" else {}),
        "data_set": data["data_set"],
        "split": "test",
        "images": images,
        "binarize": metadata["train"]["binarize"],
        "importance_samples": settings.importance_samples,
        "evaluation_seed": settings.seed,
        "training_images": settings.training_images,
        "generated_images": settings.generated_images,
    }


def evaluate_files(
    weight_files: Iterable[Path], classifier_file: Path, settings: Evaluate, data: Path
) -> Iterator[dict[str, Any]]:
    """The job of the evaluate stage: evaluate trained runs one after the other.

    Args:
        data: folder of the data set.

    Yields:
        For each file of weights the run (`model`, `latent_dim`, `seed`), its `metrics` and its
        `protocol`; for a run whose training failed, or whose metrics are not finite, no metrics
        and the reason in `failed`.
    """
    manifest = read_manifest(data)
    device = prepare(settings.device, settings.threads)
    classifier = load_classifier(classifier_file, device, about(manifest))
    test = test_images(data)
    training = training_images(data, validation=0)[0].first(settings.training_images)
    for path in weight_files:
        model, metadata = weights.load(path)
        how = protocol(manifest, metadata, len(test.labels), settings)
        failed, metrics = metadata.get("failed"), {}
        if not failed:
            with explain_out_of_memory("evaluate.chunk", settings.chunk):
                metrics = evaluate(
                    model.to(device),
                    test,
                    training,
                    classifier,
                    how["binarize"],
                    settings,
                    metadata["run"]["seed"],
                    device,
                )
        if lost := [name for name, value in metrics.items() if not math.isfinite(value)]:
            failed, metrics = f"not finite: {', '.join(lost)}", {}
        yield metadata["run"] | {"metrics": metrics, "protocol": how, "failed": failed}

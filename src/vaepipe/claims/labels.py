"""What the label does to a conditional model's images: the right one, none, and a wrong one."""

import torch
from torch import Tensor, nn

from vaepipe.claims.style import ink, slant, within_classes
from vaepipe.evaluation.classifier import ImageClassifier
from vaepipe.models.networks import LABEL_SCALE


def decode_blended(model: nn.Module, z: Tensor, weights: Tensor) -> Tensor:
    """Images of codes `[n, d]` with any label vector `[n, classes]` in the one-hot's place."""
    joined = torch.cat([z, LABEL_SCALE * weights.to(z.dtype)], dim=1)
    return model.likelihood.images(model.decoder(joined).to(z.dtype))


def label_effects(
    model: nn.Module,
    classifier: ImageClassifier,
    samples: Tensor,
    seen: Tensor,
    labels: Tensor,
    rng: torch.Generator,
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Effects of the label in per cent of images, and correlations of style; and rows to show.

    Args:
        samples: decoded draws of the prior with the labels 0, 1, ... in turn.
        seen, labels: test images as the model's input, and their labels.

    Returns:
        `right`: samples of the class asked for; `worst`: the same in the class where it is lowest,
        and `right_0`, ...: in each class. `swapped`: test images that are taken for another label,
        which replaced their own at the decoder; `slant` and `ink`: correlation of the two within
        classes between an image decoded with its own label and with the other, and as a control
        `slant_shuffled`, `ink_shuffled`, with another image's code. `averaged` and `left_out`:
        images that keep their class when the decoder is given the mean of all labels, or zeros.
    """
    classes, shape = model.architecture.classes, model.architecture.image
    asked = torch.arange(len(samples)) % classes
    right = (classifier.predict(samples)[1] == asked).to(torch.float64)
    # With more classes than samples, of those that are asked for.
    by_class = [100 * right[asked == k].mean().item() for k in asked.unique().tolist()]
    found = {"right": 100 * right.mean().item(), "worst": min(by_class)}
    found |= {f"right_{k}": share for k, share in enumerate(by_class)}

    z = model.codes(seen, labels)
    n = len(z)
    other = (labels + torch.randint(1, classes, (n,), generator=rng)) % classes
    own, swapped = (model.images(z, given) for given in (labels, other))
    shuffled = model.images(z[torch.randperm(n, generator=rng)], other)
    found["swapped"] = _share(classifier, swapped, other)
    for name, measure in (("slant", slant), ("ink", ink)):
        start = measure(own, shape)
        for suffix, images in (("", swapped), ("_shuffled", shuffled)):
            found[name + suffix] = within_classes(start, labels, measure(images, shape), other)
    mean = torch.full((n, classes), 1 / classes)
    blended = {"averaged": mean, "left_out": torch.zeros(n, classes)}
    decoded = {name: decode_blended(model, z, weights) for name, weights in blended.items()}
    found |= {name: _share(classifier, images, labels) for name, images in decoded.items()}
    return found, {"input": seen, "own": own, "swapped": swapped, **decoded}


def _share(classifier: ImageClassifier, images: Tensor, labels: Tensor) -> float:
    """Images that the classifier takes for these labels, in per cent."""
    return 100 * (classifier.predict(images)[1] == labels).to(torch.float64).mean().item()

"""A small convolutional classifier of the data set's classes, which measures generated images.

It is trained on real images alone, and no autoencoder is trained with it.
"""

import json
import math
import sys
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import save as to_bytes
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, max_pool2d, relu

from vaepipe.core.device import prepare
from vaepipe.core.errors import UserError
from vaepipe.core.files import write_bytes, write_json
from vaepipe.core.rng import generator
from vaepipe.data.dataset import Images, grey, test_images, training_images
from vaepipe.data.manifest import MNIST, About, about, read_manifest
from vaepipe.evaluation import metrics, statistics
from vaepipe.models import weights
from vaepipe.params import Classify
from vaepipe.results import Results
from vaepipe.training.adam import Adam

BLOCK = 1000  # images classified together


class Classifier(nn.Module):
    """Two convolutions and a hidden layer of 64 units, whose outputs are the features."""

    def __init__(self, classes: int = 10, image: tuple[int, int, int] = (1, 28, 28)):
        super().__init__()
        self.image = image
        # Half the height, rounded up by the first layer and down by the pooling.
        maps = [(side + 1) // 2 // 2 for side in image[1:]]
        self.first = nn.Conv2d(image[0], 16, 5, stride=2, padding=2)
        self.second = nn.Conv2d(16, 32, 3, padding=1)
        self.hidden = nn.Linear(32 * math.prod(maps), 64)
        self.output = nn.Linear(64, classes)

    def features(self, x: Tensor) -> Tensor:
        """The hidden layer's outputs `[n, 64]` of images `[n, pixels]` with values in [0, 1]."""
        maps = relu(self.first(x.view(-1, *self.image)))
        maps = largest_of_four(relu(self.second(maps)))
        return relu(self.hidden(maps.flatten(1)))

    def forward(self, x: Tensor) -> Tensor:
        """Logits `[n, classes]` of images `[n, pixels]` with values in [0, 1]."""
        return self.output(self.features(x))


def largest_of_four(maps: Tensor) -> Tensor:
    """The largest of each 2 x 2 values: `[n, c, h, w]` to `[n, c, h // 2, w // 2]`.

    Without a gradient by two maxima, which take a CPU a sixth of `max_pool2d`'s time.
    """
    if maps.requires_grad:
        return max_pool2d(maps, 2)
    height, width = (side // 2 * 2 for side in maps.shape[2:])
    rows = torch.maximum(maps[:, :, 0:height:2], maps[:, :, 1:height:2])
    return torch.maximum(rows[..., 0:width:2], rows[..., 1:width:2])


def features_of_all(model: Classifier, pixels: Tensor) -> Tensor:
    """The features `[n, 64]` of images `[n, pixels]`, uint8 or with values in [0, 1], in blocks."""
    found = None
    for begin in range(0, len(pixels), BLOCK):
        part = pixels[begin : begin + BLOCK]
        features = model.features(part if part.is_floating_point() else grey(part))
        if found is None:
            # One tensor for all: those of the blocks, lying between what the blocks free, cost a
            # gigabyte of memory now and then.
            found = features.new_empty(len(pixels), features.shape[1])
        found[begin : begin + BLOCK] = features
    return found


class ImageClassifier(NamedTuple):
    """A trained classifier, and the mean `[64]` and covariance `[64, 64]` of its features over
    real training images: the reference of the Fréchet distance."""

    model: Classifier
    reference: statistics.Moments

    def predict(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features `[n, 64]` and most probable classes `[n]` of images `[n, pixels]` in
        [0, 1]."""
        features = features_of_all(self.model, images)
        return features, self.model.output(features).argmax(1)


def initialise(model: nn.Module, rng: torch.Generator) -> None:
    """Draw the weights by He et al. 2015 (arXiv 1502.01852, eq. 10), from `rng` alone."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=rng)
            nn.init.zeros_(layer.bias)


def train(
    images: Images, settings: Classify, device: torch.device, data: About = MNIST
) -> ImageClassifier:
    """Train on grey images by Adam, the rate falling to 0 as half a cosine.

    Args:
        images: training images, on the CPU.
        data: what they are.
    """
    model = Classifier(len(data.classes), data.image)
    initialise(model, generator(settings.seed, "initialisation"))
    model.to(device).train()
    images, order = images.to(device), generator(settings.seed, "order")
    n = len(images.labels)
    steps = settings.epochs * math.ceil(n / settings.batch_size)
    adam, step = Adam([*model.parameters()]), 0
    for _ in range(settings.epochs):
        for index in torch.randperm(n, generator=order).to(device).split(settings.batch_size):
            batch = images.at(index)
            loss = cross_entropy(model(grey(batch.pixels)), batch.labels)
            rate = settings.learning_rate * 0.5 * (1 + math.cos(math.pi * step / steps))
            adam.step(torch.autograd.grad(loss, adam.parameters), rate)
            step += 1
    model.eval()
    with torch.no_grad():
        features = features_of_all(model, images.pixels)
    return ImageClassifier(model, statistics.moments(features))


@torch.no_grad()
def evaluate(
    classifier: ImageClassifier, test: Images, seed: int, device: torch.device
) -> dict[str, float]:
    """The classifier on real test images, with standard errors.

    Returns:
        Its accuracy in per cent, and the Fréchet distance of real test images to real training
        images: the floor of that of generated images.
    """
    test = test.to(device)
    features, classes = classifier.predict(grey(test.pixels))
    correct = 100 * (classes == test.labels).to(torch.float64)
    return statistics.mean("test_accuracy", correct) | statistics.bootstrapped(
        "frechet_floor",
        lambda rows: statistics.frechet_distance(statistics.moments(rows), classifier.reference),
        features,
        generator(seed, "bootstrap"),
    )


def classify(settings: Classify, data: Path, results: Results) -> None:
    """The job of the classify stage: train, evaluate on the test set, and write both files.

    Images without labels have no classes to tell apart: the files then hold no classifier.
    """
    of = about(read_manifest(data))
    if not of.classes:
        save(results.classifier, None, settings)
        write_json(results.classifier_metrics, {})
        return
    device = prepare(settings.device, settings.threads)
    training, test = training_images(data, validation=0)[0], test_images(data)
    trained = train(training, settings, device, of)
    save(results.classifier, trained, settings)
    found = evaluate(trained, test, settings.seed, device)
    largest = statistics.largest_class(test.labels)
    if metrics.is_weak(found["test_accuracy"], largest):
        print(
            f"vaepipe: the classifier is right for {found['test_accuracy']:.1f} % of the test"
            f" images, and the largest class alone has {largest:.1f} %: it tells the classes hardly"
            " apart, and the Fréchet distance says little. More classify.epochs may help",
            file=sys.stderr,
        )
    write_json(results.classifier_metrics, found)


def save(path: Path, classifier: ImageClassifier | None, settings: Classify) -> None:
    """Write weights, reference and settings as safetensors; or that there is no classifier."""
    metadata = {"classify": vars(settings)}
    if classifier is None:
        write_bytes(path, to_bytes({}, {"vaepipe": json.dumps({"classes": 0, **metadata})}))
        return
    tensors = {f"model.{name}": value for name, value in classifier.model.state_dict().items()}
    tensors |= {
        f"reference.{name}": value for name, value in classifier.reference._asdict().items()
    }
    contiguous = {name: value.to("cpu").contiguous() for name, value in tensors.items()}
    write_bytes(path, to_bytes(contiguous, {"vaepipe": json.dumps(metadata)}))


def load(path: Path, device: torch.device, data: About = MNIST) -> ImageClassifier | None:
    """Read what `save` wrote for these images; None where there is no classifier.

    Raises:
        UserError: the file is missing, or not a classifier of this project.
    """
    metadata, tensors = weights.read(path, weights=True)
    if metadata.get("classes") == 0 and not data.classes:
        return None
    model = Classifier(len(data.classes), data.image)
    try:
        reference = statistics.Moments(tensors.pop("reference.mean"), tensors.pop("reference.cov"))
        model.load_state_dict({k.removeprefix("model."): v for k, v in tensors.items()})
    except (KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{path} does not hold a classifier: {reason}; run classify again"
        ) from error
    return ImageClassifier(model.to(device).eval(), reference)

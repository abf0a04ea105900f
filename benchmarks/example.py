"""A VAE on MNIST in the manner of the usual examples, to compare this project with.

A data set of PIL images, each converted to a tensor by itself; a shuffling `DataLoader`; a module
with two heads and a sigmoid at its end; binary cross-entropy and KL, summed; Adam at a constant
rate; the loss read at every step. Written for this project, and on its files' images.
"""

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy
from torch.utils.data import DataLoader, Dataset

from benchmarks.setting import BATCH, HIDDEN, LATENTS, PIXELS, RATE
from vaepipe.data.dataset import Images
from vaepipe.data.idx import SIDE
from vaepipe.data.torchvision_compat import import_datasets

import_datasets()
from torchvision.transforms import ToTensor  # noqa: E402


class Digits(Dataset):
    """Images as PIL images, put through a transform one by one."""

    def __init__(self, images: Images):
        self.data, self.targets = images.pixels.view(-1, SIDE, SIDE), images.labels
        self.transform = ToTensor()

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = Image.fromarray(self.data[index].numpy())
        return self.transform(image), int(self.targets[index])


class ExampleVAE(nn.Module):
    """784-400-20 and back."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Linear(PIXELS, HIDDEN)
        self.mean = nn.Linear(HIDDEN, LATENTS)
        self.log_var = nn.Linear(HIDDEN, LATENTS)
        self.back = nn.Linear(LATENTS, HIDDEN)
        self.out = nn.Linear(HIDDEN, PIXELS)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = torch.relu(self.hidden(x.view(-1, PIXELS)))
        mean, log_var = self.mean(hidden), self.log_var(hidden)
        std = torch.exp(0.5 * log_var)
        z = mean + torch.randn_like(std) * std
        return torch.sigmoid(self.out(torch.relu(self.back(z)))), mean, log_var


def loss_of(probabilities: Tensor, x: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """Cross-entropy and KL, summed over the batch, in nats."""
    cross_entropy = binary_cross_entropy(probabilities, x.view(-1, PIXELS), reduction="sum")
    return cross_entropy - 0.5 * torch.sum(1 + log_var - mean.pow(2) - log_var.exp())


class Loop:
    """Model, optimiser and loader between epochs."""

    def __init__(self, training: Images, seed: int = 0):
        torch.manual_seed(seed)
        self.model = ExampleVAE()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=RATE)
        self.loader = DataLoader(Digits(training), batch_size=BATCH, shuffle=True)

    def epoch(self) -> float:
        """Train for one epoch; the mean training loss."""
        self.model.train()
        total = 0.0
        for x, _ in self.loader:
            self.optimizer.zero_grad()
            probabilities, mean, log_var = self.model(x)
            loss = loss_of(probabilities, x, mean, log_var)
            loss.backward()
            total += loss.item()
            self.optimizer.step()
        return total / len(self.loader.dataset)

    @torch.no_grad()
    def test_loss(self, test: Images) -> float:
        """-ELBO with one z per image, on grey pixels, in nats per image."""
        self.model.eval()
        loader = DataLoader(Digits(test), batch_size=BATCH)
        total = sum(
            loss_of(probabilities, x, mean, log_var).item()
            for x, _ in loader
            for probabilities, mean, log_var in [self.model(x)]
        )
        return total / len(test.labels)

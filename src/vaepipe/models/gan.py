"""The generative adversarial network of Goodfellow et al. 2014 (arXiv 1406.2661)."""

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import softplus

from vaepipe.models.architecture import Architecture
from vaepipe.models.networks import decoder, encoder
from vaepipe.models.prior import NormalPrior


class GAN(nn.Module):
    """A generator, which is the VAE's decoder, and a discriminator as large as its encoder.

    It has no encoder, so no codes and no reconstructions, and no likelihood. The sigmoid of its
    logits is a grey image, which the discriminator compares with the grey images of the data.
    """

    conditional = False
    variational = False
    adversarial = True
    # Little momentum, because each network's target moves with the other (Radford et al. 2016,
    # arXiv 1511.06434, section 4).
    adam_betas = (0.5, 0.99)

    def __init__(self, architecture: Architecture, generator: torch.Generator):
        super().__init__()
        a = self.architecture = architecture
        self.decoder = decoder(a, 0, generator)
        self.discriminator = encoder(replace(a, activation="leaky_relu"), 0, 1, generator)
        self.register_buffer("mean_image", torch.zeros(a.pixels))
        self.prior = NormalPrior()

    def decode(self, z: Tensor, labels: Tensor) -> Tensor:
        """Logits `[n, pixels]` of the images of z `[n, latent_dim]`; the labels are ignored."""
        return self.decoder(z).to(z.dtype)

    def images(self, z: Tensor, labels: Tensor) -> Tensor:
        """Grey images `[n, pixels]` of z `[n, latent_dim]`; the labels are ignored."""
        return self.decode(z, labels).sigmoid()

    def discriminate(self, x: Tensor, fixed: bool = False) -> Tensor:
        """The logit `[n]` that an image `[n, pixels]` is real rather than generated.

        The discriminator sees how images differ from the mean training image, which pixels in
        [0, 1] have in common: so it learns sooner (LeCun et al. 1998, Efficient BackProp, 4.3).

        Args:
            fixed: no gradient reaches the discriminator's parameters.
        """
        centred = 2 * (x - self.mean_image)
        if not fixed:
            return self.discriminator(centred).squeeze(1).to(x.dtype)
        parameters = {k: p.detach() for k, p in self.discriminator.named_parameters()}
        logit = functional_call(self.discriminator, parameters, (centred,))
        return logit.squeeze(1).to(x.dtype)

    def slope(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The logit `[n]` of images, and its gradient by their pixels, `[n, pixels]`.

        By autograd and not `torch.func.vjp`, whose first use imports for seconds.
        """
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            logit = self.discriminate(x)
            return logit, torch.autograd.grad(logit.sum(), x, create_graph=True)[0]

    def terms(self, x: Tensor, labels: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """The losses `[n]` of both networks, in nats per image, each with its own gradient.

        `discriminator` is its cross-entropy on a real and a generated image, and has no gradient
        in the generator; `generator` is -log of the probability that a generated image is taken
        for a real one (the non-saturating loss of section 3), and has none in the discriminator.
        So one step along the gradient of their sum moves each network against its own loss.

        `penalty` is R1 of Mescheder, Geiger and Nowozin 2018 (arXiv 1801.04406, eq. 9) of weight 1:
        half the squared gradient of the logit at the real image. Without it the two go in circles.

        Args:
            x: grey images.
            noise: samples of N(0, 1), `[n, 1, latent_dim]`: z.
        """
        images = self.images(noise[:, 0], labels)
        real, slope = self.slope(x)
        generated = self.discriminate(images.detach())
        return {
            "discriminator": softplus(-real) + softplus(generated),
            "generator": softplus(-self.discriminate(images, fixed=True)),
            "penalty": 0.5 * slope.square().sum(1),
        }

"""What models minimise and what is measured: pure functions, in nats per image.

Every function sums over pixels or latent dimensions and keeps one value per image (`[n]`), so that
it is clear which numbers are sums and which are means.
"""

import math

from torch import Tensor, autocast, where
from torch.linalg import vecdot
from torch.nn.functional import softplus


def bernoulli_log_likelihood(logits: Tensor, x: Tensor) -> Tensor:
    """log p(x|logits) summed over the last dimension: `[..., pixels]` to `[...]`, in nats.

    x log s(l) + (1 - x) log(1 - s(l)) with s the logistic function is x l - softplus(l), which
    stays finite where log(s(l)) would not. A likelihood only where every x is 0 or 1.
    """
    # Autocast would give the product, hundreds of nats, to 8 bits.
    with autocast(x.device.type, enabled=False):
        product = vecdot(x, logits)
    return product - softplus(logits).sum(-1)


def discretised_logistic_log_likelihood(mean: Tensor, log_scale: Tensor, x: Tensor) -> Tensor:
    """log p(x) of 8-bit pixels summed over the last dimension: `[..., pixels]` to `[...]`, in nats.

    A logistic distribution cut into 256 bins, one for each grey level, of which the first and the
    last reach to infinity, so that the probabilities of the levels add up to 1 (Salimans et al.
    2017, PixelCNN++, arXiv 1701.05517, section 2.1, with one component and no dependence between
    channels). With a and b the bin's upper and lower end in units of the scale, and s the logistic
    function, s(a) - s(b) = s(a) s(-b) (1 - exp(b - a)), which loses no digits far from the mean.

    Args:
        mean: of the logistic, where black is 0 and white is 1.
        log_scale: logarithm of its scale in the same unit, `[pixels]`.
        x: grey levels k / 255, k a whole number from 0 to 255.
    """
    width = (-log_scale).exp() / 255
    below = (x - mean) * 255 * width - width / 2
    level = (x * 255).round()
    upper = where(level > 254.5, 0.0, -softplus(-(below + width)))
    lower = where(level < 0.5, 0.0, -softplus(below))
    inner = (level > 0.5) & (level < 254.5)
    return (upper + lower + where(inner, (-(-width).expm1()).log(), 0.0)).sum(-1)


def squared_error(logits: Tensor, x: Tensor) -> Tensor:
    """Squared error of the probabilities summed over pixels: `[..., pixels]` to `[...]`."""
    return (logits.sigmoid() - x).square().sum(-1)


def kl_per_latent(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mean, exp(log_var)) || N(0, 1)) of each latent by itself, in nats: shapes stay.

    Kingma and Welling 2014 (arXiv 1312.6114), appendix B; docs/kl.md derives it.
    """
    return 0.5 * (mean.square() + log_var.expm1() - log_var)


def gaussian_kl(mean: Tensor, log_var: Tensor) -> Tensor:
    """KL(N(mean, exp(log_var)) || N(0, I)): `kl_per_latent` summed over the last dimension."""
    return kl_per_latent(mean, log_var).sum(-1)


def gaussian_negative_entropy(log_var: Tensor) -> Tensor:
    """E[log q(z)] of q = N(mean, exp(log_var)) summed over the last dimension, in nats."""
    return -0.5 * (log_var + 1 + math.log(2 * math.pi)).sum(-1)


def gaussian_sample(mean: Tensor, log_var: Tensor, noise: Tensor) -> Tensor:
    """z ~ N(mean, exp(log_var)), differentiable in both (arXiv 1312.6114, section 2.4).

    Args:
        noise: samples of N(0, 1), of the shape of z.
    """
    return mean + (0.5 * log_var).exp() * noise


def gaussian_log_density(z: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """log N(z; mean, exp(log_var)) summed over the last dimension, in nats."""
    squared = (z - mean).square() * (-log_var).exp()
    return -0.5 * (squared + log_var + math.log(2 * math.pi)).sum(-1)


def standard_normal_log_density(z: Tensor) -> Tensor:
    """log N(z; 0, I) summed over the last dimension, in nats."""
    return -0.5 * (z.square() + math.log(2 * math.pi)).sum(-1)


def log_importance_weights(
    log_px: Tensor, log_pz: Tensor, noise: Tensor, log_var: Tensor
) -> Tensor:
    """log p(x|z) + log p(z) - log q(z|x), in nats, for z = mean + exp(log_var / 2) noise.

    log q(z|x) is taken from the noise: from z it would be lost, because z - mean is rounded, and
    where q is very narrow it was 0 times infinity.

    Args:
        log_px, log_pz: log p(x|z) and log p(z), `[...]`.
        noise, log_var: `[..., latent_dim]`, or what broadcasts to it.
    """
    log_qz = standard_normal_log_density(noise) - 0.5 * log_var.sum(-1)
    return log_px + log_pz - log_qz


def importance_weighted_bound(log_weights: Tensor) -> Tensor:
    """log((1/K) sum_k w_k) of K log-weights in the last dimension: `[..., K]` to `[...]`.

    Its mean is at most log p(x) and rises with K; with K = 1 it is the ELBO (Burda, Grosse and
    Salakhutdinov 2016, arXiv 1509.00519, eq. 8 and theorem 1).
    """
    return log_weights.logsumexp(-1) - math.log(log_weights.shape[-1])

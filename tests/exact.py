"""Checks of the estimators against exact answers, each a function that fails by an assertion.

They are functions so that tests/test_exact.py can run them twice: on the code as it is, where they
must pass, and on code broken on purpose, where they must fail. What they compare with is written
with torch.distributions, NumPy or SciPy and shares no formula with the code.
"""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import torch
from scipy import linalg, stats
from torch import Tensor
from torch.distributions import Bernoulli, Independent, MultivariateNormal, Normal, kl_divergence

from conftest import ROOT
from vaepipe import params
from vaepipe.core.files import read_yaml
from vaepipe.core.rng import generator, normal
from vaepipe.evaluation import latents, likelihood, statistics, tables
from vaepipe.models import Architecture, build, objectives
from vaepipe.models.prior import FlowPrior, NormalPrior

EVALUATE = params.check(read_yaml(ROOT / "params.yaml")).evaluate


def rand(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=generator(seed, "exact"), dtype=torch.float64)


def within(estimate: Tensor, exact: Tensor | float, errors: float = 4) -> None:
    """The mean of independent estimates `[n]` lies within 4 of its standard errors of `exact`."""
    error = estimate.std() / len(estimate) ** 0.5
    assert (estimate.mean() - exact).abs() < errors * error, (estimate.mean(), exact, error)


def posterior(mean: Tensor, log_var: Tensor) -> Independent:
    return Independent(Normal(mean, (0.5 * log_var).exp()), 1)


def kl_by_monte_carlo() -> None:
    for seed in range(3):
        mean, log_var = rand(4, seed=seed), rand(4, seed=seed + 10)
        q, p = posterior(mean, log_var), posterior(torch.zeros(4).double(), torch.zeros(4).double())
        z = mean + (0.5 * log_var).exp() * rand(100_000, 4, seed=seed + 20)
        within(q.log_prob(z) - p.log_prob(z), objectives.gaussian_kl(mean, log_var))
        assert torch.isclose(objectives.gaussian_kl(mean, log_var), kl_divergence(q, p))


def bernoulli_by_torch() -> None:
    logits, x = 3 * rand(6, 5, 20), rand(6, 5, 20, seed=1).sign().clamp(min=0)
    expected = Independent(Bernoulli(logits=logits), 1).log_prob(x)
    assert torch.allclose(objectives.bernoulli_log_likelihood(logits, x), expected)
    far = objectives.bernoulli_log_likelihood(torch.tensor([1e4, -1e4]), torch.tensor([0.0, 1.0]))
    assert far == -2e4


def densities_by_torch() -> None:
    z, mean, log_var = rand(7, 4), rand(7, 4, seed=1), rand(7, 4, seed=2)
    expected = posterior(mean, log_var).log_prob(z)
    assert torch.allclose(objectives.gaussian_log_density(z, mean, log_var), expected)
    expected = posterior(torch.zeros_like(z), torch.zeros_like(z)).log_prob(z)
    assert torch.allclose(objectives.standard_normal_log_density(z), expected)


class LinearGaussian:
    """p(z) = N(0, I), p(x|z, y) = N(W z + b_y, s^2 I), and a posterior that is not quite right."""

    variational = True
    sd = 0.7
    prior = NormalPrior()

    def __init__(self, classes: int = 1):
        self.conditional = classes > 1
        self.architecture = Architecture("linear", 2, (), "relu", pixels=5, classes=classes)
        self.w, self.b = rand(5, 2), rand(classes, 5, seed=1)

    def sample(self, n: int) -> tuple[Tensor, Tensor]:
        labels = torch.arange(n) % self.architecture.classes
        noise = rand(n, 7, seed=2)
        return self.b[labels] + noise[:, :2] @ self.w.T + self.sd * noise[:, 2:], labels

    def posterior(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        precision = torch.eye(2).double() + self.w.T @ self.w / self.sd**2
        mean = (x - self.b[labels]) @ self.w @ torch.linalg.inv(precision) / self.sd**2
        return mean + 0.2, (-precision.diagonal().log() + 0.5).expand(len(x), 2)

    def log_likelihood(self, x: Tensor, z: Tensor, labels: Tensor) -> Tensor:
        centre = z @ self.w.T + self.b[labels][:, None]
        return Independent(Normal(centre, self.sd), 1).log_prob(x[:, None])

    def log_px(self, x: Tensor, labels: Tensor) -> Tensor:
        """log p(x|y), exactly."""
        cov = self.w @ self.w.T + self.sd**2 * torch.eye(5).double()
        return MultivariateNormal(self.b[labels], cov).log_prob(x)

    def distortion(self, x: Tensor, labels: Tensor) -> Tensor:
        """-E log p(x|z, y) under the posterior, exactly."""
        mean, log_var = self.posterior(x, labels)
        centre = mean @ self.w.T + self.b[labels]
        at_mean = -Independent(Normal(centre, self.sd), 1).log_prob(x)
        return at_mean + (log_var.exp() @ self.w.square().sum(0)) / (2 * self.sd**2)


def likelihoods(model: object, n: int, samples: int, seed: int = 0, chunk: int = 20_000) -> dict:
    """The likelihood metrics of n images drawn from the model itself."""
    settings = replace(EVALUATE, importance_samples=samples, chunk=chunk)
    return likelihood.likelihood_metrics(
        model, *model.sample(n), settings, generator(seed, "latent")
    )


def elbo_of_a_linear_gaussian() -> None:
    model = LinearGaussian()
    x, labels = model.sample(3000)
    mean, log_var = model.posterior(x, labels)
    prior = posterior(torch.zeros_like(mean), torch.zeros_like(mean))
    rate = kl_divergence(posterior(mean, log_var), prior)
    found = likelihoods(model, 3000, samples=7, chunk=200)
    assert torch.allclose(found["rate"], rate)
    within(found["distortion"] - model.distortion(x, labels), 0)
    within(found["neg_elbo"] - model.distortion(x, labels) - rate, 0)
    assert torch.equal(found["nll"], found["nll_marginal"])


def bound_rises_to_log_px_of_a_linear_gaussian() -> None:
    model = LinearGaussian()
    exact = model.log_px(*model.sample(4000))
    bounds = [-likelihoods(model, 4000, samples=k)["nll"] for k in (1, 3, 9)]
    for lower, higher in zip(bounds, [*bounds[1:], exact], strict=True):
        rise = higher - lower
        assert rise.mean() > 4 * rise.std() / len(rise) ** 0.5
    tight = [-likelihoods(model, 100, samples=500, seed=s)["nll"] for s in range(8)]
    within(torch.stack(tight).mean(1), model.log_px(*model.sample(100)).mean())


def marginal_of_a_conditional_linear_gaussian() -> None:
    model = LinearGaussian(classes=3)
    x, labels = model.sample(100)
    each = torch.stack([model.log_px(x, torch.full((100,), y)) for y in range(3)])
    exact = each.logsumexp(0) + math.log(1 / 3)
    found = [likelihoods(model, 100, samples=500, seed=s) for s in range(8)]
    within(torch.stack([-f["nll"].mean() for f in found]), model.log_px(x, labels).mean())
    within(torch.stack([-f["nll_marginal"].mean() for f in found]), exact.mean())
    assert (found[0]["nll_marginal"] <= found[0]["nll"] + math.log(3)).all()
    bits = found[0]["nll_marginal"] / math.log(2) / 5
    assert torch.allclose(found[0]["bits_per_dim"], bits)


def _objective(model: torch.nn.Module, samples: int) -> Tensor:
    """The loss of a few images by torch.distributions, on the noise that the model draws too."""
    x, labels = rand(4, 6, seed=5).sign().clamp(min=0), torch.tensor([0, 1, 1, 0])
    mean, log_var = model.posterior(x, labels)
    noise = normal((4, samples, 2), generator(0, "latent")).double()
    z = mean[:, None] + (0.5 * log_var).exp()[:, None] * noise
    decoded = model.decode(z.flatten(0, 1), labels.repeat_interleave(samples))
    pixels = Independent(Bernoulli(logits=decoded.view(4, samples, 6)), 1)
    log_px, q = pixels.log_prob(x[:, None]), posterior(mean, log_var)
    p = posterior(torch.zeros_like(mean), torch.zeros_like(mean))
    if samples == 1:
        return (kl_divergence(q, p) - log_px[:, 0]).mean()
    log_q = posterior(mean[:, None], log_var[:, None]).log_prob(z)
    zero = torch.zeros_like(mean[:, None])
    ratios = (log_px + posterior(zero, zero).log_prob(z) - log_q).exp()
    return -ratios.mean(1).log().mean()


@torch.no_grad()
def _slope(model: torch.nn.Module, value: Tensor, samples: int, step: float = 1e-5) -> float:
    """Central difference of the objective over one weight, a view of no dimensions."""
    start = value.item()
    ends = []
    for end in (start + step, start - step):
        value.fill_(end)
        ends.append(_objective(model, samples).item())
    value.fill_(start)
    return (ends[0] - ends[1]) / (2 * step)


def objective_and_gradient_by_finite_differences() -> None:
    """Value and gradient of what is minimised: the ELBO of one sample, and IWAE's of three."""
    x, labels = rand(4, 6, seed=5).sign().clamp(min=0), torch.tensor([0, 1, 1, 0])
    for name, samples in (("vae", 1), ("vae", 3), ("cvae", 1), ("cvae", 3)):
        shape = Architecture(name, 2, (3,), "tanh", pixels=6, classes=2)
        model = build(shape, generator(0, "initialisation")).double()
        terms = model.terms(x, labels, normal((4, samples, 2), generator(0, "latent")).double())
        loss = sum(term.flatten(1).sum(1) if term.dim() > 1 else term for term in terms.values())
        loss = loss.mean()
        assert torch.isclose(loss, _objective(model, samples))
        loss.backward()
        for weight in model.parameters():
            slopes = [_slope(model, v, samples) for v in weight.detach().flatten()]
            assert torch.allclose(weight.grad.flatten(), torch.tensor(slopes).double(), atol=1e-7)


def standard_error_of_a_mean() -> None:
    values = rand(500)
    found = statistics.mean("some", values)
    assert math.isclose(found["some"], np.mean(values.numpy()))
    assert math.isclose(found["some_sem"], stats.sem(values.numpy()))


def standard_error_by_bootstrap() -> None:
    """Of a mean the bootstrap must give what sd / sqrt(n) gives, up to its own error."""
    rows = rand(500, 1)
    found = statistics.bootstrapped("some", lambda r: r.mean().item(), rows, generator(0, "test"))
    assert math.isclose(found["some"], rows.mean().item())
    assert math.isclose(found["some_sem"], stats.sem(rows[:, 0].numpy()), rel_tol=0.5)


def frechet_distance_by_scipy() -> None:
    one, other = rand(200, 4), 1 + rand(200, 4, seed=1) @ rand(4, 4, seed=2)
    (a, b), (s, t) = ([f(r.numpy()) for r in (one, other)] for f in (mean_of, cov_of))
    expected = ((a - b) ** 2).sum() + np.trace(s + t - 2 * linalg.sqrtm(s @ t).real)
    found = statistics.frechet_distance(statistics.moments(one), statistics.moments(other))
    assert math.isclose(found, expected, rel_tol=1e-9)


def mean_of(rows: np.ndarray) -> np.ndarray:
    return rows.mean(0)


def cov_of(rows: np.ndarray) -> np.ndarray:
    return np.cov(rows, rowvar=False)


@cache
def _kernel_means(shift: float) -> float:
    """Squared MMD of N(0, 1) and N(shift, 1) by numerical integration.

    A difference of two independent draws is N(d, 2); the kernel with C = 2 is 2 / (2 + t^2).
    """
    t = np.linspace(-60, 60, 200_001)
    kernel = 2 / (2 + t**2)
    within_, across = (np.trapezoid(kernel * stats.norm.pdf(t, d, 2**0.5), t) for d in (0.0, shift))
    return 2 * within_ - 2 * across


def mmd_pair_by_pair() -> None:
    x, y = rand(6, 3), 1 + rand(6, 3, seed=1)
    kernel = [
        [[6 / (6 + ((a - b) ** 2).sum()) for b in v] for a in u]
        for u, v in ((x, x), (y, y), (x, y))
    ]
    pairs = [(i, j) for i in range(6) for j in range(6)]
    within_ = sum(k[i][j] for k in kernel[:2] for i, j in pairs if i != j) / 30
    expected = within_ - 2 * sum(kernel[2][i][j] for i, j in pairs) / 36
    assert torch.isclose(statistics.squared_mmd(x, y), expected)


def mmd_by_integration() -> None:
    for shift in (0.0, 0.3, 2.0):
        blocks = statistics.prior_mmd(shift + rand(6000, 1), generator(0, "test"))
        assert len(blocks) == 12
        within(blocks, _kernel_means(shift))


def active_units_by_construction() -> None:
    spread = torch.tensor([1.0, 0.12, 0.08, 0.0]).double()
    means = 5 + rand(1000, 4) * spread
    assert latents.active_units(means) == 2


def interval_by_scipy() -> None:
    values = rand(5).numpy()
    found = tables.interval(pd.Series(values))
    low, high = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found["n"] == 5
    assert np.allclose(
        [found["mean"], found["sd"], found["low"], found["high"]],
        [values.mean(), values.std(ddof=1), low, high],
    )


def _flow(latent_dim: int, seed: int = 0) -> FlowPrior:
    """A flow that is not the identity, as it is before training."""
    flow = FlowPrior(latent_dim, "tanh", generator(seed, "initialisation")).double()
    for number, net in enumerate(flow.nets):
        with torch.no_grad():
            net[-1].weight.copy_(0.2 * rand(*net[-1].weight.shape, seed=number))
            net[-1].bias.copy_(0.2 * rand(*net[-1].bias.shape, seed=number + 100))
    return flow


@torch.no_grad()
def flow_density_integrates_to_one() -> None:
    """Over a grid that holds nearly all of it."""
    axis = torch.linspace(-40, 40, 201, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    cell = (axis[1] - axis[0]) ** 2
    assert abs(_flow(2).log_density(grid).exp().sum() * cell - 1) < 1e-4


def flow_density_by_jacobian() -> None:
    """With an odd number of latents, whose halves differ, and with an even one."""
    for latent_dim in (4, 5):
        flow = _flow(latent_dim)
        for z in rand(3, latent_dim):
            jacobian = torch.autograd.functional.jacobian(flow.to_normal, z)
            zero = torch.zeros(latent_dim).double()
            expected = posterior(zero, zero).log_prob(flow.to_normal(z))
            assert torch.isclose(flow.log_density(z), expected + torch.linalg.slogdet(jacobian)[1])


@torch.no_grad()
def flow_inverse() -> None:
    for latent_dim in (2, 4, 5):
        flow, z = _flow(latent_dim), rand(50, latent_dim)
        assert not torch.allclose(flow.to_normal(z), z)
        assert torch.allclose(flow.from_normal(flow.to_normal(z)), z)


@torch.no_grad()
def rate_under_a_flow() -> None:
    """E[log q(z|x) - log p(z)] is the same with the entropy of q in closed form or sampled."""
    shape = Architecture("vae", 3, (4,), "tanh", prior="flow", pixels=6)
    model = build(shape, generator(0, "initialisation")).double()
    model.prior = _flow(3)
    mean, log_var = rand(1, 3).expand(40_000, -1), rand(1, 3, seed=1).expand(40_000, -1)
    z = mean + (0.5 * log_var).exp() * rand(40_000, 3, seed=2)
    sampled = posterior(mean, log_var).log_prob(z) - model.prior.log_density(z)
    within(sampled - model.rate(mean, log_var, z), 0)


CHECKS = [
    flow_density_integrates_to_one,
    flow_density_by_jacobian,
    flow_inverse,
    rate_under_a_flow,
    kl_by_monte_carlo,
    bernoulli_by_torch,
    densities_by_torch,
    elbo_of_a_linear_gaussian,
    bound_rises_to_log_px_of_a_linear_gaussian,
    marginal_of_a_conditional_linear_gaussian,
    objective_and_gradient_by_finite_differences,
    standard_error_of_a_mean,
    standard_error_by_bootstrap,
    frechet_distance_by_scipy,
    mmd_pair_by_pair,
    mmd_by_integration,
    active_units_by_construction,
    interval_by_scipy,
]

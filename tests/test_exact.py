"""The estimators give exact answers where there are any, and the checks of that can fail."""

import inspect
import textwrap
from types import FunctionType, ModuleType

import pytest

import exact
from vaepipe.evaluation import latents, likelihood, statistics, tables
from vaepipe.models import objectives
from vaepipe.models.prior import FlowPrior
from vaepipe.models.vae import VAE


@pytest.mark.parametrize("check", exact.CHECKS, ids=lambda check: check.__name__)
def test_exact(check):
    check()


def broken(function: FunctionType, old: str, new: str) -> FunctionType:
    """The function with one piece of its source replaced."""
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1, f"{old!r} is {source.count(old)} times in\n{source}"
    namespace = dict(function.__globals__)
    exec(source.replace(old, new), namespace)
    made = namespace[function.__name__]
    # Called by name, the other functions of the module must be found as they are at that time.
    return FunctionType(made.__code__, function.__globals__, made.__name__, made.__defaults__)


# Where, which function, what is broken and how, and the checks that must notice.
ELBO, BOUND = exact.elbo_of_a_linear_gaussian, exact.bound_rises_to_log_px_of_a_linear_gaussian
MARGINAL = exact.marginal_of_a_conditional_linear_gaussian
OBJECTIVE = exact.objective_and_gradient_by_finite_differences
FLOW = [exact.flow_density_integrates_to_one, exact.flow_density_by_jacobian]
MUTANTS = [
    (FlowPrior, "_flow", "log_det - log_scale", "log_det + log_scale", FLOW),
    (FlowPrior, "_flow", "(-log_scale).exp()", "log_scale.exp()", [exact.flow_inverse, *FLOW]),
    (FlowPrior, "from_normal", "+ shift", "- shift", [exact.flow_inverse]),
    (
        objectives,
        "gaussian_negative_entropy",
        "log_var + 1",
        "log_var - 1",
        [exact.rate_under_a_flow],
    ),
    (objectives, "kl_per_latent", "- log_var", "+ log_var", [exact.kl_by_monte_carlo, ELBO]),
    (objectives, "kl_per_latent", "0.5 * ", "", [exact.kl_by_monte_carlo, ELBO, OBJECTIVE]),
    (objectives, "gaussian_kl", ".sum(", ".mean(", [exact.kl_by_monte_carlo, ELBO]),
    (objectives, "kl_per_latent", "mean.square()", "mean.detach().square()", [OBJECTIVE]),
    (
        objectives,
        "bernoulli_log_likelihood",
        "product - soft",
        "product + soft",
        [exact.bernoulli_by_torch],
    ),
    (
        objectives,
        "bernoulli_log_likelihood",
        ".sum(",
        ".mean(",
        [exact.bernoulli_by_torch, OBJECTIVE],
    ),
    (
        objectives,
        "bernoulli_log_likelihood",
        "vecdot(x, ",
        "logits.new_ones(()) * (",
        [exact.bernoulli_by_torch, OBJECTIVE],
    ),
    (objectives, "gaussian_sample", "0.5 * ", "", [ELBO, BOUND, OBJECTIVE]),
    (objectives, "gaussian_sample", "mean + (", "(", [ELBO, BOUND, OBJECTIVE]),
    (objectives, "gaussian_sample", "mean + (", "mean.detach() + (", [OBJECTIVE]),
    (objectives, "gaussian_sample", "log_var).exp()", "log_var).exp().detach()", [OBJECTIVE]),
    (objectives, "gaussian_log_density", "-0.5", "0.5", [exact.densities_by_torch]),
    (objectives, "gaussian_log_density", "+ log_var", "", [exact.densities_by_torch]),
    (objectives, "gaussian_log_density", "2 * ", "", [exact.densities_by_torch]),
    (objectives, "gaussian_log_density", "-log_var)", "log_var)", [exact.densities_by_torch]),
    (objectives, "gaussian_log_density", ".sum(", ".mean(", [exact.densities_by_torch]),
    (objectives, "standard_normal_log_density", "-0.5", "0.5", [exact.densities_by_torch, BOUND]),
    (objectives, "standard_normal_log_density", "2 * ", "", [exact.densities_by_torch]),
    (objectives, "standard_normal_log_density", ".sum(", ".mean(", [BOUND, MARGINAL]),
    (objectives, "log_importance_weights", "+ log_pz", "- log_pz", [BOUND, OBJECTIVE]),
    (objectives, "log_importance_weights", "- log_qz", "+ log_qz", [BOUND, OBJECTIVE]),
    (objectives, "log_importance_weights", "- 0.5", "+ 0.5", [BOUND, OBJECTIVE]),
    (objectives, "log_importance_weights", ".sum(", ".mean(", [BOUND, OBJECTIVE]),
    (objectives, "importance_weighted_bound", "- math", "+ math", [BOUND, OBJECTIVE]),
    (objectives, "importance_weighted_bound", ".logsumexp(-1)", ".sum(-1)", [BOUND, OBJECTIVE]),
    (
        objectives,
        "importance_weighted_bound",
        ".logsumexp(-1) - math.log(log_weights.shape[-1])",
        ".mean(-1)",
        [BOUND, OBJECTIVE],
    ),
    (VAE, "terms", "-log_px, ", "log_px, ", [OBJECTIVE]),
    (VAE, "terms", "-objectives.importance", "objectives.importance", [OBJECTIVE]),
    (
        VAE,
        "log_likelihood",
        "labels[:, None].expand(-1, k).flatten()",
        "labels.repeat(k)",
        [OBJECTIVE],
    ),
    (likelihood, "log_weights", "s = min(chunk // block, samples - done)", "s = 1", [ELBO]),
    (likelihood, "bound_and_terms", "+ share", "", [BOUND, MARGINAL]),
    (likelihood, "bound_and_terms", "-= log_px", "+= log_px", [ELBO]),
    (likelihood, "bound_and_terms", "log_px.sum(1", "log_px.mean(1", [ELBO]),
    (likelihood, "bound_and_terms", "torch.logaddexp(", "torch.maximum(", [BOUND]),
    (likelihood, "marginal_bound", "- math.log(classes)", "", [MARGINAL]),
    (likelihood, "marginal_bound", "(labels[of] + turn) % classes", "labels[of]", [MARGINAL]),
    (likelihood, "marginal_bound", "1 + likeliest[near]", "likeliest[near]", [MARGINAL]),
    (likelihood, "marginal_bound", "range(1, classes)", "range(2, classes)", [MARGINAL]),
    (likelihood, "likelihood_metrics", "distortion + rate", "distortion - rate", [ELBO]),
    (likelihood, "likelihood_metrics", "x.shape[1] * ", "", [MARGINAL]),
    (likelihood, "likelihood_metrics", "-marginal / (", "marginal / (", [MARGINAL]),
    (statistics, "mean", "** 0.5", "", [exact.standard_error_of_a_mean]),
    (statistics, "mean", " / len(values) ** 0.5", "", [exact.standard_error_of_a_mean]),
    (statistics, "bootstrapped", "(n, (n,)", "(n, (n // 10,)", [exact.standard_error_by_bootstrap]),
    (statistics, "moments", ".cov()", ".corrcoef()", [exact.frechet_distance_by_scipy]),
    (statistics, "frechet_distance", "- 2 *", "-", [exact.frechet_distance_by_scipy]),
    (statistics, "frechet_distance", ".sqrt()", "", [exact.frechet_distance_by_scipy]),
    (statistics, "frechet_distance", "offset + ", "", [exact.frechet_distance_by_scipy]),
    (statistics, "_root", ".sqrt()", "", [exact.frechet_distance_by_scipy]),
    (statistics, "squared_mmd", "- 2 *", "-", [exact.mmd_by_integration, exact.mmd_pair_by_pair]),
    (statistics, "squared_mmd", "2 * x.", "x.", [exact.mmd_pair_by_pair]),
    (statistics, "squared_mmd", " - k.diagonal().sum()", "", [exact.mmd_by_integration]),
    (latents, "active_units", ".var(0)", ".std(0)", [exact.active_units_by_construction]),
    (latents, "active_units", ".var(0)", ".mean(0)", [exact.active_units_by_construction]),
    (tables, "interval", " / n**0.5", "", [exact.interval_by_scipy]),
    (tables, "interval", "(n - 1,", "(n,", [exact.interval_by_scipy]),
    (tables, "interval", "level / 2", "level / 4", [exact.interval_by_scipy]),
    (tables, "interval", "values.std()", "values.var()", [exact.interval_by_scipy]),
]


@pytest.mark.parametrize(
    ("place", "name", "old", "new", "checks"), MUTANTS, ids=lambda v: v if type(v) is str else ""
)
def test_what_is_broken_is_noticed(place: ModuleType | type, name, old, new, checks, monkeypatch):
    monkeypatch.setattr(place, name, broken(getattr(place, name), old, new))
    for check in checks:
        with pytest.raises((AssertionError, RuntimeError)):
            check()


def test_every_check_can_fail():
    assert {check for *_, checks in MUTANTS for check in checks} == set(exact.CHECKS)

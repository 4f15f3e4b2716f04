"""Recursive regression: the same answer as all observations at once."""

import numpy as np
import pytest

from engine.core import regression

SLOPE_VAR, CONSTANT_VAR, NOISE = 0.5, 4.0, 2.0


def new():
    weights, covariance, pull = np.zeros(4), np.empty((4, 4)), np.empty(4)
    regression.start(covariance, SLOPE_VAR, CONSTANT_VAR)
    return weights, covariance, pull


def test_incremental_is_batch():
    rng = np.random.default_rng(3)
    rows = np.c_[rng.normal(size=(60, 3)), np.ones(60)]
    seen = rows @ [1.0, -2.0, 0.3, 5.0] + rng.normal(size=60)
    weights, covariance, pull = new()
    for row, y in zip(rows, seen, strict=True):
        residual = y - regression.predict(weights, row, 0)
        regression.learn(weights, covariance, pull, row, residual, NOISE)
    precision = np.diag([1 / SLOPE_VAR] * 3 + [1 / CONSTANT_VAR]) + rows.T @ rows / NOISE
    assert covariance == pytest.approx(np.linalg.inv(precision))
    assert weights == pytest.approx(np.linalg.solve(precision, rows.T @ seen / NOISE))


def test_features_behind_the_weights_do_not_count():
    weights, covariance, pull = new()
    regression.learn(weights, covariance, pull, np.array([1.0, 2.0, 3.0, np.nan]), 1.0, NOISE)
    assert np.isfinite(weights).all()


def test_variance_and_prediction_leave_out_the_features_before_the_first():
    weights, covariance, pull = new()
    x = np.array([1.0, -2.0, 0.5])
    regression.learn(weights, covariance, pull, x, 1.0, NOISE)
    z = np.array([0.0, 0.0, 0.5, 1.0])
    assert regression.predict(weights, x, 2) == pytest.approx(weights @ z)
    assert regression.variance(weights, covariance, x, 2) == pytest.approx(z @ covariance @ z)


def test_forgetting_returns_to_the_prior_and_never_beyond():
    weights, covariance, pull = new()
    prior = covariance.copy()
    for _ in range(50):
        regression.learn(weights, covariance, pull, np.array([1.0, 1.0, 0.0]), 0.1, NOISE)
    for _ in range(2000):
        regression.forget(covariance, SLOPE_VAR, CONSTANT_VAR, 0.01)
        assert np.linalg.eigvalsh(prior - covariance).min() > -1e-9
        assert np.linalg.eigvalsh(covariance).min() > 0.0
    assert covariance == pytest.approx(prior, abs=1e-6)

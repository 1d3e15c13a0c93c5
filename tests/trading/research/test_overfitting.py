"""Overfitting statistics against published examples and cases worked by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from trading.errors import DataError
from trading.research.overfitting import (
    backtest_overfitting,
    bootstrap_p_value,
    deflated_sharpe,
    effective_trials,
    expected_maximum_sharpe,
    plateau,
    probabilistic_sharpe,
    sharpe_ratios,
)


class TestDeflatedSharpe:
    """Numbers of "A numerical example" in Bailey and López de Prado (2014).

    Annual Sharpe ratio 2.5 over 1,250 daily returns (250 a year), annual variance of the trials'
    Sharpe ratios 1/2, skewness −3, kurtosis 10.
    """

    SHARPE = 2.5 / math.sqrt(250)
    DEVIATION = math.sqrt(0.5 / 250)

    def test_benchmark_of_a_hundred_trials(self) -> None:
        benchmark = expected_maximum_sharpe(100, self.DEVIATION)
        assert benchmark == pytest.approx(0.1132, abs=5e-5)

    @pytest.mark.parametrize(
        ("trials", "skewness", "kurtosis", "published"),
        [(100, -3.0, 10.0, 0.9004), (46, -3.0, 10.0, 0.9505), (88, 0.0, 3.0, 0.9505)],
    )
    def test_published_probabilities(
        self, trials: int, skewness: float, kurtosis: float, published: float
    ) -> None:
        benchmark = expected_maximum_sharpe(trials, self.DEVIATION)
        result = probabilistic_sharpe(self.SHARPE, benchmark, 1250, skewness, kurtosis)
        assert result == pytest.approx(published, abs=5e-5)

    def test_one_trial_is_no_selection(self) -> None:
        assert expected_maximum_sharpe(1, 0.5) == 0.0

    def test_two_trials_deflate_by_their_spread(self) -> None:
        returns = np.array([0.01, -0.005, 0.02, 0.0, 0.01])
        found = deflated_sharpe(returns, np.array([0.1, 0.3]))
        # The spread of two numbers 0.2 apart is 0.2 / sqrt 2.
        assert found.benchmark == pytest.approx(expected_maximum_sharpe(2, 0.1 * np.sqrt(2)))
        assert found.benchmark > 0.0

    def test_expected_maximum_agrees_with_a_simulation(self) -> None:
        draws = np.random.default_rng(1).standard_normal((20_000, 50))
        assert expected_maximum_sharpe(50, 1.0) == pytest.approx(draws.max(axis=1).mean(), abs=0.05)

    def test_the_best_of_many_without_skill_is_rarely_accepted(self) -> None:
        # 400 searches of 20 trials each: without deflation nearly every winner looks skilled.
        generator = np.random.default_rng(24)
        deflated, plain = [], []
        for _ in range(400):
            returns = generator.normal(0, 1, (20, 250))
            sharpes = sharpe_ratios(returns)
            best = returns[int(np.argmax(sharpes))]
            deflated.append(deflated_sharpe(best, sharpes).probability)
            plain.append(deflated_sharpe(best, sharpes, effective_trials=1).probability)
        assert np.mean(np.array(deflated) > 0.95) <= 0.05
        assert np.mean(np.array(plain) > 0.95) > 0.5
        assert 0.4 < np.median(deflated) < 0.6

    def test_moments_and_sharpe_of_a_series_worked_by_hand(self) -> None:
        # mean 1, deviations -2 -1 0 1 2 scaled: variance 2 (n), 2.5 (n - 1); kurtosis 6.8 / 4
        returns = np.array([-1.0, 0.0, 1.0, 2.0, 3.0])
        result = deflated_sharpe(returns, np.array([0.3]))
        assert result.sharpe == pytest.approx(1 / math.sqrt(2.5))
        assert result.skewness == pytest.approx(0.0)
        assert result.kurtosis == pytest.approx(1.7)
        assert (result.trials, result.benchmark) == (1, 0.0)

    def test_more_trials_deflate_more(self) -> None:
        returns = np.random.default_rng(2).normal(0.002, 0.01, 250)
        trials = np.random.default_rng(3).normal(0.0, 0.05, 40)
        nominal = deflated_sharpe(returns, trials)
        effective = deflated_sharpe(returns, trials, effective_trials=5)
        assert nominal.probability < effective.probability
        assert (effective.trials, effective.effective_trials) == (40, 5)

    def test_returns_that_never_move_prove_nothing(self) -> None:
        assert deflated_sharpe(np.zeros(50), np.zeros(10)).probability == 0.0
        assert deflated_sharpe(np.full(50, 0.001), np.zeros(10)).probability == 0.0

    def test_too_few_periods_are_refused(self) -> None:
        with pytest.raises(DataError, match="was 2 periods and 1 trials"):
            deflated_sharpe(np.zeros(2), np.zeros(1))


class TestEffectiveTrials:
    def test_copies_of_one_trial_count_once(self) -> None:
        one = np.random.default_rng(4).normal(0, 1, 100)
        assert effective_trials(np.stack([one, 2 * one, one + 0.5])) == 1

    def test_independent_trials_all_count(self) -> None:
        assert effective_trials(np.random.default_rng(5).normal(0, 1, (20, 500))) == 20

    def test_three_families_of_parameters_count_three(self) -> None:
        generator = np.random.default_rng(6)
        families = generator.normal(0, 1, (3, 400))
        trials = np.repeat(families, 10, axis=0) + generator.normal(0, 0.1, (30, 400))
        assert effective_trials(trials) == 3

    def test_many_trials_agree_with_the_definition_pair_by_pair(self) -> None:
        generator = np.random.default_rng(19)
        families = generator.normal(0, 1, (200, 60))
        trials = families[generator.integers(0, 200, 1200)] + generator.normal(0, 0.7, (1200, 60))
        order = np.argsort(-sharpe_ratios(trials), kind="stable")
        close = np.corrcoef(trials[order]) >= 0.7
        leaders: list[int] = []
        for place in range(1200):
            if not any(close[place, leader] for leader in leaders):
                leaders.append(place)
        assert 200 < len(leaders) < 1200
        assert effective_trials(trials) == len(leaders)

    def test_opposite_trials_count_twice(self) -> None:
        one = np.random.default_rng(7).normal(0, 1, 100)
        assert effective_trials(np.stack([one, -one])) == 2

    def test_trials_that_never_traded_count_once(self) -> None:
        one = np.random.default_rng(8).normal(0, 1, 100)
        assert effective_trials(np.stack([np.zeros(100), one, np.zeros(100)])) == 2
        assert effective_trials(np.zeros((3, 100))) == 1


def slow_overfitting(returns: np.ndarray, blocks: int) -> float:
    """CSCV as the paper defines it, split by split."""
    trials, periods = returns.shape
    pieces = np.split(np.arange(periods), blocks)
    below = 0
    splits = list(itertools.combinations(range(blocks), blocks // 2))
    for split in splits:
        inside = np.concatenate([pieces[b] for b in range(blocks) if b in split])
        outside = np.concatenate([pieces[b] for b in range(blocks) if b not in split])
        winner = int(np.argmax([row[inside].mean() / row[inside].std(ddof=1) for row in returns]))
        scores = [row[outside].mean() / row[outside].std(ddof=1) for row in returns]
        rank = sorted(scores).index(scores[winner]) + 1
        relative = rank / (trials + 1)
        below += math.log(relative / (1 - relative)) <= 0
    return below / len(splits)


def slow_degradation(returns: np.ndarray, blocks: int) -> float:
    """The slope of the winners' ratios on the other half over those in which they won."""
    pieces = np.split(np.arange(returns.shape[1]), blocks)
    inside, outside = [], []
    for split in itertools.combinations(range(blocks), blocks // 2):
        own = np.concatenate([pieces[b] for b in split])
        other = np.concatenate([pieces[b] for b in range(blocks) if b not in split])
        ratios = returns[:, own].mean(axis=1) / returns[:, own].std(axis=1, ddof=1)
        winner = returns[int(np.argmax(ratios)), other]
        inside.append(float(ratios.max()))
        outside.append(float(winner.mean() / winner.std(ddof=1)))
    return float(np.polyfit(inside, outside, 1)[0])


class TestBacktestOverfitting:
    @pytest.mark.parametrize("skill", [0.0, 0.5])
    def test_the_degradation_is_the_slope_over_all_splits(self, skill: float) -> None:
        returns = np.random.default_rng(12).normal(0.0, 1.0, (5, 80))
        returns[1] += skill
        slope = slow_degradation(returns, 8)
        assert slope < -0.2
        assert backtest_overfitting(returns, 8).degradation == pytest.approx(slope, rel=1e-9)

    def test_choices_that_look_equally_good_degrade_by_nothing(self) -> None:
        returns = np.tile([0.01, -0.01, 0.02, 0.0], (3, 4))
        assert backtest_overfitting(returns, 4).degradation == 0.0

    def test_agrees_with_the_definition_split_by_split(self) -> None:
        returns = np.random.default_rng(9).normal(0, 1, (7, 60))
        result = backtest_overfitting(returns, blocks=6)
        assert result.splits == math.comb(6, 3)
        assert result.probability == pytest.approx(slow_overfitting(returns, 6))
        assert 0 < result.probability < 1

    @pytest.mark.parametrize(
        ("seed", "trials", "periods", "blocks", "skill", "lower", "lost"),
        [
            (30, 12, 240, 8, 0.0, 45, 39),
            (31, 24, 480, 10, 0.15, 4, 5),
            (32, 8, 160, 8, 0.3, 2, 1),
        ],
    )
    def test_counts_as_many_splits_as_an_independent_library(
        self,
        seed: int,
        trials: int,
        periods: int,
        blocks: int,
        skill: float,
        lower: int,
        lost: int,
    ) -> None:
        # The package pbo 1.3.5 in R on the same returns, by Sharpe ratio: splits whose winner ranks
        # in the lower half, and loses. (It ranks by N, the paper by N + 1: the same for an even N.)
        returns = np.random.default_rng(seed).normal(0, 1, (trials, periods))
        returns[0] += skill
        result = backtest_overfitting(returns, blocks)
        assert result.splits == math.comb(blocks, blocks // 2)
        assert result.probability == pytest.approx(lower / result.splits, rel=1e-12)
        assert result.loss_probability == pytest.approx(lost / result.splits, rel=1e-12)

    def test_a_trial_that_is_always_best_is_not_overfitted(self) -> None:
        returns = np.random.default_rng(10).normal(0, 1, (20, 160))
        returns[3] += 2.0
        result = backtest_overfitting(returns, blocks=10)
        assert (result.probability, result.loss_probability) == (0.0, 0.0)

    def test_a_winner_that_always_turns_into_the_worst_is_overfitted(self) -> None:
        # Two blocks; whichever trial wins in one loses in the other.
        wave = np.array([1.0, 1.1, -1.0, -1.1])
        result = backtest_overfitting(np.stack([wave, -wave]), blocks=2)
        assert (result.probability, result.loss_probability) == (1.0, 1.0)

    def test_pure_noise_is_near_one_half_on_average(self) -> None:
        generator = np.random.default_rng(11)
        values = [
            backtest_overfitting(generator.normal(0, 1, (10, 80)), blocks=8).probability
            for _ in range(60)
        ]
        assert np.mean(values) == pytest.approx(0.5, abs=0.1)

    def test_noise_is_overfitted_with_even_odds_for_any_search(self) -> None:
        # The halves are independent, so the winner's rank out-of-sample is uniform: one half, and
        # (N + 1) / 2 of N ranks are in the lower half if N is odd.
        generator = np.random.default_rng(22)
        for trials, expected in ((2, 0.5), (7, 4 / 7), (40, 0.5)):
            values = np.array(
                [
                    backtest_overfitting(generator.normal(0, 1, (trials, 48)), 6).probability
                    for _ in range(250)
                ]
            )
            error = values.std(ddof=1) / math.sqrt(len(values))
            assert abs(values.mean() - expected) <= 4.0 * error
            assert 0.0 < error < 0.05

    def test_more_skill_of_one_trial_means_less_overfitting(self) -> None:
        generator = np.random.default_rng(23)
        noise = generator.normal(0, 1, (40, 20, 96))
        means = []
        for skill in (0.0, 0.2, 0.5, 2.0):
            skilled = noise.copy()
            skilled[:, 0] += skill
            means.append(np.mean([backtest_overfitting(t, 8).probability for t in skilled]))
        assert means == sorted(means, reverse=True)
        assert means[0] > 0.35
        assert means[-1] == 0.0

    def test_equal_trials_share_their_rank(self) -> None:
        one = np.random.default_rng(12).normal(0.5, 1, 64)
        # All are equal: the winner is in the middle, which counts as the lower half.
        assert backtest_overfitting(np.tile(one, (9, 1)), blocks=8).probability == 1.0

    def test_idle_trials_have_no_skill(self) -> None:
        returns = np.random.default_rng(13).normal(0, 1, (4, 64))
        idle = np.vstack([returns, np.zeros((3, 64)), np.full((1, 64), 0.1)])
        result = backtest_overfitting(idle, blocks=8)
        assert 0.0 <= result.probability <= 1.0
        assert backtest_overfitting(idle[4:], blocks=8).probability == 1.0

    def test_the_result_does_not_depend_on_the_batches_of_splits(self) -> None:
        returns = np.random.default_rng(14).normal(0, 1, (12, 64))
        whole = backtest_overfitting(returns, blocks=8)
        assert backtest_overfitting(returns, blocks=8, max_cells=300) == whole

    @pytest.mark.parametrize(
        ("shape", "blocks", "message"),
        [
            ((5, 64), 7, "even number of blocks"),
            ((5, 15), 8, "15 periods in 8 blocks"),
            ((1, 64), 8, "was 1 trials"),
        ],
    )
    def test_returns_that_cannot_be_split_are_refused(
        self, shape: tuple[int, int], blocks: int, message: str
    ) -> None:
        with pytest.raises(DataError, match=message):
            backtest_overfitting(np.zeros(shape), blocks=blocks)


class TestPlateau:
    GRID = tuple({"k": k, "stop": s} for k in (0.3, 0.4, 0.5) for s in (1, 2, 3))

    def test_an_isolated_peak_scores_nothing(self) -> None:
        result = plateau(self.GRID, [0.1, 0.1, 0.1, 0.1, 1.0, 0.1, 0.1, 0.1, 0.1], 4)
        assert (result.score, result.neighbours) == (0.0, 8)

    def test_a_hill_scores_the_share_of_neighbours_that_keep_half(self) -> None:
        result = plateau(self.GRID, [0.5, 0.6, 0.7, 0.2, 1.0, 0.9, 0.1, 0.8, 0.5], 4)
        assert result.score == pytest.approx(6 / 8)

    def test_a_corner_has_three_neighbours(self) -> None:
        result = plateau(self.GRID, [1.0, 0.9, 0.0, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0], 0)
        assert (result.score, result.neighbours) == (pytest.approx(2 / 3), 3)

    def test_neighbours_are_grid_steps_not_distances(self) -> None:
        grid = [{"n": 1}, {"n": 10}, {"n": 1000}]
        assert plateau(grid, [0.9, 1.0, 0.9], 1).neighbours == 2

    def test_text_values_are_all_neighbours(self) -> None:
        grid = [{"tf": tf, "k": k} for tf in ("1h", "4h", "15m") for k in (1, 2, 3)]
        assert plateau(grid, [1.0] * 9, 0).neighbours == 5

    def test_a_loss_has_no_plateau(self) -> None:
        assert plateau(self.GRID, [-0.1] * 9, 4).score == 0.0

    def test_a_single_combination_has_no_plateau(self) -> None:
        result = plateau([{"k": 0.5}], [1.0], 0)
        assert (result.score, result.neighbours) == (0.0, 0)

    def test_a_neighbour_without_a_value_supports_nothing(self) -> None:
        assert plateau([{"k": 1}, {"k": 2}], [1.0, math.nan], 0).score == 0.0


def within_binomial_bounds(share: float, expected: float, draws: int) -> bool:
    """Return whether ``share`` of ``draws`` is within four standard errors of the expectation."""
    return abs(share - expected) <= 4.0 * math.sqrt(expected * (1.0 - expected) / draws)


class TestBootstrap:
    @pytest.mark.parametrize(("block", "seed", "reached"), [(6, 1, 221), (7, 2, 219), (20, 3, 160)])
    def test_reaches_the_mean_as_often_as_an_independent_library(
        self, block: int, seed: int, reached: int
    ) -> None:
        # arch 8.0.0, CircularBlockBootstrap(block, returns, seed=default_rng(seed)): of 2,000 means
        # minus that of the returns, those at or above it.
        returns = np.random.default_rng(20).normal(0.24, 1.0, 240)
        for day in range(1, 240):
            returns[day] += 0.3 * returns[day - 1]
        value = bootstrap_p_value(returns, np.random.default_rng(seed), block=block)
        assert value == (1 + reached) / 2001

    def test_p_values_of_noise_are_uniform(self) -> None:
        # A block bootstrap is known to reject a little too often: by the ratio of block to series,
        # here 3 % of the deviation, which is far inside the bounds.
        generator = np.random.default_rng(21)
        values = np.array(
            [bootstrap_p_value(generator.normal(0, 1, 200), generator, 200) for _ in range(600)]
        )
        for level in (0.05, 0.1, 0.5, 0.9):
            assert within_binomial_bounds(float(np.mean(values <= level)), level, 600)

    def test_a_strong_mean_is_significant_and_a_weak_one_is_not(self) -> None:
        returns = np.random.default_rng(15).normal(0, 1, 300)
        strong = bootstrap_p_value(returns + 0.5, np.random.default_rng(0))
        weak = bootstrap_p_value(returns - 0.5, np.random.default_rng(0))
        assert strong == pytest.approx(1 / 2001)
        assert weak == pytest.approx(1.0)

    def test_the_same_seed_gives_the_same_value(self) -> None:
        returns = np.random.default_rng(16).normal(0.05, 1, 200)
        first = bootstrap_p_value(returns, np.random.default_rng(7), samples=500)
        assert first == bootstrap_p_value(returns, np.random.default_rng(7), samples=500)
        assert 0.0 < first < 1.0

    def test_single_draws_agree_with_the_normal_approximation(self) -> None:
        returns = np.random.default_rng(17).normal(0.0, 1.0, 400)
        returns += 0.05 - returns.mean()
        expected = 0.5 * math.erfc(0.05 * math.sqrt(400) / returns.std() / math.sqrt(2))
        value = bootstrap_p_value(returns, np.random.default_rng(1), samples=20_000, block=1)
        assert value == pytest.approx(expected, abs=0.01)

    def test_blocks_notice_clustered_losses(self) -> None:
        # The same values in long runs are weaker evidence for the mean.
        runs = np.repeat(np.random.default_rng(18).normal(0.0, 1.0, 40) + 0.1, 10)
        single = bootstrap_p_value(runs, np.random.default_rng(2), block=1)
        together = bootstrap_p_value(runs, np.random.default_rng(2), block=20)
        assert together > 2 * single

    def test_an_idle_strategy_is_not_significant(self) -> None:
        assert bootstrap_p_value(np.zeros(30), np.random.default_rng(3)) == 1.0

    def test_a_block_longer_than_the_series_is_refused(self) -> None:
        with pytest.raises(DataError, match="block of 11 periods does not fit 10 periods"):
            bootstrap_p_value(np.zeros(10), np.random.default_rng(4), block=11)
        with pytest.raises(DataError, match="needs 2 periods, was 1"):
            bootstrap_p_value(np.zeros(1), np.random.default_rng(4))


def test_a_row_that_never_moves_has_a_sharpe_ratio_of_zero() -> None:
    rows = np.array([[0.0, 0.0, 0.0], [0.1, 0.1, 0.1], [1.0, 2.0, 3.0]])
    assert sharpe_ratios(rows).tolist() == [0.0, 0.0, 2.0]


def test_a_text_beside_numbers_is_a_neighbour_of_the_first_steps():
    grid = [{"stop": value} for value in (0.01, 0.02, 0.03, "off")]
    assert plateau(grid, [1.0, 1.0, 1.0, 1.0], 3).neighbours == 2

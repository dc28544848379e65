import signal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import cfhtisr
from cfhtisr.errors import ShapeMismatchError, UnknownChoiceError
from cfhtisr.images import Mask, MaskedImage
from cfhtisr.isr import fringe
from oracle import calibration as calibration_oracle
from oracle import fringe as oracle
from strategies import flags, masked_images, ordinary, planes, shapes


@st.composite
def windows(draw, least=2):
    """Return a shape, positions and the half sizes of windows that fit."""
    large = draw(st.integers(least, 5))
    small = draw(st.integers(1, large))
    shape = draw(st.tuples(*[st.integers(2 * large, 2 * large + 6)] * 2))
    x, y = (st.integers(large, length - large) for length in (shape[1], shape[0]))
    pairs = draw(st.lists(st.tuples(x, y), max_size=5))
    return shape, [pair[0] for pair in pairs], [pair[1] for pair in pairs], small, large


@given(st.data(), windows(), flags)
def test_medians_equal_the_oracle(data, windows, and_mask):
    shape, x, y, small, large = windows
    image, mask = data.draw(planes(shape=shape))
    amplitude = fringe.measure(MaskedImage(image, mask), x, y, small, large, and_mask)
    wanted = oracle.measure(image.tolist(), mask.tolist(), x, y, small, large, and_mask)
    assert_array_equal(amplitude, wanted)


@given(st.data(), windows(), flags)
def test_means_equal_the_oracle(data, windows, and_mask):
    """The sums are not exactly rounded here as they are there."""
    shape, x, y, small, large = windows
    image, mask = data.draw(planes(ordinary, shape))
    amplitude = fringe.measure(MaskedImage(image, mask), x, y, small, large, and_mask, "MEAN")
    wanted = oracle.measure(image.tolist(), mask.tolist(), x, y, small, large, and_mask, "MEAN")
    assert_allclose(amplitude, wanted, rtol=1e-12, atol=1e-10)


@given(windows(), st.integers(0, 2**32 - 1), st.floats(1, 4), st.integers(0, 4))
def test_clipped_means_equal_the_oracle(windows, seed, n_sigma, n_iter):
    """Of heavy-tailed values without ties: a tie with the limit is a matter of rounding."""
    shape, x, y, small, large = windows
    rng = np.random.default_rng(seed)
    image = rng.standard_t(1.5, shape).astype(np.float32)
    mask = rng.integers(0, 4, shape).astype(np.int32)
    options = ("MEANCLIP", n_sigma, n_iter)
    amplitude = fringe.measure(MaskedImage(image, mask), x, y, small, large, 2, *options)
    wanted = oracle.measure(image.tolist(), mask.tolist(), x, y, small, large, 2, *options)
    assert_allclose(amplitude, wanted, rtol=1e-12, atol=1e-10)


def scenes():
    """Frames on which a guess of the next median is easy, wrong, or of no use."""
    rng = np.random.default_rng(11)
    y, x = np.mgrid[:150, :170]
    noise = rng.normal(0, 5, x.shape)
    yield "smooth", 3.0 * x + y
    yield "noise", noise
    yield "fringes", 20 * np.sin(x / 7) * np.cos(y / 11) + noise
    yield "cliff", np.where(x < 80, 0, 1e6) + noise
    yield "two values", (noise > 0).astype(float)
    yield "constant", np.full(x.shape, 7.0)
    yield "nearly all equal", np.where(noise > 8, noise, 0)
    yield "huge", np.where(noise > 0, 3e38, -3e38)
    yield "signed zeros", np.where(noise > 0, 0.0, -0.0)
    yield "holes", np.where((x // 40 + y // 40) % 3 == 0, np.nan, noise)


@pytest.mark.parametrize(("name", "scene"), list(scenes()), ids=[name for name, _ in scenes()])
def test_large_windows_are_exact_whatever_was_guessed(name, scene):
    """Beyond 1024 pixels the median is looked for near that of the window before."""
    image = scene.astype(np.float32)
    rng = np.random.default_rng(12)
    mask = np.where(rng.random(image.shape) < 0.1, 2, 0).astype(np.int32)
    mask[:60, :70] = 2 if name == "noise" else 0
    x, y = fringe.positions(image.shape, 300, 20, seed=3)
    amplitude = fringe.measure(MaskedImage(image, mask), x, y, 1, 20, 2)

    def median(column, row, size):
        window = np.s_[row - size : row + size, column - size : column + size]
        usable = image[window][(mask[window] == 0) & np.isfinite(image[window])]
        return np.median(usable.astype(float)) if usable.size else np.nan

    wanted = [median(i, j, 1) - median(i, j, 20) for i, j in zip(x, y, strict=True)]
    assert_array_equal(amplitude, wanted)


def test_results_do_not_depend_on_threads_or_on_the_order_of_positions():
    rng = np.random.default_rng(5)
    frame = MaskedImage(rng.normal(0, 3, (200, 130)).astype(np.float32))
    x, y = fringe.positions(frame.shape, 5000, 20, seed=9)
    results = []
    try:
        for threads in (1, 2, 5):
            cfhtisr.set_num_threads(threads)
            order = rng.permutation(x.size)
            amplitude = np.empty(x.size)
            amplitude[order] = fringe.measure(frame, x[order], y[order], 2, 20)
            results.append(amplitude)
    finally:
        cfhtisr.set_num_threads(None)
    assert_array_equal(results[1], results[0])
    assert_array_equal(results[2], results[0])


@given(masked_images(ordinary, (9, 9)), st.integers(-4, 4))
def test_a_flagged_pixel_may_hold_anything(frame, seed):
    x, y = fringe.positions(frame.shape, 4, 2, seed=seed + 4)
    before = fringe.measure(frame, x, y, 1, 2, 2)
    frame.image.array[frame.mask.array & 2 != 0] = 1e30
    assert_array_equal(fringe.measure(frame, x, y, 1, 2, 2), before)


def test_positions_are_the_legacy_stream():
    random = np.random.RandomState(2**32 - 1)
    wanted = random.randint(5, 83 - 5, 40), random.randint(5, 61 - 5, 40)
    x, y = fringe.positions((61, 83), 40, 5, 2**32 - 1)
    assert_array_equal(x, wanted[0])
    assert_array_equal(y, wanted[1])


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (((10, 30), 1, 5, 0), "frame of 30 x 10 pixels is too small"),
        (((30, 10), 1, 5, 0), "frame of 10 x 30 pixels is too small"),
        (((30, 30), 1, 5, -1), "seed is -1"),
        (((30, 30), 1, 5, 2**32), "seed is 4294967296"),
        (((30, 30), -1, 5, 0), "num is -1"),
        (((30, 30), 1, 0, 0), "large 0"),
    ],
)
def test_impossible_positions_are_refused(options, text):
    with pytest.raises(ValueError, match=text):
        fringe.positions(*options)


@pytest.mark.parametrize(
    ("x", "y", "small", "large", "text"),
    [
        ([1], [4], 1, 2, "x has 1: a window of 2 around it leaves 0..9"),
        ([4], [8], 1, 2, "y has 8: a window of 2 around it leaves 0..9"),
        ([4], [8], 2, 1, "y has 8: a window of 2"),
        ([-(2**40)], [4], 1, 2, "x has -1099511627776"),
        ([4], [4], 0, 2, "small is 0"),
        ([4], [4], 1, 0, "large is 0"),
        ([4], [4], 1, 10**6, "window of 1000000"),
        ([4, 4], [4], 1, 2, "y has 1 positions, wanted 2"),
    ],
)
def test_windows_that_leave_the_image_are_refused(x, y, small, large, text):
    with pytest.raises(ValueError, match=text):
        fringe.measure(MaskedImage(np.zeros((9, 9), np.float32)), x, y, small, large)


def test_an_unknown_statistic_is_refused():
    with pytest.raises(UnknownChoiceError, match="statistic is 'MODE'"):
        fringe.measure(MaskedImage(np.zeros((9, 9), np.float32)), [4], [4], 1, 2, 0, "MODE")


def test_no_positions_give_no_amplitudes():
    assert fringe.measure(MaskedImage(np.zeros((2, 2), np.float32)), [], [], 1, 1).shape == (0,)


amplitudes = st.one_of(st.floats(-50, 50), st.sampled_from([0.0, np.nan, np.inf, 1e6]))


@given(st.lists(st.tuples(amplitudes, amplitudes), max_size=40), st.integers(0, 20))
def test_one_frame_is_solved_as_by_the_oracle(pairs, iterations):
    science, frame = [list(values) for values in zip(*pairs, strict=True)] if pairs else ([], [])
    for parity in ("none", "lsst-v17"):
        amount = fringe.solve(science, frame, iterations, parity=parity)
        assert_allclose(amount, [oracle.solve_one(science, frame, iterations)], rtol=1e-9)


@given(st.integers(0, 1000), st.integers(1, 3), st.floats(-3, 3))
def test_the_amounts_that_were_put_in_are_found(seed, frames, first):
    rng = np.random.default_rng(seed)
    columns = rng.normal(0, 1, (frames, 400))
    amounts = np.append(first, rng.uniform(-2, 2, frames - 1))
    science = amounts @ columns + rng.normal(0, 0.01, 400)
    science[::29] += 1e4
    science[5], columns[0, 7] = np.nan, np.inf
    assert_allclose(fringe.solve(science, columns), amounts, atol=5e-3)


def test_two_equal_frames_share_the_amount():
    column = np.random.default_rng(2).normal(0, 1, 100)
    assert_allclose(fringe.solve(3 * column, [column, column]), [1.5, 1.5], rtol=1e-12)


@pytest.mark.parametrize("parity", ["none", "lsst-v17"])
@pytest.mark.parametrize("frames", [1, 2, 3])
def test_no_solution_is_a_zero_for_each_frame(frames, parity):
    for science in ([], [np.nan] * 4, [1.0] * 4):
        columns = np.ones((frames, len(science)))
        assert_array_equal(fringe.solve(science, columns, parity=parity), np.zeros(frames))


def test_only_the_reference_takes_a_position_that_one_frame_lacks():
    rng = np.random.default_rng(3)
    columns = rng.normal(0, 1, (2, 100))
    science = columns.sum(axis=0)
    columns[1, 4] = np.nan
    assert_allclose(fringe.solve(science, columns), [1, 1], rtol=1e-12)
    # The NaN then spoils the quartiles, so that nothing is near them.
    assert_array_equal(fringe.solve(science, columns, parity="lsst-v17"), [0, 0])


def test_only_the_reference_ignores_clip_in_its_first_rejection():
    rng = np.random.default_rng(4)
    column = rng.normal(0, 1, 200)
    science = column + rng.normal(0, 0.3, 200)
    loose, tight = (fringe.solve(science, column, 1, clip) for clip in (3.0, 0.9))
    reference = fringe.solve(science, column, 1, 0.9, parity="lsst-v17")
    assert len({float(loose[0]), float(tight[0]), float(reference[0])}) == 3


def test_amplitudes_that_do_not_belong_together_are_refused():
    with pytest.raises(ShapeMismatchError, match=r"fringes have shape \(1, 2\)"):
        fringe.solve([1, 2, 3], [1, 2])


@given(st.data(), st.lists(st.floats(-2, 2), min_size=1, max_size=3))
def test_subtract_equals_the_oracle(data, scales):
    shape = data.draw(shapes(max_side=6))
    target, *frames = (data.draw(masked_images(shape=shape)) for _ in range(len(scales) + 1))
    wanted = [array.tolist() for array in target.getArrays()]
    for frame, scale in zip(frames, scales, strict=True):
        other = [array.tolist() for array in frame.getArrays()]
        wanted = calibration_oracle.subtract_scaled(wanted, other, scale)
    fringe.subtract(target, frames, scales)
    for array, values in zip(target.getArrays(), wanted, strict=True):
        assert_array_equal(array, np.array(values, array.dtype).reshape(shape))


def test_subtract_changes_nothing_when_anything_is_wrong():
    target = MaskedImage(np.ones((2, 2), np.float32))
    good, bad = target.copy(), MaskedImage(np.ones((2, 3), np.float32))
    with pytest.raises(ShapeMismatchError, match="fringe frame 1 has 3 x 2 pixels, wanted 2 x 2"):
        fringe.subtract(target, [good, bad], [1, 1])
    with pytest.raises(RuntimeError, match=r"scales have shape \(1,\), wanted \(2,\)"):
        fringe.subtract(target, [good, good], [1])
    with pytest.raises(ValueError, match="wanted finite"):
        fringe.subtract(target, [good, good], [1, np.nan])
    assert (target.image.array == 1).all()


@given(masked_images(shape=(3, 4)))
def test_the_pedestal_is_removed_as_by_the_oracle(frame):
    wanted = oracle.remove_pedestal(frame.image.array.tolist())
    before = frame.copy()
    pedestal = fringe.remove_pedestal(frame)
    if not np.isfinite(before.image.array).any():
        assert np.isnan(pedestal)
        assert_array_equal(frame.image.array, before.image.array)
        return
    assert_array_equal(frame.image.array, np.float32(wanted))
    assert_array_equal(frame.mask.array, before.mask.array)


def test_sample_vectors(shared):
    with np.load(shared / "golden" / "fringe.npz") as file:
        data = dict(file)
    n_frames, seed, num, small, large, pedestal, statistic = data["single__config"].tolist()
    assert (n_frames, pedestal, statistic) == (1, 1, 32)
    science = MaskedImage(
        data["science_image"],
        data["science_mask"],
        np.full(data["science_image"].shape, 100, np.float32),
    )
    # The vectors were made of a frame on a pedestal that the file does not hold. Subtracting
    # it again leaves the rounding of numbers between 32 and 64.
    frame = MaskedImage(data["fringe0"] + np.float32(50), science.mask.array.copy())
    assert fringe.remove_pedestal(frame) == pytest.approx(50.43, abs=0.01)
    x, y = fringe.positions(frame.shape, num, large, seed)
    assert_array_equal(np.transpose([x, y]), data["single__positions"])
    sat = Mask.bitmask("SAT")
    measured = fringe.measure(science, x, y, small, large, sat)
    pattern = fringe.measure(frame, x, y, small, large, sat)
    assert_array_equal(measured, data["single__science_fluxes"])
    assert_array_equal(pattern, data["single__fringe_fluxes"][0])
    for parity in ("none", "lsst-v17"):
        amount = fringe.solve(measured, [pattern], parity=parity)
        assert_allclose(amount, data["single__solution"], rtol=1e-12)
    fringe.subtract(science, frame, amount)
    assert_array_equal(science.image.array, data["single__out_image"])
    assert_array_equal(science.mask.array, data["single__out_mask"])


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer that interrupts")
def test_ctrl_c_is_heard_on_the_way(monkeypatch):
    frame = MaskedImage(np.zeros((130, 130), np.float32))
    x, y = fringe.positions(frame.shape, 4 * fringe._CHUNK, 60, seed=1)
    calls = []
    whole = fringe._kernels.measure_fringe

    def counted(*arguments):
        calls.append(1)
        return whole(*arguments)

    monkeypatch.setattr(fringe._kernels, "measure_fringe", counted)
    old = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    try:
        with pytest.raises(KeyboardInterrupt):
            fringe.measure(frame, x, y, 1, 60)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert len(calls) < 4


def test_the_uncertainty_is_the_scatter_of_the_amounts():
    rng = np.random.default_rng(8)
    columns = rng.normal(0, [[1.0], [3.0]], (2, 300))
    columns[1] += columns[0]
    found = [
        fringe.fit(np.array([0.7, -0.2]) @ columns + rng.normal(0, 0.5, 300), columns, 0)
        for _ in range(400)
    ]
    amounts = np.array([one.amount for one in found])
    sigmas = np.array([one.sigma for one in found])
    assert_allclose(amounts.std(axis=0), sigmas.mean(axis=0), rtol=0.15)
    assert_allclose(amounts.mean(axis=0), [0.7, -0.2], atol=0.02)


def test_what_the_positions_do_not_tell_has_no_uncertainty():
    column = np.random.default_rng(2).normal(0, 1, 100)
    assert np.isnan(fringe.fit(3 * column, [column, 2 * column]).sigma).all()
    nothing = fringe.fit([np.nan] * 4, np.ones((2, 4)))
    assert (nothing.count, np.isnan(nothing.sigma).all(), np.isnan(nothing.spread)) == (
        0,
        True,
        True,
    )
    exact = fringe.fit(3 * column, [column])
    assert exact.sigma[0] < 1e-12

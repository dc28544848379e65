//! Median, clipped mean and standard deviation of usable pixels.

/// Median of `values`, which it reorders: the mean of the middle two, in `f64`, of an even count.
///
/// NaN when there are none; the values themselves must not be NaN.
pub fn median(mut values: Vec<f32>) -> f32 {
    let count = values.len();
    if count == 0 {
        return f32::NAN;
    }
    let (below, upper, _) = values.select_nth_unstable_by(count / 2, f32::total_cmp);
    if count % 2 == 1 {
        return *upper;
    }
    let lower = below.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    #[allow(clippy::cast_possible_truncation, reason = "the result is a pixel value again")]
    let middle = f64::midpoint(f64::from(lower), f64::from(*upper)) as f32;
    middle
}

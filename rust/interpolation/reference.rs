//! Repair of a row as the reference did it, quirks included.

use ndarray::{ArrayViewMut1, s};

use super::EDGE;
use super::weights::rounded;
use crate::runs::Run;

/// What the reference reads where there is no pixel.
const NO_PIXEL: f64 = -1.0;
const WIDE: usize = 11;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Left,
    NearLeft,
    Middle,
    NearRight,
    Right,
}

impl Place {
    /// The first that matches counts, even for a run that reaches from one edge to the other.
    fn of(run: Run, width: usize) -> Self {
        match run {
            Run { first: 0, .. } => Self::Left,
            Run { first: 1, .. } => Self::NearLeft,
            Run { last, .. } if last + 2 == width => Self::NearRight,
            Run { last, .. } if last + 1 == width => Self::Right,
            _ => Self::Middle,
        }
    }

    fn at_edge(self) -> bool {
        matches!(self, Self::Left | Self::Right)
    }
}

/// Whether some run of a row needs the fallback value.
pub fn needs_fallback(runs: &[Run], width: usize, use_edge: bool) -> bool {
    runs.iter().any(|&run| {
        let place = Place::of(run, width);
        let to_the_end = run.last + 1 == width;
        (place == Place::Left && to_the_end)
            || (place == Place::NearLeft && to_the_end && run.width() >= WIDE)
            || (place.at_edge() && use_edge && run.width() > EDGE)
    })
}

/// Repair the runs of one row of one plane, from left to right.
pub fn repair(mut pixels: ArrayViewMut1<'_, f32>, runs: &[Run], fallback: f32, use_edge: bool) {
    for (index, &run) in runs.iter().enumerate() {
        // One good pixel between two runs: the pixel behind it is bad.
        let bad_left = index > 0 && runs[index - 1].last + 2 == run.first;
        let bad_right = runs.get(index + 1).is_some_and(|next| next.first == run.last + 2);
        repair_run(&mut pixels, run, [bad_left, bad_right], fallback, use_edge);
    }
}

fn repair_run(
    pixels: &mut ArrayViewMut1<'_, f32>,
    run: Run,
    [bad_left, bad_right]: [bool; 2],
    fallback: f32,
    use_edge: bool,
) {
    let Run { first, last } = run;
    let (width, size) = (pixels.len(), run.width());
    let place = Place::of(run, width);
    let stand_in = Some(f64::from(fallback));
    let beyond = if size == EDGE + 1 { Some(NO_PIXEL) } else { stand_in };

    if use_edge && size > EDGE && place == Place::Left {
        if last + 1 == width {
            pixels.fill(fallback);
            return;
        }
        pixels.slice_mut(s![..=last - EDGE]).fill(fallback);
        let outer = if bad_right { None } else { Some(at(pixels, last + 2).unwrap_or(NO_PIXEL)) };
        let sites = [beyond, stand_in, at(pixels, last + 1), outer];
        predict(pixels, Run { first: last + 1 - EDGE, last }, sites, fallback);
    } else if use_edge && size > EDGE && place == Place::Right {
        pixels.slice_mut(s![first + EDGE..]).fill(fallback);
        let sites = [at(pixels, first - 2), at(pixels, first - 1), stand_in, beyond];
        predict(pixels, Run { first, last: first + EDGE - 1 }, sites, fallback);
    } else if size >= WIDE && first < 2 && last + 2 >= width {
        let value = if last + 2 == width { pixels[last + 1] } else { fallback };
        pixels.slice_mut(s![first..=last]).fill(value);
    } else {
        let outer_left = match place {
            Place::Left | Place::NearLeft => None,
            Place::Middle | Place::NearRight if bad_left => None,
            // At the right edge even a bad neighbour is used, which is repaired by now.
            Place::Middle | Place::NearRight | Place::Right => at(pixels, first - 2),
        };
        let inner_left = first.checked_sub(1).and_then(|column| at(pixels, column));
        // Near the left edge a bad neighbour is used as it is.
        let keeps_bad = place == Place::NearLeft && size < WIDE;
        let outer_right = if bad_right && !keeps_bad { None } else { at(pixels, last + 2) };
        predict(pixels, run, [outer_left, inner_left, at(pixels, last + 1), outer_right], fallback);
    }
}

fn at(pixels: &ArrayViewMut1<'_, f32>, column: usize) -> Option<f64> {
    pixels.get(column).copied().map(f64::from)
}

/// Write what the neighbours, from left to right, predict.
fn predict(pixels: &mut ArrayViewMut1<'_, f32>, run: Run, sites: [Option<f64>; 4], fallback: f32) {
    let [left, right] =
        [[sites[0], sites[1]], [sites[2], sites[3]]].map(|side| side.into_iter().flatten().count());
    let size = run.width();
    let nearest = match (sites[1], sites[2]) {
        (Some(left), Some(right)) => 0.5 * (left + right),
        (Some(only), None) | (None, Some(only)) => only,
        (None, None) => {
            pixels.slice_mut(s![run.first..=run.last]).fill(fallback);
            return;
        }
    };
    for pixel in 0..size {
        let weights = rounded(left, right, size, pixel);
        let terms = sites.iter().zip(weights).filter_map(|(site, w)| site.map(|v| w * v));
        let sum = terms.reduce(|sum, term| sum + term).unwrap_or(nearest);
        #[allow(clippy::cast_possible_truncation, reason = "the result is a pixel value again")]
        let mut value = sum as f32;
        if size == 2 && left == 1 && right == 1 {
            if value < 0.0 {
                value = 0.0;
            }
        } else if value < -f32::MAX {
            #[allow(clippy::cast_possible_truncation, reason = "the same")]
            let inner = nearest as f32;
            value = inner;
        }
        pixels[run.first + pixel] = value;
    }
}

//! Crosstalk: a faint copy of each amplifier's signal in the others, read out at the same time.
//!
//! Pixels of equal rank in the readout meet: all amplifiers are looked at with the corner that is
//! read out first at the origin. Rows of equal rank depend on nothing else, so that they are
//! corrected in place, many at once, with a copy of one such row at a time.

use ndarray::{ArrayView2, ArrayViewMut1, ArrayViewMut2, Axis};

use crate::calibration::PlanesMut;
use crate::error::{KernelError, same_shape};
use crate::masking::Pixel;

const BAND: usize = 64; // rows that one task corrects

/// Where the pixels of an amplifier are, and which corner of them is read out first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amplifier {
    /// First column.
    pub x0: usize,
    /// First row.
    pub y0: usize,
    /// Whether readout begins at the last column.
    pub flip_x: bool,
    /// Whether readout begins at the last row.
    pub flip_y: bool,
}

/// What is to be subtracted.
pub struct Crosstalk<'a> {
    /// The amplifiers; their pixels do not overlap.
    pub amplifiers: &'a [Amplifier],
    /// Rows and columns of each.
    pub size: (usize, usize),
    /// Fraction of the signal, `[target, source]`; only what is not 0 counts.
    pub coefficients: ArrayView2<'a, f32>,
    /// The level of each amplifier that is no signal.
    pub backgrounds: &'a [f32],
    /// Pixels from this level on flag their victims; NaN for none.
    pub level: f64,
    /// The flag of victims. Pixels that have it before flag their victims too, and lose it.
    pub flag: i32,
}

/// Subtract from every amplifier what the signals of the others left on it.
///
/// `c * (source - background)` with the difference in `f32`, the product in `f64` rounded to
/// `f32`; these are summed in `f32` in the order of the sources, then subtracted. The variance
/// gains the sum of `c^2` times that of the sources, by the same rule. Sources are the pixels as
/// they come. Pixels of no amplifier only lose the flag.
///
/// # Errors
///
/// [`KernelError::Shape`] when planes or coefficients have the wrong shape,
/// [`KernelError::Value`] when amplifiers overlap or leave the image.
pub fn subtract(target: PlanesMut<'_>, crosstalk: &Crosstalk<'_>) -> Result<(), KernelError> {
    let shape = target.image.dim();
    same_shape("mask", target.mask.dim(), shape)?;
    same_shape("variance", target.variance.dim(), shape)?;
    let (count, (rows, columns)) = (crosstalk.amplifiers.len(), crosstalk.size);
    same_shape("coefficients", crosstalk.coefficients.dim(), (count, count))?;
    if crosstalk.backgrounds.len() != count {
        let got = crosstalk.backgrounds.len();
        return refuse("backgrounds", format!("are {got}, wanted {count}"));
    }
    let regions = crosstalk.amplifiers.iter().enumerate().map(|(index, amplifier)| {
        let stretch = |first: usize, length: usize, end: usize| {
            let last = first.checked_add(length).filter(|last| *last <= end)?;
            (length > 0).then_some((first, last))
        };
        let y = stretch(amplifier.y0, rows, shape.0)?;
        Some(Region { index, sides: [y, stretch(amplifier.x0, columns, shape.1)?] })
    });
    let Some(regions) = regions.collect::<Option<Vec<_>>>() else {
        let wanted = format!("{rows} rows and {columns} columns on the image");
        return refuse("amplifiers", format!("leave the image, wanted {wanted}"));
    };
    let mut pieces = Pieces { amplifiers: Vec::new(), others: Vec::new() };
    pieces.cut(target, [0, 0], regions)?;
    pieces.amplifiers.sort_unstable_by_key(|(index, _)| *index);
    for mut mask in pieces.others {
        mask.map_inplace(|flags| *flags &= !crosstalk.flag);
    }
    let in_readout_order = |(index, planes)| turned(planes, crosstalk.amplifiers[index]);
    bands(pieces.amplifiers.into_iter().map(in_readout_order).collect(), crosstalk);
    Ok(())
}

/// The planes with the pixel that is read out first at the origin.
fn turned(mut planes: PlanesMut<'_>, amplifier: Amplifier) -> PlanesMut<'_> {
    for (axis, flip) in [amplifier.flip_y, amplifier.flip_x].into_iter().enumerate() {
        if flip {
            planes.image.invert_axis(Axis(axis));
            planes.mask.invert_axis(Axis(axis));
            planes.variance.invert_axis(Axis(axis));
        }
    }
    planes
}

fn refuse<T>(name: &'static str, problem: String) -> Result<T, KernelError> {
    Err(KernelError::Value { name, problem })
}

/// First and last (exclusive) row and column of an amplifier.
struct Region {
    index: usize,
    sides: [(usize, usize); 2],
}

/// The image in pieces: one of each amplifier, and the flags of what is left.
struct Pieces<'a> {
    amplifiers: Vec<(usize, PlanesMut<'a>)>,
    others: Vec<ArrayViewMut2<'a, i32>>,
}

impl<'a> Pieces<'a> {
    /// Cut the planes, whose first pixel is at `origin`, straight between the regions.
    fn cut(
        &mut self,
        planes: PlanesMut<'a>,
        origin: [usize; 2],
        regions: Vec<Region>,
    ) -> Result<(), KernelError> {
        let Some(first) = regions.first() else {
            self.others.push(planes.mask);
            return Ok(());
        };
        if regions.len() == 1 {
            let (index, mut planes) = (first.index, planes);
            for (axis, (start, end)) in first.sides.into_iter().enumerate() {
                let (before, rest) = split(planes, axis, start - origin[axis]);
                let (inside, behind) = split(rest, axis, end - start);
                self.others.extend([before.mask, behind.mask]);
                planes = inside;
            }
            self.amplifiers.push((index, planes));
            return Ok(());
        }
        for axis in 0..2 {
            for at in regions.iter().map(|region| region.sides[axis].1) {
                let (low, high) = (
                    regions.iter().filter(|region| region.sides[axis].1 <= at).count(),
                    regions.iter().filter(|region| region.sides[axis].0 >= at).count(),
                );
                if low + high < regions.len() || high == 0 {
                    continue;
                }
                let (near, far) = regions.into_iter().partition(|r| r.sides[axis].1 <= at);
                let (before, behind) = split(planes, axis, at - origin[axis]);
                self.cut(before, origin, near)?;
                let mut corner = origin;
                corner[axis] = at;
                return self.cut(behind, corner, far);
            }
        }
        refuse("amplifiers", "overlap, or no straight line parts them".to_owned())
    }
}

fn split(planes: PlanesMut<'_>, axis: usize, at: usize) -> (PlanesMut<'_>, PlanesMut<'_>) {
    let (image, image_behind) = planes.image.split_at(Axis(axis), at);
    let (mask, mask_behind) = planes.mask.split_at(Axis(axis), at);
    let (variance, variance_behind) = planes.variance.split_at(Axis(axis), at);
    (
        PlanesMut { image, mask, variance },
        PlanesMut { image: image_behind, mask: mask_behind, variance: variance_behind },
    )
}

fn bands(amplifiers: Vec<PlanesMut<'_>>, crosstalk: &Crosstalk<'_>) {
    let rows = amplifiers.first().map_or(0, |planes| planes.image.nrows());
    if rows <= BAND {
        return band(amplifiers, crosstalk);
    }
    let halves = amplifiers.into_iter().map(|planes| split(planes, 0, rows / 2));
    let (near, far) = halves.unzip();
    rayon::join(|| bands(near, crosstalk), || bands(far, crosstalk));
}

/// Correct a few rows of all amplifiers, which are in readout order.
fn band(mut amplifiers: Vec<PlanesMut<'_>>, crosstalk: &Crosstalk<'_>) {
    let (rows, columns) = amplifiers.first().map_or((0, 0), |planes| planes.image.dim());
    let least = f32::at_least(crosstalk.level);
    let size = amplifiers.len() * columns;
    let (mut signals, mut variances) = (vec![0_f32; size], vec![0_f32; size]);
    let mut flags = vec![0_i32; size];
    let (mut lost, mut spread) = (vec![0_f32; columns], vec![0_f32; columns]);
    let mut victims = vec![0_i32; columns];
    for row in 0..rows {
        for (index, planes) in amplifiers.iter_mut().enumerate() {
            let part = index * columns..(index + 1) * columns;
            let background = crosstalk.backgrounds[index];
            let flags = &mut flags[part.clone()];
            pairwise(planes.mask.row_mut(row), flags, |had, flag| *flag = *had & crosstalk.flag);
            if let Some(least) = least {
                pairwise(planes.image.row_mut(row), flags, |pixel, flag| {
                    *flag |= if *pixel >= least { crosstalk.flag } else { 0 };
                });
            }
            let signals = &mut signals[part.clone()];
            pairwise(planes.image.row_mut(row), signals, |pixel, to| *to = *pixel - background);
            pairwise(planes.variance.row_mut(row), &mut variances[part], |from, to| *to = *from);
        }
        for (planes, coefficients) in amplifiers.iter_mut().zip(crosstalk.coefficients.rows()) {
            lost.fill(0.0);
            spread.fill(0.0);
            victims.fill(0);
            for (index, c) in coefficients.iter().enumerate().filter(|(_, c)| **c != 0.0) {
                let part = index * columns..(index + 1) * columns;
                let c = f64::from(*c);
                add(&mut lost, &signals[part.clone()], c);
                add(&mut spread, &variances[part.clone()], c * c);
                let sources = victims.iter_mut().zip(&flags[part]);
                sources.for_each(|(victim, flag)| *victim |= flag);
            }
            pairwise(planes.image.row_mut(row), &mut lost, |pixel, lost| *pixel -= *lost);
            pairwise(planes.variance.row_mut(row), &mut spread, |pixel, more| *pixel += *more);
            pairwise(planes.mask.row_mut(row), &mut victims, |flags, victim| {
                *flags = *flags & !crosstalk.flag | *victim;
            });
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the product is a pixel value again")]
fn add(sums: &mut [f32], values: &[f32], factor: f64) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += (factor * f64::from(*value)) as f32;
    }
}

/// Go through a row and a buffer; also of a row that runs backwards in memory, with slices.
fn pairwise<A, B>(mut row: ArrayViewMut1<'_, A>, buffer: &mut [B], each: impl Fn(&mut A, &mut B)) {
    if let Some(pixels) = row.as_slice_mut() {
        pixels.iter_mut().zip(buffer).for_each(|(a, b)| each(a, b));
        return;
    }
    row.invert_axis(Axis(0));
    if let Some(pixels) = row.as_slice_mut() {
        pixels.iter_mut().zip(buffer.iter_mut().rev()).for_each(|(a, b)| each(a, b));
    } else {
        row.iter_mut().zip(buffer.iter_mut().rev()).for_each(|(a, b)| each(a, b));
    }
}

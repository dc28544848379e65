//! The background on a mesh: one level for each cell.

use ndarray::{Array2, ArrayView1, ArrayView2, s};
use rayon::prelude::*;

use crate::error::{KernelError, same_shape};
use crate::statistics::{Control, Statistic, compute};

/// The level of each cell of a mesh, NaN where no pixel is usable.
///
/// A cell begins at a pair of `y` and `x` and has at most `height` rows and `width` columns; what
/// lies beyond the image is cut off. The level is the mean of its usable pixels, or with `clip`
/// the clipped mean, as [`compute`] measures them.
///
/// # Errors
///
/// [`KernelError::Shape`] when `mask` does not match `image`; [`KernelError::Value`] when a cell
/// has no pixel on the image, or the control makes no sense.
pub fn mesh_levels(
    image: ArrayView2<'_, f32>,
    mask: ArrayView2<'_, i32>,
    (y, x): (ArrayView1<'_, i64>, ArrayView1<'_, i64>),
    (height, width): (usize, usize),
    control: &Control,
    clip: bool,
) -> Result<Array2<f64>, KernelError> {
    same_shape("mask", mask.dim(), image.dim())?;
    let rows = spans("y", y, height, image.nrows())?;
    let columns = spans("x", x, width, image.ncols())?;
    let what = [if clip { Statistic::Meanclip } else { Statistic::Mean }];
    let mut levels = Array2::zeros((rows.len(), columns.len()));
    let cells: Vec<_> = rows.iter().flat_map(|y| columns.iter().map(move |x| (y, x))).collect();
    let found: Result<Vec<f64>, KernelError> = cells
        .into_par_iter()
        .map(|(&(y0, y1), &(x0, x1))| {
            let cell = s![y0..y1, x0..x1];
            Ok(compute(image.slice(cell), Some(mask.slice(cell)), control, &what)?[0])
        })
        .collect();
    levels.iter_mut().zip(found?).for_each(|(level, found)| *level = found);
    Ok(levels)
}

/// First and end of each stretch along an axis.
fn spans(
    name: &'static str,
    starts: ArrayView1<'_, i64>,
    size: usize,
    length: usize,
) -> Result<Vec<(usize, usize)>, KernelError> {
    let span = |&start: &i64| {
        let first = usize::try_from(start).ok().filter(|&first| first < length && size > 0);
        let problem = || format!("has {start} for cells of {size} pixels, wanted 0..{length}");
        let first = first.ok_or_else(|| KernelError::Value { name, problem: problem() })?;
        Ok((first, first.saturating_add(size).min(length)))
    };
    starts.iter().map(span).collect()
}

//! Pixel by pixel over rows: the loops that the corrections share.

use ndarray::{ArrayView1, ArrayViewMut1, Zip};

/// Set each `a` from itself and its `b`; the slices make a loop that vectorises.
pub(crate) fn update<A, B: Copy>(
    mut a: ArrayViewMut1<'_, A>,
    b: ArrayView1<'_, B>,
    each: impl Fn(&mut A, B),
) {
    if let (Some(a), Some(b)) = (a.as_slice_mut(), b.as_slice()) {
        a.iter_mut().zip(b).for_each(|(a, b)| each(a, *b));
    } else {
        Zip::from(a).and(b).for_each(|a, b| each(a, *b));
    }
}

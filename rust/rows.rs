//! Pixel by pixel over rows: the loops that the corrections share.

use std::borrow::Cow;

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

/// The pixels of a row side by side: where they lie, or copied from where they are apart.
pub(crate) fn together<T: Clone>(row: ArrayView1<'_, T>) -> Cow<'_, [T]> {
    row.to_slice().map_or_else(|| Cow::Owned(row.to_vec()), Cow::Borrowed)
}

/// Let `change` have the pixels of a row side by side.
pub(crate) fn change_together<T: Copy>(
    mut row: ArrayViewMut1<'_, T>,
    change: impl FnOnce(&mut [T]),
) {
    if let Some(pixels) = row.as_slice_mut() {
        change(pixels);
        return;
    }
    let mut pixels = row.to_vec();
    change(&mut pixels);
    row.iter_mut().zip(pixels).for_each(|(to, pixel)| *to = pixel);
}

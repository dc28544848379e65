use numpy::{PyReadonlyArray1, PyReadwriteArray1};
use pyo3::prelude::*;

use super::detached;
use crate::inflate;

/// One member of a gzip file; see `cfhtisr.io.byte_source`.
#[pyclass(module = "cfhtisr._kernels")]
#[derive(Default)]
pub(crate) struct Inflater(inflate::Inflater);

#[pymethods]
impl Inflater {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// Inflate into `out`; return bytes taken, bytes given, whether the member has ended.
    fn inflate(
        &mut self,
        py: Python<'_>,
        packed: PyReadonlyArray1<'_, u8>,
        mut out: PyReadwriteArray1<'_, u8>,
    ) -> PyResult<inflate::Progress> {
        let (packed, out) = (packed.as_slice()?, out.as_slice_mut()?);
        let inflater = &mut self.0;
        detached(py, || inflater.inflate(packed, out))
    }
}

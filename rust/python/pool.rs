use pyo3::prelude::*;

use crate::pool;

/// Number of threads of the next call; see `cfhtisr.get_num_threads`.
#[pyfunction]
pub(crate) fn num_threads() -> usize {
    pool::num_threads()
}

/// Set the number of threads of later calls; see `cfhtisr.set_num_threads`.
#[pyfunction]
pub(crate) fn set_num_threads(threads: usize) {
    pool::set_num_threads(threads);
}

//! What a kernel may refuse.

use thiserror::Error;

/// The reason why a kernel did not run; nothing has been changed.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum KernelError {
    /// An array does not have the shape of the array that it belongs to.
    #[error("{name} has shape {got:?}, wanted {wanted:?}")]
    Shape {
        /// The argument that was refused.
        name: &'static str,
        /// Its shape, (rows, columns).
        got: (usize, usize),
        /// The shape that was wanted.
        wanted: (usize, usize),
    },
    /// A value is outside what the kernel is defined for.
    #[error("{name} {problem}")]
    Value {
        /// The argument that was refused.
        name: &'static str,
        /// What came and what is wanted.
        problem: String,
    },
}

/// Refuse `name` unless its shape is the one wanted.
///
/// # Errors
///
/// [`KernelError::Shape`] when the shapes differ.
pub fn same_shape(
    name: &'static str,
    got: (usize, usize),
    wanted: (usize, usize),
) -> Result<(), KernelError> {
    if got == wanted { Ok(()) } else { Err(KernelError::Shape { name, got, wanted }) }
}

//! Streams of gzip, inflated piece by piece.

use flate2::{Decompress, FlushDecompress, Status};

use crate::error::KernelError;

/// One member of a gzip file, on its way out.
#[derive(Debug)]
pub struct Inflater(Decompress);

/// What one call took, gave, and whether the member has ended with the right checksum.
pub type Progress = (usize, usize, bool);

impl Default for Inflater {
    fn default() -> Self {
        Self(Decompress::new_gzip(15))
    }
}

impl Inflater {
    /// Inflate from `packed` into `out` until one of them is used up, or the member ends.
    ///
    /// # Errors
    ///
    /// [`KernelError::Value`] when the bytes are no gzip stream, or its checksum is wrong.
    pub fn inflate(&mut self, packed: &[u8], out: &mut [u8]) -> Result<Progress, KernelError> {
        let (taken, given) = (self.0.total_in(), self.0.total_out());
        let status = self.0.decompress(packed, out, FlushDecompress::None);
        let status = status.map_err(|error| {
            let problem = format!("does not inflate: {error}");
            KernelError::Value { name: "gzip stream", problem }
        })?;
        // Neither difference exceeds the length of a slice.
        let size = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let taken = size(self.0.total_in() - taken);
        let given = size(self.0.total_out() - given);
        Ok((taken, given, status == Status::StreamEnd))
    }
}

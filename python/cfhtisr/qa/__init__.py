"""Looking at results: pictures of the mosaic."""

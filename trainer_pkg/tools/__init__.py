"""Commands beside training: other formats of data, transforms written by a language model."""

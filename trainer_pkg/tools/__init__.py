"""Commands beside training: they convert data, and let a language model write a transform."""

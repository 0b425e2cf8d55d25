"""A bundle as C for a watch: read the model, lay its layers out on the stream, write the source."""

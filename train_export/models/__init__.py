"""Keras architectures, one file each."""

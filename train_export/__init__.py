"""The workstation: datasets, training, quantization, export."""

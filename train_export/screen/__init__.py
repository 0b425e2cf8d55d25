"""Training and scoring of the disease screens."""

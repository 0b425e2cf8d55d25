"""The chest profile: lung sounds from a contact microphone or an electronic stethoscope."""

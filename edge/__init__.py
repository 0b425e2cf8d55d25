"""Airway on the device: respiratory sounds from a microphone to events over MQTT.

A screening aid, not a diagnosis.
"""

__version__ = "0.1.0"

"""Subcommands of `airway-train`, one module each: `add(commands)` registers parser and handler."""

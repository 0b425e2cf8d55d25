"""Subcommands of `airway`, one module each: `add(commands)` registers its parser and handler."""

"""The version of the package; ``setup.cfg`` and CHANGELOG name the same one."""

__version__ = "0.1.0"

"""Tests of the plugin for pytest: each writes a small suite and runs pytest on it."""
pytest_plugins = ("pytester",)

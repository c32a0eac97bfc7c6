"""What the plugin says while tests run: on standard error, past pytest's capture."""
import sys
import warnings
from contextlib import contextmanager

from _pytest._io import TerminalWriter


class PytestBenchmarkWarning(UserWarning):
    """Something that makes results less than was asked for."""


class Logger:
    """Says things in one of three levels: quiet, normal, verbose."""

    def __init__(self, verbose=False, quiet=False, config=None):
        self.verbose = verbose
        self.quiet = quiet and not verbose
        self.capture = config and config.pluginmanager.getplugin("capturemanager")
        self.terminal = TerminalWriter(sys.stderr)

    @contextmanager
    def _uncaptured(self):
        if self.capture is None or not self.capture.is_globally_capturing():
            yield
            return
        self.capture.suspend_global_capture(in_=True)
        try:
            yield
        finally:
            self.capture.resume_global_capture()

    def _line(self, text, **style):
        with self._uncaptured():
            self.terminal.line(text, **style)

    def warning(self, text, warner=None, suspend=False):
        """Something is not as it was asked for. `warner` belongs to the test that it is about."""
        if self.verbose:
            rule = "-" * self.terminal.fullwidth
            with self._uncaptured():
                self.terminal.line("")
                self.terminal.line(rule, yellow=True, bold=True)
                self.terminal.line(" WARNING: {}".format(text), red=True, bold=True)
                self.terminal.line(rule, yellow=True, bold=True)
        if warner is not None:
            warner(PytestBenchmarkWarning(text))
        elif not self.verbose:
            warnings.warn(PytestBenchmarkWarning(text), stacklevel=2)

    def error(self, text):
        """Something has failed."""
        self._line(text, red=True, bold=True)

    def info(self, text, newline=False, **style):
        """Something that was done."""
        if not self.quiet:
            self._line(("\n" if newline else "") + text, **style)

    def debug(self, text, **style):
        """How it is done; only if asked for."""
        if self.verbose:
            self._line(text, **style)

"""unghost: applicants hear what became of their application.

Two ends and a wire: `jobboard` tells applicants, `ats` reports what recruiters did, `wire` is what crosses
between them. See ARCHITECTURE.md.
"""

__version__ = "0.1.0"

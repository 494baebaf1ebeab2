"""Programs for those who work on unghost; no part of what is installed."""

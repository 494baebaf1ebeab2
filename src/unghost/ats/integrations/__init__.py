"""Views and pages ready to mount into an ATS, one module for each way to mount them; none imports more than its own."""

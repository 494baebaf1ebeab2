"""Tern: a small ATS in Flask with SQLAlchemy that tells a job board what its recruiters do. One command runs it.

`python -m examples.flask_ats`; what it needs in its environment it says with --help.
"""

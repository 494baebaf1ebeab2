"""Curlew: a small ATS in Django that tells a job board what its recruiters do. One command runs it.

`python -m examples.django_ats`; what it needs in its environment it says with --help.
"""

"""The demo: the job board, its dispatcher, an inbox and a pretend ATS as one process tree, without Docker or network.

Composes what production runs; nothing below it knows that it is a demo.
"""

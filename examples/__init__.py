"""Two small, real ATSs that report with unghost: one in Flask with SQLAlchemy, one in Django. Made to be read.

What both need and unghost has nothing to do with stands here: settings, a server, the style sheet, fetching a résumé.
"""

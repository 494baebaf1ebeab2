"""A Django app: put "unghost.ats.integrations.django" into INSTALLED_APPS, run migrate, and call `ats.record` (R29).

Its migration creates the three tables, its models show them in the admin. Nothing is recorded by itself: `signals` is
for those who ask for it.
"""

"""The app's migrations. Each database's own words stand in `ats/store/schema.py`."""
